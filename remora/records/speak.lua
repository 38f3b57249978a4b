-- Become the speaker of a host unless a living process is. ARGV: host, process
-- Gives {speaker, epoch}; the caller speaks if the speaker is itself. {} if there is no such host.

local record = P .. 'host:' .. ARGV[1]
if redis.call('EXISTS', record) == 0 then return {} end
local held = redis.call('HMGET', record, 'speaker', 'epoch')
if held[1] and (held[1] == ARGV[2] or redis.call('EXISTS', P .. 'lease:' .. held[1]) == 1) then return { held[1], held[2] } end

-- Seeded from the clock, so that epochs grow even after Redis was wiped.
local epoch = text(math.max(tonumber(held[2] or 0) + 1, now))
redis.call('HSET', record, 'speaker', ARGV[2], 'epoch', epoch)
return { ARGV[2], epoch }
