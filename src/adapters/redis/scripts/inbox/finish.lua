-- Gives a pending request its answer. KEYS: cursors, heads, answers, and of the source: pending, done. ARGV: name,
-- answer.
local cursor = redis.call('HGET', KEYS[1], ARGV[1])
if cursor and redis.call('HSETNX', KEYS[3], cursor, ARGV[2]) == 1 then
  redis.call('ZREM', KEYS[4], cursor)
  redis.call('ZADD', KEYS[5], string.match(redis.call('HGET', KEYS[2], cursor), '^%S+'), cursor)
end
