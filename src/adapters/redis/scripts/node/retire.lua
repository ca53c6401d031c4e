-- Ends a lease and the claim on it.
-- KEYS: leases, claims. ARGV: node.
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('HDEL', KEYS[2], ARGV[1])
return 1
