-- Remove a host that has no jobs under way. ARGV: name
-- Gives -1 if there is none, else how many jobs are under way (0: it is removed).

local host = ARGV[1]
if redis.call('EXISTS', P .. 'host:' .. host) == 0 then return -1 end
local busy = 0
for _, place in ipairs({ 'accepted:', 'live:', 'ended:' }) do busy = busy + redis.call('ZCARD', P .. place .. host) end
if busy > 0 then return busy end
redis.call('DEL', P .. 'host:' .. host, P .. 'cancel:' .. host, P .. 'forget:' .. host, P .. 'follow:' .. host)
redis.call('SREM', P .. 'hosts', host)
for _, step in ipairs({ 'examine', 'submit', 'cancel', 'poll', 'collect' }) do redis.call('ZREM', P .. 'due', step .. ':' .. host) end
tell_host(host)
return 0
