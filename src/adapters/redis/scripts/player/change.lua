-- Changes fields of a player, unless another field is not what it was thought to be: then all are answered, so that
-- the change can be made anew at once.
-- KEYS: player. ARGV: the field to compare, its value (empty: it is missing), version, number of values to set,
-- names and values to set, names to clear.
local player, guard, expected, version, count = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
if (redis.call('HGET', player, guard) or '') ~= expected then
  return redis.call('HGETALL', player)
end
for i = 5 + 2 * count, #ARGV do
  redis.call('HDEL', player, ARGV[i])
end
for i = 5, 4 + 2 * count, 2 do
  redis.call('HSET', player, ARGV[i], ARGV[i + 1])
end
redis.call('HSET', player, 'version', version)
return false
