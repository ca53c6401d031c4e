-- The life of this server as a master: its process, and the history it writes.
local function incarnation()
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
  local history = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
  return string.sub(run, 1, 20) .. string.sub(history, 1, 20)
end
