-- Puts mail into a mailbox that is there, and rings. A full one is dropped whole.
-- KEYS: mailbox. ARGV: mail, most entries, bell.
local mailbox, mail, most, bell = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3]
local entries = redis.call('XLEN', mailbox)
if entries == 0 then
  return 0
end
if entries >= most then
  redis.call('DEL', mailbox)
  return 0
end
redis.call('XADD', mailbox, '*', 'mail', mail)
redis.call('SPUBLISH', bell, '')
return 1
