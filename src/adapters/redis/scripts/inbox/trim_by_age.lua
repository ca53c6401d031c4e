-- Drops requests of before a time. ARGV: before when, how many, `done` to keep what is pending, the sources. Answers
-- how many were dropped.
local left = tonumber(ARGV[2])
for i = 1, sources do
  local _, pending, done = source(i)
  for _, set in ipairs(ARGV[3] == 'done' and {done} or {done, pending}) do
    for _, cursor in ipairs(redis.call('ZRANGEBYSCORE', set, '-inf', '(' .. ARGV[1], 'LIMIT', 0, left)) do
      drop(i, cursor)
      left = left - 1
    end
  end
end
return tonumber(ARGV[2]) - left
