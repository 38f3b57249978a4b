-- Write down what an exchange told. ARGV: host, process, epoch, JSON
--   {changes: [{id, attempt, from: [state…], to?, keep (ms), delay (ms), leaves: bool, set: {field: value}, unset: [field…],
--    stamp: [field…]}], forgotten: [<id>.<attempt>…],
--    cancelled: [id…], facts: {field: value}, unset: [field…], contact?: bool, probe (ms)}
-- A change is applied only if the job is still in that attempt and in one of the states of ``from``.
-- Gives JSON {applied: [id…], released: [id…], startable: bool}: released are those whose parked remora.run now waits for
-- its message; startable says that jobs may be started at once.

local host, process, epoch = ARGV[1], ARGV[2], ARGV[3]
local refused = check_speaker(host, process, epoch)
if refused then return refused end

local news = cjson.decode(ARGV[4])
local applied, released = {}, {}
for _, change in ipairs(news.changes) do
  local record = P .. 'job:' .. change.id
  local job = redis.call('HMGET', record, 'state', 'attempt', 'host')
  local allowed = false
  for _, state in ipairs(change.from) do allowed = allowed or state == job[1] end
  -- a job that is to be cancelled gets no further attempt: it is looked at again, with that wish known
  if change.to == 'accepted' and redis.call('HEXISTS', record, 'cancel_by') == 1 then allowed = false end
  if allowed and job[2] == text(change.attempt) and job[3] == host then
    for name, value in pairs(change.set) do redis.call('HSET', record, name, value) end
    for _, name in ipairs(change.unset) do redis.call('HDEL', record, name) end
    for _, name in ipairs(change.stamp) do redis.call('HSET', record, name, text(now)) end
    if change.to and move(change.id, host, job[1], change.to, change.keep, change.delay) then
      table.insert(released, change.id)
    end
    if change.leaves then -- this attempt is over: its directory may go when the record does
      redis.call('ZADD', P .. 'forget:' .. host, text(now + change.keep), change.id .. '.' .. change.attempt)
    end
    table.insert(applied, change.id)
    tell(change.id)
  end
end
for _, id in ipairs(news.cancelled) do redis.call('SREM', P .. 'cancel:' .. host, id) end
for _, place in ipairs(news.forgotten) do redis.call('ZREM', P .. 'forget:' .. host, place) end

local record = P .. 'host:' .. host
for name, value in pairs(news.facts) do redis.call('HSET', record, name, value) end
for _, name in ipairs(news.unset) do redis.call('HDEL', record, name) end
if news.contact == true then
  redis.call('HDEL', record, 'out_of_contact_since', 'retry_at')
  if not news.facts.reason then redis.call('HDEL', record, 'reason') end
  -- that it answered shows that what was wrong with it has been put right
  local condition = redis.call('HGET', record, 'condition')
  if condition == 'refused' or condition == 'unfit' then redis.call('HSET', record, 'condition', 'ready') end
elseif news.contact == false then redis.call('HSETNX', record, 'out_of_contact_since', text(now)) end
if news.retry_in then redis.call('HSET', record, 'retry_at', text(now + news.retry_in)) end
arm(host, news.probe)
if news.tell_host then tell_host(host) end
local submit = redis.call('ZSCORE', P .. 'due', 'submit:' .. host)
return cjson.encode({ applied = applied, released = released, startable = submit and tonumber(submit) <= now })
