-- Shared by all scripts; put in front of each. The catalogue of every key (all begin with "remora:"):
--
-- job:<id>              hash    the record of a job (fields: remora/records/mapping.py)
-- jobs                  zset    job id -> sequence                          every job, for listing
-- sequence              string                                              jobs accepted so far
-- host:<name>           hash    spec, condition, reason, offered_key, drained, max_jobs, speaker, epoch, boot_id, base,
--                               examined, out_of_contact_since, retry_at (ms), examine (1 = wanted)
-- hosts                 set     names
-- accepted:<host>       zset    job id -> not before, ms                    nothing was sent
-- live:<host>           zset    job id -> since, ms                         starting or running
-- ended:<host>          zset    job id -> since, ms                         collecting
-- cancel:<host>         set     job ids whose cancel the host has not confirmed
-- forget:<host>         zset    <id>.<attempt> -> when, ms                  directories to empty
-- follow:<host>         zset    job id -> until, ms                         somebody reads along
-- due                   zset    <step>:<host> or run:<id> -> when, ms       the due-index: rung when past
-- bell:<member of due>  string  expires                                     a message is on its way
-- lease:<process>       string  expires                                     the process lives
-- purge                 zset    job id -> when, ms                          final records to remove
-- run:<id>              string                                              the parked message of a remora.run
-- key:<identity>:<key>  string  expires                                     idempotency key -> fingerprint and job ids
-- events                stream  capped                                      every change, for notices and audit
-- beat                  string                                              ms of the last tick
-- changes               channel one JSON message per change
--
-- Times are Redis TIME in milliseconds, so clocks of other machines do not matter.

local P = 'remora:'
local EVENTS_KEPT = 100000
local PLACE = { accepted = 'accepted:', starting = 'live:', running = 'live:', collecting = 'ended:' }

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local now = clock()

local function text(number) return string.format('%.0f', number) end

local function check_speaker(host, process, epoch)
  local held = redis.call('HMGET', P .. 'host:' .. host, 'speaker', 'epoch')
  if held[1] ~= process or held[2] ~= epoch then return redis.error_reply('FENCED ' .. host) end
end

-- Set when each step of a host is due, from what waits there. Called after every change.
local function arm(host, probe_ms)
  local facts = redis.call('HMGET', P .. 'host:' .. host, 'condition', 'drained', 'max_jobs', 'retry_at', 'examine',
    'out_of_contact_since')
  local earliest = math.max(now, tonumber(facts[4] or 0))
  local live = redis.call('ZCARD', P .. 'live:' .. host)
  local first = redis.call('ZRANGE', P .. 'accepted:' .. host, 0, 0, 'WITHSCORES')[2]
  local forget = redis.call('ZRANGE', P .. 'forget:' .. host, 0, 0, 'WITHSCORES')[2]
  local due = {}
  if facts[5] == '1' then due.examine = earliest end
  if facts[1] ~= 'new' and facts[1] ~= 'host_key' then
    if first and facts[2] ~= '1' and live < tonumber(facts[3]) then due.submit = math.max(earliest, tonumber(first)) end
    if redis.call('SCARD', P .. 'cancel:' .. host) > 0 then due.cancel = earliest end
    if live > 0 and facts[6] then due.poll = earliest
    elseif live > 0 then due.poll = math.max(earliest, now + probe_ms)
    elseif forget then due.poll = math.max(earliest, tonumber(forget)) end
    if redis.call('ZCARD', P .. 'ended:' .. host) > 0 then due.collect = earliest end
  end
  for _, step in ipairs({ 'examine', 'submit', 'cancel', 'poll', 'collect' }) do
    local member = step .. ':' .. host
    if due[step] then redis.call('ZADD', P .. 'due', text(due[step]), member)
    else redis.call('ZREM', P .. 'due', member) end
  end
end

local function tell(id)
  local job = redis.call('HMGET', P .. 'job:' .. id, 'host', 'state', 'attempt', 'out_size', 'err_size', 'progress')
  redis.call('PUBLISH', P .. 'changes', cjson.encode({ id = id, host = job[1], state = job[2], attempt = tonumber(job[3]),
    out_size = tonumber(job[4] or 0), err_size = tonumber(job[5] or 0), progress = job[6] or cjson.null }))
end

local function tell_host(host)
  redis.call('PUBLISH', P .. 'changes', cjson.encode({ host = host }))
end

local function record_event(id, host, state, attempt)
  redis.call('XADD', P .. 'events', 'MAXLEN', '~', EVENTS_KEPT, '*', 'job', id, 'host', host, 'state', state, 'attempt', attempt)
end

-- Move a job to another state: its place among the host's sets, the times, the event. Gives whether a parked
-- remora.run waits for its end. keep: ms a final record stays; delay: ms before a new attempt may start.
local function move(id, host, before, after, keep, delay)
  local record = P .. 'job:' .. id
  if PLACE[before] then redis.call('ZREM', P .. PLACE[before] .. host, id) end
  redis.call('HSET', record, 'state', after)
  local attempt = redis.call('HGET', record, 'attempt')
  record_event(id, host, after, attempt)
  if PLACE[after] then redis.call('ZADD', P .. PLACE[after] .. host, text(now + (delay or 0)), id) end
  if PLACE[after] == 'live:' then return false end
  redis.call('SREM', P .. 'cancel:' .. host, id)
  if PLACE[after] then return false end
  redis.call('HSET', record, 'finished', text(now))
  redis.call('ZADD', P .. 'purge', text(now + keep), id)
  if redis.call('EXISTS', P .. 'run:' .. id) == 0 then return false end
  redis.call('ZADD', P .. 'due', text(now), 'run:' .. id)
  return true
end

-- The fields of a job that a step needs (remora/records/plan.py: Due).
local FIELDS = { 'state', 'attempt', 'out_size', 'err_size', 'out_host', 'err_host', 'boot_id', 'base', 'retries', 'attempts',
  'success_codes', 'skip_codes', 'cancel_by', 'grace', 'started', 'ended', 'name', 'progress', 'payload', 'cause', 'identity' }
local function look(id)
  local values = redis.call('HMGET', P .. 'job:' .. id, unpack(FIELDS))
  if not values[1] then return nil end
  local job = { id = id }
  for index, name in ipairs(FIELDS) do job[name] = values[index] or nil end
  return job
end
