"""The way to Redis for locks and registry, and what can go wrong there."""

import json
from collections.abc import Callable, Sequence
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from infra import metrics
from infra.orchestrators import scripts
from infra.settings import Settings

ANSWER_S = 1.0
"""How long Redis may take to answer. Its scripts take less than a millisecond; nobody is to be held up by it."""


class OrchestratorError(Exception):
    """
    OrchestratorError
    ├── StoreDown    Redis does not answer, and nothing is known: ask again later
    ├── Held         somebody else has it: wait, or do without
    ├── Lost         you have it no longer: stop what you do under it
    ├── Superseded   another process bears your name: end
    └── StillAlive   it has not died: there is nothing to take over
    """


class StoreDown(OrchestratorError):
    pass


class Held(OrchestratorError):
    def __init__(self, name: str, holder: str, token: int, left_s: float) -> None:
        super().__init__(f"{name} is held by {holder} for {left_s:.1f} s more, unless it is renewed; ask again then")
        self.name, self.holder, self.token, self.left_s = name, holder, token, left_s


class Lost(OrchestratorError):
    def __init__(self, name: str, token: int, holder: str, newer: int) -> None:
        now = f"{holder} has it since, with token {newer}" if newer > token else "its time is over"
        super().__init__(f"{name} is not held with token {token} any more: {now}; stop, and ask for it anew")
        self.name, self.token, self.holder, self.newer = name, token, holder, newer


class Superseded(OrchestratorError):
    def __init__(self, orchestrator: str) -> None:
        super().__init__(f"a newer process bears the name {orchestrator}: end this one, or give it an index of its own")


class StillAlive(OrchestratorError):
    def __init__(self, orchestrator: str) -> None:
        super().__init__(
            f"{orchestrator} is alive: its sessions are free once it has been silent for its failover time"
        )


class Store:
    """Runs the scripts; raises StoreDown. May be shared between threads."""

    def __init__(self, settings: Settings, clock: Callable[[], int] | None = None) -> None:
        """`clock`: microseconds, in place of Redis' own time."""
        self._shown = settings.redis.rsplit("@", 1)[-1].removeprefix("redis://")
        self._clock = clock
        self._redis = redis.from_url(
            settings.redis,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            decode_responses=True,
            retry=Retry(NoBackoff(), 1),  # at once and once: for the connections of a Redis that was started again
        )
        self._scripts: dict[str, Any] = {}

    def run(self, script: str, *arguments: str | int) -> Any:
        found = self._scripts.get(script)
        if found is None:
            found = self._scripts[script] = self._redis.register_script(script)
        now = self._clock() if self._clock else 0
        try:
            return found([scripts.PREFIX + "meta"], [now, *arguments])
        except (RedisError, OSError) as error:
            raise self._down(error) from error

    def listen(self) -> Any:
        """A subscription to the notices; its connection is made when it is first read."""
        listener = self._redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        try:
            listener.subscribe(scripts.CHANNEL)
        except (RedisError, OSError) as error:
            raise self._down(error) from error
        return listener

    def notice(self, listener: Any, timeout_s: float) -> dict[str, Any] | None:
        try:
            message = listener.get_message(timeout=timeout_s)
        except (RedisError, OSError) as error:
            raise self._down(error) from error
        return cast(dict[str, Any], json.loads(message["data"])) if message else None

    def close(self) -> None:
        self._redis.close()

    def _down(self, error: Exception) -> StoreDown:
        metrics.REDIS_FAILURES.inc()
        return StoreDown(f"Redis at {self._shown} does not answer: {error}")


def us(seconds: float) -> int:
    return round(seconds * 1_000_000)


def pairs(values: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Every two neighbours of a flat answer."""
    return list(zip(values[::2], values[1::2], strict=True))
