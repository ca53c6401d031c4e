-- KEYS: channel. ARGV: the spec this was decided from, then fields.
local spec = redis.call('HGET', KEYS[1], 'spec')
if not spec then return redis.error_reply('NOTFOUND refused') end
if spec ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
