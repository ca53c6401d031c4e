-- KEYS: entries, channels, owned, then the kinds. ARGV: id, epoch, the key of its kind, whether a player owns it.
local id = ARGV[1]
for place = 2, #KEYS do redis.call('ZREM', KEYS[place], id) end
redis.call('HSET', KEYS[1], id, ARGV[2] .. ' ' .. redis.call('TIME')[1])
redis.call('ZADD', KEYS[2], 0, id)
redis.call('ZADD', ARGV[3], 0, id)
if ARGV[4] == '1' then redis.call('ZADD', KEYS[3], 0, id) end
