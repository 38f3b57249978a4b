-- Take what is due at a host. Jobs to start become "starting", durably, before anything is sent.
-- ARGV: host, process, epoch, boot id, base, most starts, JSON list of job ids to look at or "all", probe ms
-- Gives JSON {starts, live, cancels, forgets, ended, followed}.

local host, process, epoch = ARGV[1], ARGV[2], ARGV[3]
local refused = check_speaker(host, process, epoch)
if refused then return refused end

local facts = redis.call('HMGET', P .. 'host:' .. host, 'drained', 'max_jobs')
local room = math.min(tonumber(ARGV[6]), tonumber(facts[2]) - redis.call('ZCARD', P .. 'live:' .. host))
if facts[1] == '1' then room = 0 end
local plan = { starts = {}, live = {}, cancels = {}, forgets = {}, ended = {} }

if room > 0 then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', P .. 'accepted:' .. host, '-inf', text(now), 'LIMIT', 0, room)) do
    redis.call('HSET', P .. 'job:' .. id, 'boot_id', ARGV[4], 'base', ARGV[5])
    move(id, host, 'accepted', 'starting')
    table.insert(plan.starts, look(id))
    tell(id)
  end
end

local taken = {}
for _, job in ipairs(plan.starts) do taken[job.id] = true end
local ids = ARGV[7] == 'all' and redis.call('ZRANGE', P .. 'live:' .. host, 0, -1) or cjson.decode(ARGV[7])
for _, id in ipairs(ids) do
  local job = not taken[id] and look(id)
  if job and (job.state == 'starting' or job.state == 'running') then table.insert(plan.live, job) end
end
for _, id in ipairs(redis.call('SMEMBERS', P .. 'cancel:' .. host)) do
  local job = look(id)
  if job then table.insert(plan.cancels, job) end
end
plan.forgets = redis.call('ZRANGEBYSCORE', P .. 'forget:' .. host, '-inf', text(now), 'LIMIT', 0, 64)
for _, id in ipairs(redis.call('ZRANGE', P .. 'ended:' .. host, 0, 63)) do table.insert(plan.ended, look(id)) end
plan.followed = redis.call('ZCOUNT', P .. 'follow:' .. host, text(now), '+inf') > 0
if #plan.starts > 0 then arm(host, tonumber(ARGV[8])) end
return cjson.encode(plan)
