-- ARGV: fresh epoch, player, at, body, kept events, oldest kept (both: plain, with history), place of ENTER or ''.
local fresh, player, at, body = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local found = redis.call('HMGET', channel, 'epoch', 'head', 'incarnation', 'prior', 'history', 'owned')
if not found[1] then return redis.error_reply('NOTFOUND refused') end
local member = redis.call('HGET', members, player)
local entered = member and string.match(member, '^(%S+) ')
if not entered or (ARGV[9] ~= '' and ARGV[9] ~= entered) then return redis.error_reply('NOTMEMBER refused') end
local epoch, head = open(fresh, unpack(found, 1, 4))
redis.call('HDEL', members, player)
if found[6] == '1' and redis.call('HLEN', members) == 0 then redis.call('HSET', channel, 'vacant', at) end
local place = append(epoch, head, at, body)
if found[5] == '1' then trim(head, ARGV[7], ARGV[8]) else trim(head, ARGV[5], ARGV[6]) end
return {place, entered}
