-- KEYS[5]: the publication, when it may be repeated.
-- ARGV: fresh epoch, author or '', at, body, kept events, oldest kept (both: plain, with history),
--       oldest publication, publication kept ms.
local fresh, author, at, body = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local found = redis.call('HMGET', channel, 'epoch', 'head', 'incarnation', 'prior', 'history')
if not found[1] then return redis.error_reply('NOTFOUND refused') end
if author ~= '' and redis.call('HEXISTS', members, author) == 0 then return redis.error_reply('NOTMEMBER refused') end
local publication = KEYS[5]
if publication then
  local place, when = string.match(redis.call('GET', publication) or '', '^(%S+) (%S+)$')
  if place and tonumber(when) >= tonumber(ARGV[9]) then
    if has_epoch(found[1], string.match(place, '^(%x+)-'), found[4]) then return place end
  end
end
local epoch, head = open(fresh, unpack(found, 1, 4))
local place = append(epoch, head, at, body)
if publication then redis.call('SET', publication, place .. ' ' .. at, 'PX', ARGV[10]) end
if found[5] == '1' then trim(head, ARGV[7], ARGV[8]) else trim(head, ARGV[5], ARGV[6]) end
return place
