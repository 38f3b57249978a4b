-- Accept jobs, all or none. ARGV: request JSON
--   {key?, fingerprint, retention (ms), jobs: [{id, host, fields: {name: value}}]}
-- Gives {"created"|"replayed"|"conflict"|"no_host", ids or the host's name…}.

local request = cjson.decode(ARGV[1])
local ids = {}
for index, job in ipairs(request.jobs) do ids[index] = job.id end

if request.key then
  local stored = redis.call('GET', P .. 'key:' .. request.key)
  if stored then
    stored = cjson.decode(stored)
    if stored.fingerprint ~= request.fingerprint then return { 'conflict' } end
    return { 'replayed', unpack(stored.ids) }
  end
end
for _, job in ipairs(request.jobs) do
  if redis.call('EXISTS', P .. 'job:' .. job.id) == 1 then return { 'replayed', unpack(ids) } end
  if redis.call('EXISTS', P .. 'host:' .. job.host) == 0 then return { 'no_host', job.host } end
end

local hosts = {}
local sequence = redis.call('INCRBY', P .. 'sequence', #ids) - #ids
for index, job in ipairs(request.jobs) do
  local record = P .. 'job:' .. job.id
  for name, value in pairs(job.fields) do redis.call('HSET', record, name, value) end
  redis.call('HSET', record, 'host', job.host, 'state', 'accepted', 'attempt', '1', 'created', text(now))
  redis.call('ZADD', P .. 'jobs', sequence + index, job.id)
  -- the fraction keeps the order of jobs accepted at once; a double has 12 bits for it
  redis.call('ZADD', P .. 'accepted:' .. job.host, string.format('%.4f', now - 1 + index / (#ids + 1)), job.id)
  record_event(job.id, job.host, 'accepted', '1')
  hosts[job.host] = true
end
if request.key then
  redis.call('SET', P .. 'key:' .. request.key, cjson.encode({ fingerprint = request.fingerprint, ids = ids }),
    'PX', text(request.retention))
end
for host in pairs(hosts) do arm(host, tonumber(request.probe)) end
for _, id in ipairs(ids) do tell(id) end
return { 'created', unpack(ids) }
