-- KEYS: entries, channels, owned, then the kinds. ARGV: id, and the epoch its channel was made in, or '' for an entry
-- whose channel has not come within a minute.
local epoch, at = string.match(redis.call('HGET', KEYS[1], ARGV[1]) or '', '^(%x+) (%d+)$')
if not epoch then return end
if ARGV[2] == '' and tonumber(redis.call('TIME')[1]) - tonumber(at) < 60 then return end
if ARGV[2] ~= '' and ARGV[2] ~= epoch then return end
redis.call('HDEL', KEYS[1], ARGV[1])
for place = 2, #KEYS do redis.call('ZREM', KEYS[place], ARGV[1]) end
