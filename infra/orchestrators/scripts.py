"""The Lua scripts: each is one whole change, or one whole look, at one moment of Redis' clock.

A lock is a hash of its own, an orchestrator too; `meta` has the newest token. ARGV[1] is the time in microseconds, 0
for that of Redis; a test gives its own. Figures are kept as text, for Lua's own way to print them loses digits.
"""

PREFIX = "{headway:orchestrators}:"  # one hash slot, so that the scripts also run on a Redis cluster
CHANNEL = PREFIX + "changes"

_KEPT_MS = 3_600_000
"""Longer than it is valid, a lock stays to be looked at, and then goes by itself. An orchestrator that ended, too."""

_COMMON = f"""
local P, KEPT_MS = '{PREFIX}', {_KEPT_MS}
local now = tonumber(ARGV[1])
if now == 0 then
  local clock = redis.call('TIME')
  now = clock[1] * 1000000 + clock[2]
end
local function text(number) return string.format('%.0f', number) end

-- Never given twice: by count while Redis has its data, by the clock when it has lost it.
local function next_token()
  local token = math.max(now, tonumber(redis.call('HGET', P .. 'meta', 'token') or 0) + 1)
  redis.call('HSET', P .. 'meta', 'token', text(token))
  return text(token)
end

local function tell(kind, orchestrator, name, token)
  redis.call('PUBLISH', P .. 'changes', cjson.encode({{
    kind = kind, orchestrator = orchestrator, name = name or '', token = token or '0', at = text(now)}}))
end

-- Nobody has asked anything for as long as a failover takes: Redis was away, so nobody's silence means anything yet.
local meta = redis.call('HMGET', P .. 'meta', 'seen', 'failover', 'quiet')
local quiet = tonumber(meta[3] or 0)
local failover = tonumber(meta[2] or 0)
if now - tonumber(meta[1] or 0) > failover and failover > 0 then
  quiet = now + failover
  redis.call('HSET', P .. 'meta', 'quiet', text(quiet))
end
redis.call('HSET', P .. 'meta', 'seen', text(now))

local function silent(heard, limit) return now - heard > limit and now >= quiet end

local function alive(orchestrator, epoch)
  local o = redis.call('HMGET', P .. 'orch:' .. orchestrator, 'epoch', 'status', 'heard', 'failover')
  return o[1] == epoch and o[2] ~= 'terminated' and not silent(tonumber(o[3]), tonumber(o[4]))
end

-- epoch 0: the holder is no orchestrator, and only the lock's own time counts.
local function lock_of(name)
  local l = redis.call('HMGET', P .. 'lock:' .. name, 'holder', 'epoch', 'token', 'ends', 'rank', 'renewed', 'nonce')
  if not l[1] then return nil end
  local lock = {{holder = l[1], epoch = l[2], token = l[3], ends = tonumber(l[4]), rank = tonumber(l[5]),
    renewed = tonumber(l[6]), nonce = l[7]}}
  lock.valid = lock.ends > now and (lock.epoch == '0' or alive(lock.holder, lock.epoch))
  return lock
end

local function extend(name, holder, ttl)
  local key, held = P .. 'lock:' .. name, P .. 'held:' .. holder
  redis.call('HSET', key, 'ends', text(now + ttl), 'renewed', text(now))
  redis.call('PEXPIRE', key, math.ceil(ttl / 1000) + KEPT_MS)
  redis.call('ZREMRANGEBYSCORE', held, '-inf', text(now))
  redis.call('ZADD', held, text(now + ttl), name)
  redis.call('PEXPIRE', held, math.ceil(ttl / 1000) + KEPT_MS)
end

local function drop(name, lock)
  redis.call('DEL', P .. 'lock:' .. name)
  redis.call('ZREM', P .. 'held:' .. lock.holder, name)
  tell('released', lock.holder, name, lock.token)
end

-- {{'ok', token, holder before, its silence}} or {{'held', token, holder, time left}}
local function acquire(name, holder, epoch, nonce, ttl, rank)
  local lock = lock_of(name)
  if lock and lock.valid then
    if lock.nonce == nonce then  -- asked again: the answer was lost
      redis.call('HSET', P .. 'lock:' .. name, 'rank', text(rank))
      extend(name, holder, ttl)
      return {{'ok', lock.token, '', '0'}}
    end
    if rank <= lock.rank then return {{'held', lock.token, lock.holder, text(lock.ends - now)}} end
  end
  local before, silence = '', 0
  if lock then
    redis.call('ZREM', P .. 'held:' .. lock.holder, name)
    before, silence = lock.holder, now - lock.renewed
  end
  local token = next_token()
  redis.call('HSET', P .. 'lock:' .. name, 'holder', holder, 'epoch', epoch, 'token', token, 'rank', text(rank),
    'nonce', nonce)
  extend(name, holder, ttl)
  tell('taken', holder, name, token)
  return {{'ok', token, before, text(silence)}}
end

local function lost(lock)
  if not lock then return {{'lost', '', ''}} end
  return {{'lost', lock.holder, lock.token}}
end
"""

# ARGV now name holder epoch nonce ttl rank
ACQUIRE = (
    _COMMON
    + """
return acquire(ARGV[2], ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]))
"""
)

# ARGV now name token ttl
RENEW = (
    _COMMON
    + """
local lock = lock_of(ARGV[2])
if not lock or not lock.valid or lock.token ~= ARGV[3] then return lost(lock) end
extend(ARGV[2], lock.holder, tonumber(ARGV[4]))
return {'ok'}
"""
)

# ARGV now name token
RELEASE = (
    _COMMON
    + """
local lock = lock_of(ARGV[2])
if not lock or not lock.valid or lock.token ~= ARGV[3] then return lost(lock) end
drop(ARGV[2], lock)
return {'ok'}
"""
)

# ARGV now name
LOOK = (
    _COMMON
    + """
local lock = lock_of(ARGV[2])
if not lock or not lock.valid then return {} end
return {lock.holder, lock.epoch, lock.token, text(lock.ends - now)}
"""
)

# ARGV now dead holder epoch nonce ttl kind most -> {'ok', name, token, ...} or {'alive'}
TAKEOVER = (
    _COMMON
    + """
local dead, holder, kind = ARGV[2], ARGV[3], ARGV[7]
local epoch = redis.call('HGET', P .. 'orch:' .. dead, 'epoch')
if epoch and dead ~= holder and alive(dead, epoch) then return {'alive'} end
local taken = {'ok'}
for _, name in ipairs(redis.call('ZRANGEBYSCORE', P .. 'held:' .. holder, '(' .. text(now), '+inf')) do
  local lock = lock_of(name)
  if lock and lock.valid and lock.nonce == ARGV[5] then  -- asked again: the answer was lost
    table.insert(taken, name)
    table.insert(taken, lock.token)
  end
end
for _, name in ipairs(redis.call('ZRANGEBYSCORE', P .. 'held:' .. dead, '(' .. text(now), '+inf')) do
  local lock = string.sub(name, 1, #kind) == kind and lock_of(name)
  if lock and not lock.valid and lock.holder == dead then
    table.insert(taken, name)
    table.insert(taken, acquire(name, holder, ARGV[4], ARGV[5], tonumber(ARGV[6]), 0)[2])
    if #taken > 2 * tonumber(ARGV[8]) then break end
  end
end
return taken
"""
)

_SWEEP = """
local function sweep()
  for _, id in ipairs(redis.call('SMEMBERS', P .. 'orchs')) do
    local o = redis.call('HMGET', P .. 'orch:' .. id, 'status', 'heard', 'failover')
    if not o[1] then
      redis.call('SREM', P .. 'orchs', id)
    elseif o[1] ~= 'terminated' and silent(tonumber(o[2]), tonumber(o[3])) then
      redis.call('HSET', P .. 'orch:' .. id, 'status', 'terminated', 'reason', 'died', 'updated', text(now))
      redis.call('PEXPIRE', P .. 'orch:' .. id, KEPT_MS)
      tell('died', id)
    end
  end
end
"""

# ARGV now id epoch status info failover, number of locks to give back, [name token], locks to hold [name rank].
# One of the locks to hold is asked for under the epoch, so that a lost answer does no harm, and lasts for the failover.
BEAT = (
    _COMMON
    + _SWEEP
    + """
local id, epoch, status, limit = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[6])
local me = P .. 'orch:' .. id
local known = redis.call('HMGET', me, 'epoch', 'status')
if epoch == '0' then
  epoch = next_token()
elseif known[1] and tonumber(known[1]) > tonumber(epoch) then
  return {'superseded', known[1]}
end
redis.call('HSET', P .. 'meta', 'failover', text(limit))
if known[1] ~= epoch or known[2] ~= status then
  if known[1] ~= epoch then redis.call('HSET', me, 'created', text(now)) end
  local kind = 'changed'
  if known[1] ~= epoch or known[2] == 'terminated' then kind = 'joined' end
  redis.call('HSET', me, 'status', status, 'reason', '', 'updated', text(now))
  tell(kind, id)
end
redis.call('HSET', me, 'epoch', epoch, 'info', ARGV[5], 'heard', text(now), 'failover', text(limit))
redis.call('PERSIST', me)
redis.call('SADD', P .. 'orchs', id)
sweep()
local i = 8
for _ = 1, tonumber(ARGV[7]) do
  local lock = lock_of(ARGV[i])
  if lock and lock.valid and lock.token == ARGV[i + 1] then drop(ARGV[i], lock) end
  i = i + 2
end
local answers = {'ok', epoch}
while i < #ARGV do
  local answer = acquire(ARGV[i], id, epoch, epoch, limit, tonumber(ARGV[i + 1]))
  table.insert(answers, {ARGV[i], unpack(answer)})
  i = i + 2
end
return answers
"""
)

# ARGV now id epoch
LEAVE = (
    _COMMON
    + """
local id, me = ARGV[2], P .. 'orch:' .. ARGV[2]
local epoch = redis.call('HGET', me, 'epoch')
if epoch ~= ARGV[3] then return {'superseded', epoch or ''} end
for _, name in ipairs(redis.call('ZRANGE', P .. 'held:' .. id, 0, -1)) do
  local lock = lock_of(name)
  if lock and lock.valid and lock.epoch == epoch then drop(name, lock) end
end
redis.call('HSET', me, 'status', 'terminated', 'reason', 'stopped', 'updated', text(now))
redis.call('PEXPIRE', me, KEPT_MS)
tell('left', id)
return {'ok'}
"""
)

# ARGV now -> of each {id, epoch, status, info, heard, failover, created, updated, reason, now, [names of its locks]}
LIST = (
    _COMMON
    + """
local found = {}
for _, id in ipairs(redis.call('SMEMBERS', P .. 'orchs')) do
  local o = redis.call('HMGET', P .. 'orch:' .. id,
    'epoch', 'status', 'info', 'heard', 'failover', 'created', 'updated', 'reason')
  if o[1] then
    local names, held = {}, P .. 'held:' .. id
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', held, '(' .. text(now), '+inf', 'LIMIT', 0, 1000)) do
      local lock = lock_of(name)
      if lock and lock.valid and lock.holder == id then table.insert(names, name) end
    end
    table.insert(found, {id, o[1], o[2], o[3], o[4], o[5], o[6], o[7], o[8], text(now), names})
  end
end
return found
"""
)
