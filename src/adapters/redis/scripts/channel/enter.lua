-- ARGV: fresh epoch, player, at, body, kept events, oldest kept (both: plain, with history), then by what right:
--   'open'                       without a password
--   'judged' revision '1' or '0' with a password that was compared with the one of this revision
--   'restore' epoch revision     as a former member
local fresh, player, at, body = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local right = ARGV[9]
local found = redis.call('HMGET', channel, 'epoch', 'head', 'incarnation', 'prior', 'history', 'revision', 'locked', 'max')
if not found[1] then return redis.error_reply('NOTFOUND refused') end
local revision, admitted = found[6], found[7] == '0'
if right == 'restore' then
  if not has_epoch(found[1], ARGV[10], found[4]) then return redis.error_reply('NOTFOUND refused') end
  admitted = ARGV[11] == revision
elseif right == 'judged' then
  if ARGV[10] ~= revision then return redis.error_reply('REVISION refused') end
  admitted = ARGV[11] == '1'
end
if redis.call('HEXISTS', members, player) == 1 then return redis.error_reply('ALREADYMEMBER refused') end
if not admitted then return redis.error_reply('WRONGPASSWORD refused') end
if redis.call('HLEN', members) >= tonumber(found[8]) then return redis.error_reply('FULL refused') end
local epoch, head = open(fresh, unpack(found, 1, 4))
local place = append(epoch, head, at, body)
redis.call('HSET', members, player, place .. ' ' .. at)
redis.call('HDEL', channel, 'vacant')
if found[5] == '1' then trim(head, ARGV[7], ARGV[8]) else trim(head, ARGV[5], ARGV[6]) end
return {place, revision}
