-- KEYS: heads, bodies, answers, cursors. ARGV: name. Answers the request, or nothing.
local cursor = redis.call('HGET', KEYS[4], ARGV[1])
return cursor and {request(cursor)} or {}
