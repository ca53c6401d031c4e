-- KEYS: channel, members, log. ARGV: epoch, at, how many fields and the fields, then player and body of each member.
local channel, members, log = KEYS[1], KEYS[2], KEYS[3]
if redis.call('EXISTS', channel) == 1 then return redis.error_reply('DUPLICATE refused') end
local epoch, at, fields = ARGV[1], ARGV[2], tonumber(ARGV[3])
redis.call('DEL', members, log)
redis.call('HSET', channel, 'epoch', epoch, 'born', epoch, 'incarnation', incarnation(), 'created', at, unpack(ARGV, 4, 3 + fields))
local head = 0
for place = 4 + fields, #ARGV, 2 do
  head = head + 1
  redis.call('XADD', log, head .. '-0', 'e', epoch, 'a', at, 'b', ARGV[place + 1])
  redis.call('HSET', members, ARGV[place], epoch .. '-' .. head .. ' ' .. at)
end
redis.call('HSET', channel, 'head', head)
if head == 0 and redis.call('HGET', channel, 'owned') == '1' then redis.call('HSET', channel, 'vacant', at) end
return head
