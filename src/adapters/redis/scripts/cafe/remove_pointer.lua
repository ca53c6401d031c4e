-- Removes a pointer, unless it leads to another cafe by now. KEYS: the pointer. ARGV: the cafe.
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('DEL', KEYS[1])
end
