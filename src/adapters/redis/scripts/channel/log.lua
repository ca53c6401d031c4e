-- What the scripts of a channel share. KEYS: channel, members, log, bell.
local channel, members, log, bell = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- Epochs that are remembered with the place of their last event.
local PRIOR = 8

local function has_epoch(epoch, wanted, prior)
  return epoch == wanted or string.find(',' .. (prior or ''), ',' .. wanted .. ':', 1, true) ~= nil
end

-- Where the log is. In another incarnation of the server its end may be gone: a new epoch begins after what is left.
local function open(fresh)
  local found = redis.call('HMGET', channel, 'epoch', 'head', 'incarnation', 'prior')
  local epoch, head, known, prior = found[1], found[2], found[3], found[4] or ''
  if known ~= INCARNATION then
    if known then
      local kept = {epoch .. ':' .. head}
      for entry in string.gmatch(prior, '[^,]+') do
        if #kept < PRIOR then kept[#kept + 1] = entry end
      end
      epoch = fresh
      redis.call('HSET', channel, 'epoch', epoch, 'prior', table.concat(kept, ','))
    end
    redis.call('HSET', channel, 'incarnation', INCARNATION)
  end
  return epoch, tonumber(head)
end

-- Appends the next event and rings with it.
local function append(epoch, head, at, body)
  local sequence = string.format('%d', head + 1)
  redis.call('XADD', log, sequence .. '-0', 'e', epoch, 'a', at, 'b', body)
  redis.call('HSET', channel, 'head', sequence)
  local place = epoch .. '-' .. sequence
  redis.call('SPUBLISH', bell, place .. ' ' .. at .. ' ' .. body)
  return place
end

-- Now and then, drops what is over the limits. The event just appended never is.
local function trim(head, count, oldest)
  if (head + 1) % 64 ~= 0 then return end
  redis.call('XTRIM', log, 'MAXLEN', '=', count)
  while true do
    local entries = redis.call('XRANGE', log, '-', '+', 'COUNT', 64)
    for _, entry in ipairs(entries) do
      if tonumber(entry[2][4]) >= tonumber(oldest) then
        redis.call('XTRIM', log, 'MINID', '=', entry[1])
        return
      end
    end
    if #entries < 64 then return end
    redis.call('XTRIM', log, 'MINID', '=', entries[#entries][1])
  end
end
