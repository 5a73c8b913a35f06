"""The Lua scripts about all holders: the index, revocations and reports. See redis_scripts.

The index has three keys in one slot: the name of each holder by id, the holders by the time at which they are
forgotten, and what is revoked, with the time at which that ends.
"""

from __future__ import annotations

from proxy.store.redis_scripts import script

_REGISTER = """
local id, name, forgotten, now, seconds = unpack(ARGV)
for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now)) do redis.call('HDEL', KEYS[1], old) end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('HSET', KEYS[1], id, name)
redis.call('ZADD', KEYS[2], forgotten, id)
redis.call('EXPIRE', KEYS[1], seconds)
redis.call('EXPIRE', KEYS[2], seconds)
for _, subject in ipairs({id, name}) do
  local ends = redis.call('HGET', KEYS[3], subject)
  if ends and tonumber(ends) > tonumber(now) then return {'1'} end
end
return {'0'}
"""

_REVOKE = """
local subject, ends, now, seconds = unpack(ARGV)
local revoked = redis.call('HGETALL', KEYS[3])
for position = 1, #revoked, 2 do
  if tonumber(revoked[position + 1]) <= tonumber(now) then redis.call('HDEL', KEYS[3], revoked[position]) end
end
redis.call('HSET', KEYS[3], subject, ends)
redis.call('EXPIRE', KEYS[3], seconds)
local found, holders = {}, redis.call('HGETALL', KEYS[1])
for position = 1, #holders, 2 do
  if holders[position] == subject or holders[position + 1] == subject then found[#found + 1] = holders[position] end
end
return found
"""

# A record that is not there yet is about to be made by an instance that has not seen the revocation.
_MARK = """
redis.call('HSET', KEYS[1], 'revoked', '1')
if redis.call('TTL', KEYS[1]) < 0 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return {''}
"""

_HOLDERS = "return redis.call('HKEYS', KEYS[1])"

_RECORD = """
local values = redis.call('HMGET', KEYS[1], 'name', 'expires', 'revoked', 'first', 'last')
for position = 1, 5 do values[position] = values[position] or '' end
return values
"""

_SPENDING = """
local found = {redis.call('HGET', KEYS[1], 'name') or ''}
for position = 2, #KEYS do found[position] = redis.call('HGETALL', KEYS[position]) end
return found
"""

_NOTE = """
if redis.call('SETNX', KEYS[1], '1') == 0 then return {'0'} end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return {'1'}
"""

REGISTER, REVOKE, MARK, HOLDERS = (script(one) for one in (_REGISTER, _REVOKE, _MARK, _HOLDERS))
RECORD, SPENDING, NOTE = (script(one) for one in (_RECORD, _SPENDING, _NOTE))
