"""How many tasks may be handed in now, so that a large file fills the queues but is not refused. Pure.

A task sent is first on its way, where the lag of its readers counts it, and then in a queue of a pool, which the line
tells about once a second. What was sent since both were measured is on neither count. Any task not yet in a queue may
go to the fullest one, so all are counted as if they did.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

FULL_SHARE = 0.8
"""The share of a queue that submitters fill: the rest is for retries, and for what comes of counting late."""

UNSEEN_US = 2_000_000
"""How long a task may be handled without being counted: readers commit, and pools tell, once a second."""


class Window:
    def __init__(self, queue_max: int) -> None:
        self._queue_max = queue_max
        self._pools: dict[str, Mapping[str, Any]] = {}
        self._on_the_way = 0
        self._on_the_way_at = 0
        self._sent: deque[tuple[int, int]] = deque()

    def see(self, status: Mapping[str, Any]) -> None:
        self._pools[status["pool"]] = status

    def see_lag(self, count: int, now_us: int) -> None:
        self._on_the_way, self._on_the_way_at = count, now_us

    def sent(self, count: int, now_us: int) -> None:
        self._sent.append((now_us, count))

    def room(self) -> int:
        """How many more tasks may be sent before the next measurements; 0 or less: wait."""
        share = int(FULL_SHARE * min((pool["waiting_max"] for pool in self._pools.values()), default=self._queue_max))
        return share - self._fullest() - self._uncounted()

    def why_held(self) -> str:
        return f"{self._fullest()} wait in the fullest queue, {self._uncounted()} more are on their way"

    def _fullest(self) -> int:
        return max((int(pool["waiting"]) for pool in self._pools.values()), default=0)

    def _uncounted(self) -> int:
        told_at = max((pool["at"] for pool in self._pools.values()), default=0)
        while self._sent and self._sent[0][0] < min(told_at, self._on_the_way_at) - UNSEEN_US:
            self._sent.popleft()
        return max(self._on_the_way, sum(count for _, count in self._sent))
