-- What time it is where the leases are, in milliseconds.
-- KEYS: leases.
local now = redis.call('TIME')
return now[1] * 1000 + math.floor(now[2] / 1000)
