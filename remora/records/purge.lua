-- Remove final jobs whose retention is over. ARGV: job ids…

for _, id in ipairs(ARGV) do
  redis.call('DEL', P .. 'job:' .. id, P .. 'run:' .. id)
  redis.call('ZREM', P .. 'jobs', id)
  redis.call('ZREM', P .. 'purge', id)
end
