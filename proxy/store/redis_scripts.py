"""The operations of a Redis store as Lua scripts, each of which runs atomically.

All keys of a holder have one hash tag and so one slot, as a cluster asks for; those of the index of holders have
another (redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#hash-tags, read 2026-11-27). Lua's numbers
are doubles, exact up to 2^53; amounts are added by HINCRBY, in 64 bits.

A holder's keys, in the order in which most scripts take them:
1. `record`: a hash with the key's data, the sum of its reservations, and the sums of its periods (`sum|2026-11`)
2. `live`: claims by the time at which they run out
3. `claims`: cost:tokens:bucket of each claim
4. `rates`: requests and tokens of each bucket (`requests|123`)
5. `settled`: claims that have been settled, by time
6. `spending:2026-11`: per day and model of a month (`27|cost|gpt-5`), and the number of a day's models (`27|models`)
"""

from __future__ import annotations

from hashlib import sha1
from typing import NamedTuple

from proxy.store.base import MAX_CLAIMS, MAX_MODELS, OTHER, SETTLED_SECONDS


class Script(NamedTuple):
    """A script and the digest by which a server knows it."""

    source: str
    digest: str


_COMMON = """
local record, live, claims, rates = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local function number(value) return tonumber(value or '0') end
local function digits(value) return string.format('%.0f', value) end
local function get(field) return redis.call('HGET', record, field) end

-- Ends a reservation. Returns its tokens and bucket, or nothing.
local function finish(id)
  local entry = redis.call('HGET', claims, id)
  if not entry then return nil end
  local cost, tokens, bucket = string.match(entry, '^(%d+):(%d+):(.*)$')
  redis.call('HDEL', claims, id)
  redis.call('ZREM', live, id)
  if cost ~= '0' then redis.call('HINCRBY', record, 'reserved', '-' .. cost) end
  return tokens, bucket
end

-- The sum of the reservations that have not run out.
local function reserved(now)
  local sum = number(get('reserved'))
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', live, '-inf', now)) do
    sum = sum - number(string.match(redis.call('HGET', claims, id) or '0:', '^(%d+):'))
  end
  return sum
end

-- The budget's state in a period.
local function balance(period, now)
  return {'', digits(number(get('sum|' .. period))), digits(reserved(now))}
end

-- Corrects the tokens of a bucket that is still counted.
local function correct(bucket, before, after)
  local field = 'tokens|' .. bucket
  if before ~= after and redis.call('HEXISTS', rates, field) == 1 then
    redis.call('HINCRBY', rates, field, digits(number(after) - number(before)))
  end
end

-- Removes reservations that have run out, and buckets that no instance needs any more.
local function prune(now, oldest)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', live, '-inf', now)) do finish(id) end
  for _, field in ipairs(redis.call('HKEYS', rates)) do
    if number(string.match(field, '|(.*)$')) < oldest then redis.call('HDEL', rates, field) end
  end
end

-- Notes that a key was seen. False if the index must hear of it first, which is so once a day.
local function register(known, revoked, name, expires, day, now, seconds)
  if known == '0' and (get('day') or '') < day then return false end
  if known == '1' then
    redis.call('HSET', record, 'name', name, 'expires', expires, 'day', day)
    redis.call('HSETNX', record, 'first', now)
    if revoked == '1' then redis.call('HSET', record, 'revoked', '1') end
    redis.call('EXPIRE', record, seconds)
  end
  if number(get('last')) < number(now) then redis.call('HSET', record, 'last', now) end
  return true
end
"""

_RESERVE = (
    """
local now, known, revoked, name, expires, day, seconds = unpack(ARGV, 1, 7)
local id, cost, tokens, ends, period = unpack(ARGV, 8, 12)
local current, first, last, oldest = unpack(ARGV, 13, 16)
local budget, requests_limit, tokens_limit, parallel = unpack(ARGV, 17, 20)
if not register(known, revoked, name, expires, day, now, seconds) then return {'unknown'} end
if get('revoked') == '1' then return {'revoked', 'never'} end
if redis.call('HEXISTS', claims, id) == 1 then return balance(period, now) end
prune(now, number(oldest))

local running = redis.call('ZCARD', live)
if running >= MAX_CLAIMS or (parallel ~= '' and running >= number(parallel)) then
  return {'parallel', parallel == '0' and 'never' or 'soon'}
end
if running == 0 then redis.call('HSET', record, 'reserved', '0') end

-- The bucket after which the others leave room for the amount, or 'never'; nothing if there is room.
local function full(kind, limit, amount)
  if limit == '' then return nil end
  local room = number(limit) - number(amount)
  if room < 0 then return 'never' end
  local total, amounts = 0, {}
  for bucket = number(first), number(last) do
    amounts[bucket] = number(redis.call('HGET', rates, kind .. '|' .. digits(bucket)))
    total = total + amounts[bucket]
  end
  local after = nil
  for bucket = number(first), number(last) do
    if total <= room then break end
    if amounts[bucket] > 0 then total, after = total - amounts[bucket], digits(bucket) end
  end
  return after
end
local after = full('requests', requests_limit, '1')
if after then return {'requests', after} end
after = full('tokens', tokens_limit, tokens)
if after then return {'tokens', after} end

if budget ~= '' then
  local room = number(budget) - number(cost)
  local spent = number(get('sum|' .. period))
  if room < 0 then return {'budget', 'never'} end
  if spent > room then return {'budget', 'period'} end
  if spent + number(get('reserved')) > room then return {'budget', 'soon'} end
end

local bucket = ''
if requests_limit ~= '' or tokens_limit ~= '' then
  bucket = current
  redis.call('HINCRBY', rates, 'requests|' .. bucket, 1)
  redis.call('HINCRBY', rates, 'tokens|' .. bucket, tokens)
  redis.call('EXPIRE', rates, 3600)
end
redis.call('HSET', claims, id, cost .. ':' .. tokens .. ':' .. bucket)
redis.call('ZADD', live, ends, id)
redis.call('HINCRBY', record, 'reserved', cost)
redis.call('EXPIRE', claims, seconds)
redis.call('EXPIRE', live, seconds)
return balance(period, now)
"""
).replace("MAX_CLAIMS", str(MAX_CLAIMS))

_SETTLE = (
    (
        """
local now, known, revoked, name, expires, day, seconds = unpack(ARGV, 1, 7)
local id, cost, input, output, model, period, oldest, oldest_day = unpack(ARGV, 8, 15)
local settled, spending = KEYS[5], KEYS[6]
if not register(known, revoked, name, expires, day, now, seconds) then return {'unknown'} end
local before, bucket = finish(id)
if before then correct(bucket, before, digits(number(input) + number(output))) end
prune(now, number(oldest))
redis.call('ZREMRANGEBYSCORE', settled, '-inf', '(' .. string.format('%.17g', number(now) - SETTLED_SECONDS))

if redis.call('ZADD', settled, 'NX', now, id) == 1 then
  redis.call('EXPIRE', settled, 86400)
  local function add(key)
    local is_new = redis.call('HEXISTS', record, 'sum|' .. key) == 0
    redis.call('HINCRBY', record, 'sum|' .. key, cost)
    return is_new
  end
  add('total')
  add(string.sub(day, 1, 7))
  if add(day) then  -- a new day: remove sums of periods that ended long ago
    for _, field in ipairs(redis.call('HKEYS', record)) do
      local key = string.match(field, '^sum|(%d.*)$')
      if key and key < string.sub(oldest_day, 1, #key) then redis.call('HDEL', record, field) end
    end
  end
  local date = string.sub(day, 9)
  if model ~= 'OTHER' and redis.call('HEXISTS', spending, date .. '|calls|' .. model) == 0 then
    if number(redis.call('HGET', spending, date .. '|models')) >= MAX_MODELS then
      model = 'OTHER'
    else
      redis.call('HINCRBY', spending, date .. '|models', 1)
    end
  end
  redis.call('HINCRBY', spending, date .. '|calls|' .. model, 1)
  redis.call('HINCRBY', spending, date .. '|cost|' .. model, cost)
  redis.call('HINCRBY', spending, date .. '|input|' .. model, input)
  redis.call('HINCRBY', spending, date .. '|output|' .. model, output)
  redis.call('EXPIRE', spending, seconds)
end
return balance(period, now)
"""
    )
    .replace("SETTLED_SECONDS", str(SETTLED_SECONDS))
    .replace("MAX_MODELS", str(MAX_MODELS))
    .replace("OTHER", OTHER)
)

_RELEASE = """
local now, id, oldest = unpack(ARGV)
local before, bucket = finish(id)
if before then correct(bucket, before, '0') end
prune(now, number(oldest))
return {''}
"""

_BALANCE = """
local now, period = unpack(ARGV)
return balance(period, now)
"""


def script(source: str) -> Script:
    """The script of this source."""
    # Redis names scripts by SHA-1 (redis.io/docs/latest/commands/evalsha, read 2026-11-27); it protects nothing.
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())


RESERVE, SETTLE, RELEASE, BALANCE = (script(_COMMON + one) for one in (_RESERVE, _SETTLE, _RELEASE, _BALANCE))
