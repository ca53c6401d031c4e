-- Records a request as pending, or says what is there.
--
-- KEYS: state, cursors, heads, bodies, answers, and of the source: order, pending, done. ARGV: name, body, now, the
-- oldest time that counts, source. A name is the source, a zero byte and the key; a head is the time and the name.
-- Cursors are 20 digits, so that their texts sort like them.
local state, cursors, heads, bodies, answers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local order, pending, done = KEYS[6], KEYS[7], KEYS[8]
local name, body, now, oldest, source = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

local old = redis.call('HGET', cursors, name)
if old then
  local at = string.match(redis.call('HGET', heads, old), '^%S+')
  if tonumber(at) >= tonumber(oldest) then
    local is_same = redis.call('HGET', bodies, old) == body and 'same' or 'other'
    local answer = redis.call('HGET', answers, old)
    return answer and {'done', is_same, answer} or {'pending', is_same, at}
  end
  for _, set in ipairs({order, pending, done}) do
    redis.call('ZREM', set, old)
  end
  for _, map in ipairs({heads, bodies, answers}) do
    redis.call('HDEL', map, old)
  end
  if old > (redis.call('HGET', state, 'dropped:' .. source) or '') then
    redis.call('HSET', state, 'dropped:' .. source, old)
  end
end

-- A server that may have lost its last records must not give their cursors to others.
local present = incarnation()
if redis.call('HGET', state, 'incarnation') ~= present then
  redis.call('HSET', state, 'incarnation', present)
  if redis.call('HEXISTS', state, 'cursor') == 1 then
    redis.call('HINCRBY', state, 'cursor', 1000000)
  end
end
local cursor = string.format('%020.0f', redis.call('HINCRBY', state, 'cursor', 1))
redis.call('HSET', cursors, name, cursor)
redis.call('HSET', heads, cursor, now .. ' ' .. name)
redis.call('HSET', bodies, cursor, body)
redis.call('ZADD', order, 0, cursor)
redis.call('ZADD', pending, now, cursor)
return {'new', '', ''}
