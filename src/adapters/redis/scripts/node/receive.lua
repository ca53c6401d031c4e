-- Mail after a place, oldest first. What lies before the place is dropped; the entry at the place stays, as the proof
-- that the mailbox still knows what it gave out. A mailbox without that proof is one that lost its end, and mail with
-- it: it is dropped whole.
-- KEYS: mailbox. ARGV: place, most entries.
local mailbox, place, most = KEYS[1], ARGV[1], ARGV[2]
local last = redis.call('XREVRANGE', mailbox, place, '-', 'COUNT', 1)[1]
if last and last[1] ~= place then
  redis.call('DEL', mailbox)
  return {}
end
if last then
  redis.call('XTRIM', mailbox, 'MINID', place)
end
local mail = {}
for _, entry in ipairs(redis.call('XRANGE', mailbox, '(' .. place, '+', 'COUNT', most)) do
  if entry[2][1] == 'mail' then
    mail[#mail + 1] = entry[1]
    mail[#mail + 1] = entry[2][2]
  end
end
return mail
