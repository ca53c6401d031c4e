-- Settlements in their order. KEYS: the order, settlements. ARGV: from, up to, how many. A place is the time, as 16
-- digits, a colon and the session.
local found = {}
for i, place in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  found[i] = redis.call('HGET', KEYS[2], string.sub(place, 18))
end
return found
