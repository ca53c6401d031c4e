-- Takes over a node whose lease ran out, unless a live node has it already.
-- KEYS: leases, claims. ARGV: dead, by, now.
local leases, claims, dead, by, now = KEYS[1], KEYS[2], ARGV[1], ARGV[2], tonumber(ARGV[3])
local function lives(node)
  local till = redis.call('ZSCORE', leases, node)
  return till and tonumber(till) >= now
end
if not redis.call('ZSCORE', leases, dead) or lives(dead) then
  return 0
end
local holder = redis.call('HGET', claims, dead)
if holder and holder ~= by and lives(holder) then
  return 0
end
redis.call('HSET', claims, dead, by)
return 1
