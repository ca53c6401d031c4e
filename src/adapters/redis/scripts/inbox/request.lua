-- What scripts that read requests share. Heads, bodies and answers are their first keys.
local function request(cursor)
  local answer = redis.call('HGET', KEYS[3], cursor)
  return {cursor, redis.call('HGET', KEYS[1], cursor), redis.call('HGET', KEYS[2], cursor), answer or ''}
end

-- Requests until there are enough bytes of them, but at least one.
local function requests(cursors, most)
  local found, bytes = {}, 0
  for i, cursor in ipairs(cursors) do
    bytes = bytes + redis.call('HSTRLEN', KEYS[2], cursor) + redis.call('HSTRLEN', KEYS[3], cursor)
    if i > 1 and bytes > most then
      break
    end
    found[i] = request(cursor)
  end
  return found
end
