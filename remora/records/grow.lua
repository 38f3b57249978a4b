-- Tell that more output can be read here. ARGV: JSON [{id, attempt, out_size, err_size}…]
-- Needs no fence: sizes only grow, and the bytes behind them lie in the store already.

for _, more in ipairs(cjson.decode(ARGV[1])) do
  local record = P .. 'job:' .. more.id
  local job = redis.call('HMGET', record, 'attempt', 'out_size', 'err_size')
  if job[1] == text(more.attempt) then
    for index, name in ipairs({ 'out_size', 'err_size' }) do
      if more[name] > tonumber(job[index + 1] or 0) then redis.call('HSET', record, name, text(more[name])) end
    end
    tell(more.id)
  end
end
