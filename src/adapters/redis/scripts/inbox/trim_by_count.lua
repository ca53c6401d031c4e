-- Looks at the oldest requests after a cursor, as many as there are beyond the newest, and drops them.
--
-- ARGV: how many newest to keep, how many to look at, `done` to keep what is pending, after which cursor, the sources.
-- What is after none of the cursors was looked at before and stays. Answers how many were dropped, and the last one
-- that was looked at, or nothing when there is none left.
local surplus = -tonumber(ARGV[1])
for i = 1, sources do
  local order = source(i)
  surplus = surplus + redis.call('ZCARD', order) - redis.call('ZLEXCOUNT', order, '-', '[' .. ARGV[4])
end
surplus = math.min(surplus, tonumber(ARGV[2]))
if surplus <= 0 then
  return {0, ''}
end

local oldest = {}
for i = 1, sources do
  local order = source(i)
  for _, cursor in ipairs(redis.call('ZRANGEBYLEX', order, '(' .. ARGV[4], '+', 'LIMIT', 0, surplus)) do
    oldest[#oldest + 1] = {cursor, i}
  end
end
table.sort(oldest, function(one, other) return one[1] < other[1] end)
local dropped = 0
for place = 1, surplus do
  local cursor, i = oldest[place][1], oldest[place][2]
  local _, pending = source(i)
  if ARGV[3] ~= 'done' or not redis.call('ZSCORE', pending, cursor) then
    drop(i, cursor)
    dropped = dropped + 1
  end
end
return {dropped, oldest[surplus][1]}
