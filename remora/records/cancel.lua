-- Store the wish to end a job. ARGV: id, who asks, cause JSON for a job that was never sent, retention ms, probe ms
-- Gives {state after, host, 1 if the host must be told, 1 if a parked remora.run waits for its message}, {} if there is no such job.

local id, record = ARGV[1], P .. 'job:' .. ARGV[1]
local job = redis.call('HMGET', record, 'state', 'host', 'cancel_by')
local state, host = job[1], job[2]
if not state then return {} end
if state == 'accepted' then
  redis.call('HSET', record, 'cancel_by', ARGV[2], 'cause', ARGV[3])
  local released = move(id, host, state, 'cancelled', tonumber(ARGV[4]))
  arm(host, tonumber(ARGV[5]))
  tell(id)
  return { 'cancelled', host, 0, released and 1 or 0 }
end
if not PLACE[state] then return { state, host, 0, 0 } end
local first = redis.call('HSETNX', record, 'cancel_by', ARGV[2]) == 1
-- one that has ended already only gets no further attempt
if state == 'collecting' then return { state, host, 0, 0 } end
if first then redis.call('SADD', P .. 'cancel:' .. host, id)
elseif redis.call('SISMEMBER', P .. 'cancel:' .. host, id) == 0 then return { state, host, 0, 0 } end
arm(host, tonumber(ARGV[5]))
return { state, host, 1, 0 }
