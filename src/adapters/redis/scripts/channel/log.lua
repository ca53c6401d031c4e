-- What the scripts of a channel share. KEYS: channel, members, log, bell.
local channel, members, log, bell = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- Epochs that are remembered with the place of their last event.
local PRIOR = 8

local function has_epoch(epoch, wanted, prior)
  return epoch == wanted or string.find(',' .. (prior or ''), ',' .. wanted .. ':', 1, true) ~= nil
end

-- Where the log is, from what the channel has. In another incarnation of the server its end may be gone, and its
-- sequences would be given out again: a new epoch begins after what is left.
local function open(fresh, epoch, head, known, prior)
  local present = incarnation()
  if known ~= present then
    local kept = {epoch .. ':' .. head}
    for entry in string.gmatch(prior or '', '[^,]+') do
      if #kept < PRIOR then kept[#kept + 1] = entry end
    end
    epoch = fresh
    redis.call('HSET', channel, 'epoch', epoch, 'prior', table.concat(kept, ','), 'incarnation', present)
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
  -- Mostly nothing is too old, and a look at one entry is all it takes.
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if not first or tonumber(first[2][4]) >= tonumber(oldest) then return end
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
