-- Extends a lease that is there, unless the node is claimed.
-- KEYS: leases, claims. ARGV: node, until.
local leases, claims, node, till = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
if redis.call('HEXISTS', claims, node) == 1 or not redis.call('ZSCORE', leases, node) then
  return 0
end
redis.call('ZADD', leases, till, node)
return 1
