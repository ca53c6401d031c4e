-- What scripts that drop requests share. KEYS: state, cursors, heads, bodies, answers, then of each source in turn:
-- order, pending, done. The sources are the last arguments.
local sources = (#KEYS - 5) / 3

local function source(i)
  local first = 3 + 3 * i
  return KEYS[first], KEYS[first + 1], KEYS[first + 2], ARGV[#ARGV - sources + i]
end

local function drop(i, cursor)
  local order, pending, done, name = source(i)
  local head = redis.call('HGET', KEYS[3], cursor)
  redis.call('HDEL', KEYS[2], string.sub(head, string.find(head, ' ', 1, true) + 1))
  for _, map in ipairs({KEYS[3], KEYS[4], KEYS[5]}) do
    redis.call('HDEL', map, cursor)
  end
  for _, set in ipairs({order, pending, done}) do
    redis.call('ZREM', set, cursor)
  end
  if cursor > (redis.call('HGET', KEYS[1], 'dropped:' .. name) or '') then
    redis.call('HSET', KEYS[1], 'dropped:' .. name, cursor)
  end
end
