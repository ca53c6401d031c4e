-- Puts a login in the place of the live one. The same as `PlayerState::claim` and `PlayerState::reclaim`, in one
-- round trip instead of two.
-- KEYS: player. ARGV: how (claim or reclaim), login id, time of the login (a text that sorts), login, its place in
-- the list of its node, known since, version.
local player, how, id, at, login, place, known_since, version = KEYS[1], unpack(ARGV)
local found = redis.call('HMGET', player, 'login_id', 'suspended_from', 'suspended_until', 'login', 'listed', 'joined',
  'blocks', 'resume', 'suspension')
local live, from, till = found[1], found[2], found[3]
if how == 'reclaim' and live and live ~= id then
  return {'replaced'}
end
if from and from <= at and (not till or at < till) then
  return {'suspended'}
end
redis.call('HSET', player, 'login', login, 'login_id', id, 'listed', place, 'version', version)
redis.call('HSETNX', player, 'known_since', known_since)
return {'claimed', unpack(found, 4)}
