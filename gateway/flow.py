"""How many tasks may be handed in now, so that a large file fills the queues but is not refused. Pure.

The line tells each pool's queue about once a second, so tasks sent since then are on no report yet. Any of them may go
to the fullest pool: they are all counted as if they did.
"""

from collections import deque
from collections.abc import Mapping
from typing import Any

FULL_SHARE = 0.8
"""The share of a queue that one submitter fills: the rest is for others, and for what is on its way."""

ON_THE_WAY_US = 2_000_000
"""How long a task sent may need until the status of its pool counts it."""


class Window:
    def __init__(self, queue_max: int) -> None:
        self._queue_max = queue_max
        self._pools: dict[str, Mapping[str, Any]] = {}
        self._sent: deque[tuple[int, int]] = deque()

    def see(self, status: Mapping[str, Any]) -> None:
        self._pools[status["pool"]] = status
        reported = max(pool["at"] for pool in self._pools.values()) - ON_THE_WAY_US
        while self._sent and self._sent[0][0] < reported:
            self._sent.popleft()

    def sent(self, count: int, now_us: int) -> None:
        self._sent.append((now_us, count))

    def room(self) -> int:
        """How many more tasks may be sent before the next status; 0 or less: wait."""
        free = [int(FULL_SHARE * pool["waiting_max"]) - pool["waiting"] for pool in self._pools.values()]
        return min(free, default=int(FULL_SHARE * self._queue_max)) - sum(count for _, count in self._sent)

    def why_held(self) -> str:
        if not self._pools:
            return "no pool has reported its queue yet"
        fullest = max(self._pools.values(), key=lambda pool: pool["waiting"] / max(1, pool["waiting_max"]))
        on_the_way = sum(count for _, count in self._sent)
        queue = f"{fullest['waiting']} of {fullest['waiting_max']} waiting"
        return f"{fullest['pool']} has {queue}, and {on_the_way} were sent since"
