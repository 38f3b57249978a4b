-- Keep the message of a remora.run until its job ends. ARGV: id, message
-- Gives 1; 0 if the job has ended or is gone, and then nothing is kept: its end would not release it any more.

local state = redis.call('HGET', P .. 'job:' .. ARGV[1], 'state')
if not PLACE[state] then return 0 end
redis.call('SET', P .. 'run:' .. ARGV[1], ARGV[2])
return 1
