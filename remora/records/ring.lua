-- Claim the right to send one message for a step. ARGV: member of due, ms after which it may be sent again
-- Gives {} if one is on its way, else {speaker} with '' for nobody alive.

if not redis.call('SET', P .. 'bell:' .. ARGV[1], now, 'NX', 'PX', ARGV[2]) then return {} end
local host = string.match(ARGV[1], '^%a+:(.*)$')
local speaker = redis.call('HGET', P .. 'host:' .. host, 'speaker')
if speaker and redis.call('EXISTS', P .. 'lease:' .. speaker) == 1 then return { speaker } end
return { '' }
