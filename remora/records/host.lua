-- Write a host, made or changed at run time. ARGV: name, JSON {facts: {field: value}, unset: [field…], create: bool, probe (ms)}
-- Gives 0 if it exists and should not (create), or should and does not.

local record, news = P .. 'host:' .. ARGV[1], cjson.decode(ARGV[2])
if (redis.call('EXISTS', record) == 1) == news.create then return 0 end
redis.call('SADD', P .. 'hosts', ARGV[1])
for name, value in pairs(news.facts) do redis.call('HSET', record, name, value) end
for _, name in ipairs(news.unset) do redis.call('HDEL', record, name) end
arm(ARGV[1], news.probe)
tell_host(ARGV[1])
return 1
