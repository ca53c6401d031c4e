-- KEYS: channel, members. ARGV: '' for the channel alone, '*' for its members, or a player.
local found = redis.call('HMGET', KEYS[1], 'spec', 'epoch', 'head', 'created')
if not found[1] then return redis.error_reply('NOTFOUND refused') end
local members = {}
if ARGV[1] == '*' then
  members = redis.call('HGETALL', KEYS[2])
elseif ARGV[1] ~= '' then
  local member = redis.call('HGET', KEYS[2], ARGV[1])
  if member then members = {ARGV[1], member} end
end
return {found[1], found[2], found[3], found[4], redis.call('HLEN', KEYS[2]), members}
