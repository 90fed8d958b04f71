"""Which models were overloaded a moment ago, for those who choose one: a thread that looks at the pauses in Redis.

The hosts put a pause there when the API turns a call away (infra/budget.py). Without Redis nothing is known, and no
model is avoided.
"""

import time
from collections.abc import Callable, Collection
from threading import Event, Thread

import redis
from redis.exceptions import RedisError

from infra.budget import pause_key
from infra.settings import Settings

LOOK_S = 1.0
"""A pause stays a second longer in Redis than it lasts, so that none is missed."""
AVOIDED_S = 30.0
"""How long after its last pause a model is avoided: pauses come in rows."""


class Overloaded:
    """`names` is a new set after each look that finds another."""

    def __init__(self, settings: Settings, models: Callable[[], Collection[str]]) -> None:
        """`models`: those to look at, asked at each look."""
        self.names: frozenset[str] = frozenset()
        self._models = models
        self._redis = redis.from_url(settings.redis, socket_timeout=1.0, socket_connect_timeout=1.0)
        self._seen: dict[str, float] = {}
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="overloaded", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_S):
            self.look(time.monotonic())

    def look(self, now: float) -> None:
        models = sorted(self._models())
        try:
            found = self._redis.mget([pause_key(model) for model in models]) if models else []
            self._seen |= {model: now for model, paused in zip(models, found, strict=True) if paused}
        except (RedisError, OSError):
            pass  # what is not known is not avoided
        self._seen = {model: at for model, at in self._seen.items() if now - at < AVOIDED_S}
        if self._seen.keys() != self.names:
            self.names = frozenset(self._seen)
