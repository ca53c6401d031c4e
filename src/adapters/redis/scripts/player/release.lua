-- Ends a login if it is the live one, and says where it was.
-- KEYS: player. ARGV: login id, version.
local player, id, version = KEYS[1], unpack(ARGV)
local found = redis.call('HMGET', player, 'login_id', 'login', 'listed')
if found[1] ~= id then
  return false
end
redis.call('HDEL', player, 'login', 'login_id', 'listed')
redis.call('HSET', player, 'version', version)
return {found[2], found[3]}
