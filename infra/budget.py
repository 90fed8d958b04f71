"""What all hosts together may spend on models: a cap a UTC day, requests and tokens a minute, and pauses a model.

One Redis script decides and books at once, so hosts cannot race. Each call books its worst case first and settles it
afterwards. A booking that is never settled (its host died) stays booked at its worst case: the money may have been
spent and nobody can know, so the cap errs on the safe side and nothing can leak. Redis may be emptied at any time: the
day's spending is then summed anew from tasks.results, and a host's open bookings are booked again at its next call.
"""

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import redis.asyncio as redis
from redis.exceptions import RedisError

from infra import kafka, log, metrics
from infra.settings import Settings
from schemas.codec import BadMessage, decode_as

_PREFIX = "{headway:budget}:"  # one hash slot, so that the scripts also run on a Redis cluster
_KEPT_S = 2 * 86_400
_STORE_WAIT_S = 10.0
"""How long a call waits for a Redis that does not answer, before it fails and is tried again later."""
_STORE_RETRY_S = 0.25
_LOOK_AGAIN_S = 2.0
"""Longest sleep between two looks: pauses and the cap may change meanwhile."""
_REBUILD_LOCK_S = 120
_PAUSE_BASE_MS = 1_000
_PAUSE_MAX_MS = 60_000

# KEYS spent open pause rate; ARGV id cost cap tokens requests_per_min tokens_per_min kept_s [id cost]...
_RESERVE = """
local spent = tonumber(redis.call('GET', KEYS[1]) or -1)
if spent < 0 then return {'rebuild', 0} end
if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return {'ok', spent} end  -- asked again: the answer was lost
for i = 8, #ARGV, 2 do  -- what this host has under way; missing only when Redis has lost it
  if redis.call('HSETNX', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
    spent = redis.call('INCRBY', KEYS[1], ARGV[i + 1])
  end
end
if spent + tonumber(ARGV[2]) > tonumber(ARGV[3]) then return {'cap', spent} end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local wait = tonumber(redis.call('GET', KEYS[3]) or 0) - now
local need, per_min, tokens_per_min = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local rate = redis.call('HMGET', KEYS[4], 'requests', 'tokens', 'at')
local passed = math.max(0, now - (tonumber(rate[3] or now)))
local requests = math.min(per_min, (tonumber(rate[1] or per_min)) + passed * per_min / 60000)
local tokens = math.min(tokens_per_min, (tonumber(rate[2] or tokens_per_min)) + passed * tokens_per_min / 60000)
wait = math.max(wait, (1 - requests) * 60000 / per_min)
wait = math.max(wait, (math.min(need, tokens_per_min) - tokens) * 60000 / tokens_per_min)
if wait > 0 then return {'wait', math.ceil(wait)} end
redis.call('HSET', KEYS[4], 'requests', tostring(requests - 1), 'tokens', tostring(tokens - need), 'at', now)
redis.call('EXPIRE', KEYS[4], 3600)
redis.call('INCRBY', KEYS[1], ARGV[2])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[7])
return {'ok', spent}
"""

# KEYS spent open rate; ARGV id cost tokens_back
_SETTLE = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 'rebuild' end
local held = redis.call('HGET', KEYS[2], ARGV[1]) or 0
redis.call('HDEL', KEYS[2], ARGV[1])
redis.call('INCRBY', KEYS[1], ARGV[2] - held)
if redis.call('EXISTS', KEYS[3]) == 1 then redis.call('HINCRBYFLOAT', KEYS[3], 'tokens', ARGV[3]) end
return 'ok'
"""

# KEYS pause streak; ARGV asked_ms (0: exponential) base_ms max_ms jitter. A pause that is on counts as one trouble.
_PAUSE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local until_ms = tonumber(redis.call('GET', KEYS[1]) or 0)
local wait = tonumber(ARGV[1])
if wait == 0 then
  if until_ms > now then return until_ms - now end
  local streak = redis.call('INCR', KEYS[2])
  redis.call('EXPIRE', KEYS[2], 300)
  wait = math.min(ARGV[3], ARGV[2] * 2 ^ math.min(streak - 1, 16)) * ARGV[4]
end
wait = math.ceil(wait)
if now + wait > until_ms then redis.call('SET', KEYS[1], string.format('%.0f', now + wait), 'PX', wait + 1000) end
return wait
"""


class CapReached(Exception):
    """The day's money is spent, or would be. The message says what to do."""


class Busy(Exception):
    """No room within the time the caller wanted to wait."""

    def __init__(self, message: str, retry_after_ms: int) -> None:
        super().__init__(message)
        self.retry_after_ms = retry_after_ms


class StoreDown(Exception):
    """Redis does not answer. Nothing may be bought without it."""


class Reservation(NamedTuple):
    """A booking of the worst case of one call."""

    id: str
    day: str
    cost_usd_micros: int
    tokens: int


class Budget:
    """`summed` finds a day's spending in the topics (micro-dollars); it may take its time."""

    def __init__(self, settings: Settings, summed: Callable[[Settings, str], int] | None = None) -> None:
        self._settings = settings
        self._summed = summed or spent_on
        self._cap = round(settings.cost_cap_usd * 1_000_000)
        self._redis = redis.from_url(settings.redis, socket_timeout=2.0, socket_connect_timeout=2.0)
        self._reserve = self._redis.register_script(_RESERVE)
        self._settle = self._redis.register_script(_SETTLE)
        self._pause = self._redis.register_script(_PAUSE)
        self._open: dict[str, Reservation] = {}
        self._log = log.bind(part="budget")

    async def reserve(self, model: str, cost_usd_micros: int, tokens: int, wait_s: float) -> Reservation:
        """Books a call once cap, pauses and rates let it pass; raises CapReached, Busy or StoreDown."""
        reservation = Reservation(uuid.uuid4().hex, _today(), cost_usd_micros, tokens)
        started = time.monotonic()
        try:
            await self._booked(model, reservation, started + wait_s)
        except BaseException:  # the answer may have been lost on its way, so what may be booked is given back
            self._given_back = asyncio.create_task(self.settle(reservation, 0, 0))
            raise
        self._open[reservation.id] = reservation
        metrics.MODEL_WAIT.observe(time.monotonic() - started)
        return reservation

    async def settle(self, reservation: Reservation, cost_usd_micros: int, tokens: int) -> None:
        """Puts what the call did cost in place of its worst case. When Redis is away the worst case stays."""
        self._open.pop(reservation.id, None)
        keys = [_key("spent", reservation.day), _key("open", reservation.day), _key("rate")]
        args: list[str | int] = [reservation.id, cost_usd_micros, reservation.tokens - tokens]
        try:
            while await self._call(self._settle(keys, args)) == b"rebuild":
                # The report of this call is written after it is settled, so the sum cannot hold it yet.
                await self._rebuild(reservation.day)
        except StoreDown as error:
            self._log.warning("a call stays booked at its worst case", error=str(error))

    async def pause(self, model: str, retry_after_s: float | None) -> None:
        """Holds every host's calls of this model: as long as the API asks, else longer each time."""
        asked_ms = 0 if retry_after_s is None else max(1, round(retry_after_s * 1000))
        args = [asked_ms, _PAUSE_BASE_MS, _PAUSE_MAX_MS, random.uniform(0.5, 1.0)]
        wait_ms = await self._call(self._pause([pause_key(model), _key("streak", model)], args))
        self._log.warning("model paused on all hosts", model=model, wait_ms=wait_ms)

    async def answered(self, model: str) -> None:
        """The model works: the next pause starts short again."""
        with contextlib.suppress(StoreDown):  # the streak ends by itself too
            await self._call(self._redis.delete(_key("streak", model)))

    async def spent_usd_micros(self) -> int:
        """Booked today, by all hosts."""
        return int(await self._call(self._redis.get(_key("spent", _today()))) or 0)

    async def close(self) -> None:
        await self._redis.aclose()

    async def _booked(self, model: str, reservation: Reservation, until: float) -> None:
        down_since: float | None = None
        while True:
            try:
                verdict, figure = await self._ask(model, reservation)
                if verdict == "rebuild":
                    await self._rebuild(reservation.day)
                    continue
            except StoreDown:
                down_since = down_since or time.monotonic()
                if time.monotonic() - down_since > _STORE_WAIT_S:
                    raise
                await asyncio.sleep(_STORE_RETRY_S)
                continue
            down_since = None
            if verdict == "ok":
                return
            if verdict == "cap":
                raise CapReached(
                    f"cost cap of ${self._settings.cost_cap_usd:g} a day reached: "
                    "raise HEADWAY_COST_CAP_USD or wait until 00:00 UTC"
                )
            if time.monotonic() + figure / 1000 > until:
                raise Busy(f"the shared model limits leave no room for {figure / 1000:.1f} s", figure)
            # A little apart, so that those who wait for the same moment do not all come at once.
            await asyncio.sleep(min(figure / 1000, _LOOK_AGAIN_S) * random.uniform(1.0, 1.1))

    # -- Redis ------------------------------------------------------------------------------------------------------

    async def _ask(self, model: str, reservation: Reservation) -> tuple[str, int]:
        settings, day = self._settings, reservation.day
        keys = [_key("spent", day), _key("open", day), pause_key(model), _key("rate")]
        under_way: list[str | int] = [x for r in self._open.values() if r.day == day for x in (r.id, r.cost_usd_micros)]
        limits: list[str | int] = [settings.requests_per_min, settings.tokens_per_min, _KEPT_S]
        booking: list[str | int] = [reservation.id, reservation.cost_usd_micros, self._cap, reservation.tokens]
        verdict, figure = await self._call(self._reserve(keys, [*booking, *limits, *under_way]))
        return verdict.decode(), int(figure)

    async def _call(self, command: Awaitable[Any]) -> Any:
        try:
            return await command
        except (RedisError, OSError) as error:
            metrics.REDIS_FAILURES.inc()
            raise StoreDown(f"Redis at {_shown(self._settings.redis)} does not answer: {error}") from error

    async def _rebuild(self, day: str) -> None:
        """Sums the day's spending from the topic; one host does it, the others wait for it."""
        lock = _key("rebuild", day)
        if not await self._call(self._redis.set(lock, "1", nx=True, ex=_REBUILD_LOCK_S)):
            await asyncio.sleep(_STORE_RETRY_S)
            return
        try:
            if await self._call(self._redis.exists(_key("spent", day))):
                return  # another host was done between our question and our lock
            spent = await asyncio.to_thread(self._summed, self._settings, day)
            await self._call(self._redis.set(_key("spent", day), spent, nx=True, ex=_KEPT_S))
            self._log.info("spending of the day summed from tasks.results", day=day, usd=spent / 1e6)
        except kafka.KafkaTrouble as error:
            raise StoreDown(f"the day's spending cannot be summed: {error}") from error
        finally:
            await self._call(self._redis.delete(lock))


def spent_on(settings: Settings, day: str) -> int:
    """Micro-dollars in all reports since the start of the day; each carries what came since the one before it."""
    since = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1_000_000)
    spent = 0
    for message in kafka.read_all(settings, "tasks.results", since_us=since):
        try:
            event = decode_as("TaskResult", message.value())
        except BadMessage:
            continue
        if since <= event["finished_at"] < since + 86_400_000_000:
            spent += max(0, event["cost_usd_micros"])
    return spent


def _today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def pause_key(model: str) -> str:
    """Is there while calls of a model are held, and a second longer."""
    return _key("pause", model)


def _key(*parts: str) -> str:
    return _PREFIX + ":".join(parts)


def _shown(url: str) -> str:
    """The address without its password."""
    return url.rsplit("@", 1)[-1].removeprefix("redis://")
