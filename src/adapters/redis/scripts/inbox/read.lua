-- Requests of several sources in one order.
--
-- KEYS: heads, bodies, answers, state, then the order of each source. ARGV: after which cursor, or nothing for the
-- newest; how many, how many bytes, the sources. Answers up to where they were dropped, and the requests.
local after, limit, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local cursors, dropped = {}, ''
for i = 5, #KEYS do
  local page
  if after == '' then
    page = redis.call('ZREVRANGEBYLEX', KEYS[i], '+', '-', 'LIMIT', 0, ARGV[2])
  else
    page = redis.call('ZRANGEBYLEX', KEYS[i], '(' .. after, '+', 'LIMIT', 0, ARGV[2])
  end
  for _, cursor in ipairs(page) do
    cursors[#cursors + 1] = cursor
  end
  local gone = redis.call('HGET', KEYS[4], 'dropped:' .. ARGV[i - 1])
  if gone and gone > dropped then
    dropped = gone
  end
end
table.sort(cursors, function(one, other)
  if after == '' then
    return one > other
  end
  return one < other
end)
for i = #cursors, limit + 1, -1 do
  cursors[i] = nil
end
return {dropped, requests(cursors, most)}
