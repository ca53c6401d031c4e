-- KEYS: heads, bodies, answers, and pending of the source. ARGV: before when, how many.
local found = {}
for i, cursor in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])) do
  found[i] = request(cursor)
end
return found
