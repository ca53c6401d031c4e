-- Makes a mailbox unless there is one. Its first entry is no mail: it makes the key exist.
-- KEYS: mailbox.
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('XADD', KEYS[1], '*', 'opened', '')
end
return 1
