"""What ended in a time that moves along: counts and times, in memory that does not grow with them."""

from collections import Counter, deque
from dataclasses import dataclass, field
from math import floor, log

from schemas.events import AlertTask

SLOTS = 60
"""Parts of a window. What leaves it does so a part at a time, so it is up to a sixtieth longer or shorter than said."""

_STEP = 1.02
"""Two times closer together than this factor count as one: a percentile is right within 2 %."""

_LEAST_S = 0.001
TASKS_MAX = 5


@dataclass(slots=True)
class Slot:
    ended: int = 0
    failed: int = 0
    dead: int = 0
    responses: Counter[int] = field(default_factory=Counter)
    """Tasks by the step that their time from submission to start falls on."""

    def add(self, other: "Slot", sign: int = 1) -> None:
        self.ended += sign * other.ended
        self.failed += sign * other.failed
        self.dead += sign * other.dead
        for step, count in other.responses.items():
            self.responses[step] += sign * count
            if not self.responses[step]:
                del self.responses[step]


def step_of(seconds: float) -> int:
    return round(log(max(seconds, _LEAST_S)) / log(_STEP))


class Window:
    def __init__(self, length_us: int) -> None:
        self.total = Slot()
        self._slot_us = max(1, length_us // SLOTS)
        self._slots: dict[int, Slot] = {}
        self._failed: deque[tuple[int, AlertTask]] = deque(maxlen=TASKS_MAX)

    def add(self, slot: Slot, at: int, now: int, task: AlertTask | None = None) -> None:
        """`task`: one that failed. What is from the future by somebody's clock is from now."""
        place = min(at, now) // self._slot_us
        if place <= self._last_out(now):
            return
        self._slots.setdefault(place, Slot()).add(slot)
        self.total.add(slot)
        if task is not None:
            self._failed.append((place, task))

    def move(self, now: int) -> None:
        """Lets go of what is too long ago."""
        last = self._last_out(now)
        for place in [place for place in self._slots if place <= last]:
            self.total.add(self._slots.pop(place), -1)

    def tasks(self, now: int) -> list[AlertTask]:
        """The newest that failed, the last first."""
        last = self._last_out(now)
        return [task for place, task in reversed(self._failed) if place > last]

    def response_s(self, share: float) -> float | None:
        """The time within which this share of the tasks started; null without any."""
        responses = self.total.responses
        beyond = floor(responses.total() * (1 - share) + 1e-9)
        for step in sorted(responses, reverse=True):
            beyond -= responses[step]
            if beyond < 0:
                return float(_STEP**step)
        return None

    def _last_out(self, now: int) -> int:
        return now // self._slot_us - SLOTS
