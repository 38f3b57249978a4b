-- Find what is due and rung by nobody, and what is to be removed. ARGV: most members
-- Gives {members…}, {job ids to purge…}. Ringing claims each bell for itself, so two beats may tick at once.

redis.call('SET', P .. 'beat', text(now))
local silent = {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', P .. 'due', '-inf', text(now), 'LIMIT', 0, tonumber(ARGV[1]))) do
  if redis.call('EXISTS', P .. 'bell:' .. member) == 0 then table.insert(silent, member) end
end
return { silent, redis.call('ZRANGEBYSCORE', P .. 'purge', '-inf', text(now), 'LIMIT', 0, 1000) }
