"""How long messages are on their way. Those of one channel never overtake each other, as within a partition."""

from collections.abc import Callable
from typing import Any

from lab.scale.clock import Clock


class Network:
    def __init__(self, clock: Clock, hop_us: int) -> None:
        self.late_us = 0
        """What a disturbance adds to every hop."""
        self._clock, self._hop_us = clock, hop_us
        self._last: dict[tuple[str, str], int] = {}

    def send(
        self,
        channel: tuple[str, str],
        call: Callable[..., None],
        *args: Any,
        hops: int = 1,
        takes_us: int | None = None,
    ) -> None:
        """`channel`: from whom, and for whom. `takes_us`: how long it is on its way, where that is known."""
        arrives = self._clock.now + (hops * (self._hop_us + self.late_us) if takes_us is None else takes_us)
        arrives = self._last[channel] = max(arrives, self._last.get(channel, 0))
        self._clock.at(arrives, call, *args)
