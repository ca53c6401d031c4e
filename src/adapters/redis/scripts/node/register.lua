-- Begins a lease, unless the node is claimed by one that lives: a claimer that died will not end its logins.
-- KEYS: leases, claims. ARGV: node, until.
local leases, claims, node, till = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local holder = redis.call('HGET', claims, node)
if holder and tonumber(redis.call('ZSCORE', leases, holder) or 0) >= redis.call('TIME')[1] * 1000 then
  return 0
end
redis.call('HDEL', claims, node)
redis.call('ZADD', leases, till, node)
return 1
