"""Virtual time: what is to happen, in its order. Nothing here waits."""

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any


class Clock:
    def __init__(self, now: int) -> None:
        self.now = now
        """Virtual microseconds UTC."""
        self._due: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = 0

    def at(self, when: int, call: Callable[..., None], *args: Any) -> None:
        """What is due at one moment happens in the order in which it was asked for."""
        self._count += 1
        heappush(self._due, (when, self._count, call, args))

    def run(self, until: int, done: Callable[[], bool] | None = None) -> None:
        """Lets time pass until then, or until nothing is left to do."""
        while self._due and self._due[0][0] <= until and not (done and done()):
            self.now, _, call, args = heappop(self._due)
            call(*args)
