-- KEYS: channel, members, log, bell. ARGV: at, body, vacant before or ''. The event is rung only: its log goes with
-- the channel.
local channel, members, log, bell = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local found = redis.call('HMGET', channel, 'epoch', 'head', 'vacant', 'born')
if not found[1] then return redis.error_reply('NOTFOUND refused') end
if ARGV[3] ~= '' and not (found[3] and tonumber(found[3]) < tonumber(ARGV[3])) then
  return redis.error_reply('NOTVACANT refused')
end
local place = found[1] .. '-' .. string.format('%d', tonumber(found[2]) + 1)
local left = redis.call('HGETALL', members)
redis.call('DEL', channel, members, log)
redis.call('SPUBLISH', bell, place .. ' ' .. ARGV[1] .. ' ' .. ARGV[2])
return {place, left, found[4]}
