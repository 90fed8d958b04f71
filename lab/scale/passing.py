"""Which stretches of a scenario are passed over instead of simulated: those of which one minute is like another.

A stretch is passed over only when all of this holds:
- no phase of the load begins or ends in it, nor within two minutes before it or a minute behind it;
- no mishap is near: the last one has been over for two minutes, the next one is a minute off;
- for longer than the autoscaler's longest cool-down no size has changed, nor the load; and by how its scores scatter,
  it would change none in all of the scenario, or a bound holds it;
- the newest minutes agree with those before them in what ended, what ran and what waited, but for what chance does;
- the queue neither grows nor shrinks: at the pace of these minutes, by no more over the stretch than a second's work.

Ten minutes come first; then three more are simulated after each stretch, which is twice as long as the one before it.
Minutes that agree stay known beyond a mishap, so that what follows it needs no ten minutes again. Pure: minutes in,
stretches out.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from math import sqrt
from typing import NamedTuple

from lab.scale.mix import Phase
from lab.scale.settled import Score, Sizes
from lab.scale.tally import Minute, Stretch

FIRST = 10
"""Minutes that are compared with one another before the first stretch, and its length."""
WINDOW = 3
"""Minutes simulated before each later stretch."""
LONGEST = 240
BEHIND = 2.0
"""Minutes until a mishap, another load or another size is history: more than the longest attempt takes."""
AHEAD = 1.0
COOLDOWN_MARGIN = 1.0
"""Minutes: a decision is looked for each half minute."""
CHANGES = 0.5
"""Of sizes, that may be expected in all of the scenario."""
_LOOKS_A_MINUTE = 2
_DEVIATIONS = 4
_QUEUE_SHARE = 0.05
"""Queues may be apart by so much, or by what ends in a second."""
_DRIFT_S = 1.0


class Mishap(NamedTuple):
    """In minutes of the scenario."""

    begins: float
    over: float


class Passing:
    def __init__(
        self, phases: Sequence[Phase], mishaps: Sequence[Mishap], cooldown: float, sizes: Sizes | None = None
    ) -> None:
        """`cooldown`: the longest of the autoscaler, in minutes; 0 when sizes never change."""
        self._phases = phases
        self._ends = list(accumulate(phase.minutes for phase in phases))
        self._mishaps = sorted(mishaps)
        self._sizes = sizes or Sizes()
        self._quiet_after = cooldown + COOLDOWN_MARGIN if cooldown else 0.0
        self.simulated = 0
        self.passed = 0
        """Minutes, both."""
        self._seen: list[Minute] = []
        self._phase = 0
        self._since = 0.0
        """When the load or a size last changed."""
        self._steady: list[int] = []
        """Minutes that agree with each other."""
        self._window: list[int] = []
        self._next = FIRST

    def minute(
        self, seen: Minute, resized: Collection[str] = (), looks: Iterable[Mapping[str, Score]] = ()
    ) -> Stretch | None:
        """Takes in the minute just simulated, the agents whose size changed in it, and what the autoscaler saw; answers
        what may be passed over now."""
        number, self.simulated = self.simulated, self.simulated + 1
        at = float(self.simulated + self.passed)
        self._seen.append(seen)
        if resized:
            self._begin_anew(at)
            self._sizes.forget(resized)
        while self._phase < len(self._ends) and self._ends[self._phase] < at:
            self._begin_anew(self._ends[self._phase])
            self._sizes.forget()
            self._phase += 1
        if self._phase == len(self._ends) or self._is_disturbed(at - 1, at):
            self._window.clear()
            return None
        self._window.append(number)
        for look in looks:
            self._sizes.look(look)
        if not self._agrees() or len(self._steady) < FIRST or not self._is_settled(at):
            return None
        minutes = min(self._next, int(self._room(at)))
        if minutes < 1:
            return None
        self._next = min(2 * self._next, LONGEST)
        self.passed += minutes
        tasks = self._phases[self._phase].per_minute * minutes
        return Stretch(self.simulated, minutes, tasks, tuple(self._steady))

    def _begin_anew(self, since: float) -> None:
        self._since = max(self._since, since)
        self._steady, self._window, self._next = [], [], FIRST

    def _is_settled(self, at: float) -> bool:
        if at - self._since < self._quiet_after:
            return False
        return self._sizes.expected(_LOOKS_A_MINUTE * self._ends[-1]) <= CHANGES

    def _is_disturbed(self, begins: float, ends: float) -> bool:
        near = any(mishap.begins < ends and begins < mishap.over + BEHIND for mishap in self._mishaps)
        return near or begins < self._since + BEHIND

    def _room(self, at: float) -> float:
        """Minutes until something happens, less what is kept before it."""
        coming = (mishap.begins for mishap in self._mishaps if mishap.begins >= at)
        return min(self._ends[self._phase], min(coming, default=self._ends[-1])) - AHEAD - at

    def _agrees(self) -> bool:
        """Whether the window is full and like what is known; what is not like it is forgotten."""
        window = self._window
        if len(window) < (WINDOW if self._steady else FIRST):
            return False
        known = self._steady or window[: FIRST // 2]
        newest = window if self._steady else window[FIRST // 2 :]
        every = [*known, *newest]
        like = alike([self._seen[i] for i in known], [self._seen[i] for i in newest])
        if not like or not _is_level([(i, self._seen[i]) for i in every], self._next):
            self._steady, self._window, self._next = [], newest, FIRST
            return False
        self._steady, self._window = every, []
        return True


def alike(known: Sequence[Minute], newest: Sequence[Minute]) -> bool:
    """Whether both are of one steady state: apart by no more than chance does with so many tasks in so many minutes."""
    chance = 1 / len(known) + 1 / len(newest)
    for ours, theirs, more in _figures(known, newest):
        apart = _DEVIATIONS * sqrt((ours + theirs) / 2 * chance)
        if abs(ours - theirs) > max(apart, more):
            return False
    return True


def _is_level(minutes: Sequence[tuple[int, Minute]], over: int) -> bool:
    """Whether the queue, as it grows or shrinks in these minutes, would be much the same after so many."""
    middle = sum(number for number, _ in minutes) / len(minutes)
    across = sum((number - middle) ** 2 for number, _ in minutes)
    slope = sum((number - middle) * minute.waiting for number, minute in minutes) / across
    return abs(slope) * over <= _DRIFT_S * _mean([minute.ended for _, minute in minutes]) / 60


def _figures(known: Sequence[Minute], newest: Sequence[Minute]) -> Iterator[tuple[float, float, float]]:
    """Of both, the means; and by how much they may always be apart."""
    ended = _mean([m.ended for m in known])
    yield ended, _mean([m.ended for m in newest]), 0.0
    yield _mean([m.running for m in known]), _mean([m.running for m in newest]), 0.0
    waiting = _mean([m.waiting for m in known])
    yield waiting, _mean([m.waiting for m in newest]), max(ended / 60, waiting * _QUEUE_SHARE)


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)
