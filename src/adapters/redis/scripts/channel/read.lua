-- KEYS: channel, log. ARGV: epoch and sequence to read after, limit. Answers epoch, head, the sequence read after,
-- whether the log reaches back to it, and the entries.
local found = redis.call('HMGET', KEYS[1], 'epoch', 'head', 'prior')
if not found[1] then return redis.error_reply('NOTFOUND refused') end
local wanted, head = tonumber(ARGV[2]), tonumber(found[2])
local from, reaches = 0, 0
if ARGV[1] == found[1] then
  -- A place beyond the head is of an end that is gone.
  if wanted <= head then from, reaches = wanted, 1 else from = head end
else
  -- What an earlier epoch had beyond its last known event is lost; what comes after that is of a later one.
  for epoch, last in string.gmatch(found[3] or '', '(%x+):(%d+)') do
    if epoch == ARGV[1] then
      last = tonumber(last)
      if wanted <= last then from, reaches = wanted, 1 else from, reaches = last, 0 end
    end
  end
end
local entries = redis.call('XRANGE', KEYS[2], string.format('%d-0', from + 1), '+', 'COUNT', ARGV[3])
return {found[1], found[2], string.format('%d', from), reaches, entries}
