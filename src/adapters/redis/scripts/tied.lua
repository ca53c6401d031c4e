if ARGV[#ARGV] == 'text' and incarnation() ~= INCARNATION then
  return redis.error_reply('STALE the server is in another incarnation')
end
