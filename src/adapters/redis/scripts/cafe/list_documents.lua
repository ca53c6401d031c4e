-- Documents by name. KEYS: documents, their names. ARGV: from, up to, how many.
local found = {}
for i, name in ipairs(redis.call('ZRANGEBYLEX', KEYS[2], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  found[i] = {name, redis.call('HGET', KEYS[1], name)}
end
return found
