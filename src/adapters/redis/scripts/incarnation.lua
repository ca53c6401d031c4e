-- One life of this server as a master, in which it forgets nothing it has answered: it begins a history of its own at
-- each start and at each promotion.
local function incarnation()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
end
