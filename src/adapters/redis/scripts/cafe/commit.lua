-- Makes a decision about a cafe take effect, whole or not at all.
--
-- KEYS: documents, their names, deadlines, settlements, their order, and the order of the same game for each of them.
-- ARGV: three lists, each after its length: (name, version) of what is expected; (session, place, body) of
-- settlements; (name, document, deadline) of changes. What is not there is an empty text.
--
-- Answers what became of it, and a deadline that is earlier than every one before.
local documents, names, deadlines, settlements, order = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local at = 0
local function take()
  at = at + 1
  return ARGV[at]
end

for _ = 1, tonumber(take()) do
  local name, version = take(), take()
  if string.sub(redis.call('HGET', documents, name) or '', 1, 16) ~= version then
    return {'conflict', ''}
  end
end

local settled, is_settled = {}, {}
for i = 1, tonumber(take()) do
  local session, place, body = take(), take(), take()
  if is_settled[session] or redis.call('HEXISTS', settlements, session) == 1 then
    return {'settled', ''}
  end
  is_settled[session] = true
  settled[i] = {session, place, body}
end

for i, settlement in ipairs(settled) do
  redis.call('HSET', settlements, settlement[1], settlement[3])
  redis.call('ZADD', order, 0, settlement[2])
  redis.call('ZADD', KEYS[5 + i], 0, settlement[2])
end

local first = tonumber(redis.call('ZRANGE', deadlines, 0, 0, 'WITHSCORES')[2]) or math.huge
local forward = ''
for _ = 1, tonumber(take()) do
  local name, document, deadline = take(), take(), take()
  if document == '' then
    if redis.call('HDEL', documents, name) == 1 then
      redis.call('ZREM', names, name)
    end
  elseif redis.call('HSET', documents, name, document) == 1 then
    redis.call('ZADD', names, 0, name)
  end
  if deadline == '' then
    redis.call('ZREM', deadlines, name)
  else
    redis.call('ZADD', deadlines, deadline, name)
    if tonumber(deadline) < first then
      first, forward = tonumber(deadline), deadline
    end
  end
end
return {'done', forward}
