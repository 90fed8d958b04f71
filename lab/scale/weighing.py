"""What a run comes to: what was counted in the simulated minutes, and an estimate of those that were passed over.

A stretch counts as the minutes that stand for it. Their outcomes, waits, cost and work count times the tasks that are
expected in the stretch by those that ended in these minutes; their slots count times its minutes by theirs.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
import numpy.typing as npt

from lab.scale.mix import SECOND
from lab.scale.tally import THERE, Count, Minute, Tally

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True)
class Waits:
    """From handed in to started [µs], and how much each counts."""

    values: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]

    def quantiles(self) -> dict[str, float | None]:
        """By nearest rank, and the longest [s]."""
        if not len(self.values):
            return {**dict.fromkeys(_QUANTILES), "max": None}
        order = np.argsort(self.values, kind="stable")
        upto = np.cumsum(self.weights[order])
        at = {name: int(np.searchsorted(upto, share * upto[-1], side="right")) for name, share in _QUANTILES.items()}
        last = len(order) - 1
        return {name: _seconds(self.values[order[min(last, i)]]) for name, i in {**at, "max": last}.items()}

    @classmethod
    def joined(cls, parts: Iterable["Waits"]) -> "Waits":
        every = [*parts, cls(np.empty(0, np.int64), np.empty(0))]
        return cls(np.concatenate([one.values for one in every]), np.concatenate([one.weights for one in every]))


def _seconds(us: float) -> float:
    return round(float(us) / SECOND, 3)


@dataclass(frozen=True)
class Weighed:
    handed_in: int
    in_time: int
    counts: Counter[Count]
    waits: dict[int, Waits]
    """By priority."""
    minutes: list[Minute]
    """Of the whole scenario: a stretch repeats the minutes before it."""


def weighed(tally: Tally) -> Weighed:
    counts = tally.counts(tally.end)
    waits = {p: np.frombuffer(found, dtype=np.int64) for p, found in sorted(tally.waits.items())}
    weights = {p: np.ones(len(found)) for p, found in waits.items()}
    more: Counter[Count] = Counter()
    for number, (of_tasks, of_time) in _times(tally).items():
        before, after = tally.marks[number], tally.marks[number + 1]
        for count in after:
            more[count] += (of_time if count == THERE else of_tasks) * (after[count] - before[count])  # type: ignore[assignment]
            if count[0] == "waits":
                weights[int(count[1])][before[count] : after[count]] += of_tasks
    rounded = Counter({count: round(value) for count, value in more.items()})
    return Weighed(
        tally.handed_in + sum(value for count, value in rounded.items() if count[0] == "status"),
        tally.in_time + rounded["status", "completed"],
        counts + rounded,
        {p: Waits(found, weights[p]) for p, found in waits.items()},
        minutes_of(tally),
    )


def _times(tally: Tally) -> dict[int, tuple[float, float]]:
    """By simulated minute, how often it counts more: its tasks, and its time."""
    times: dict[int, tuple[float, float]] = {}
    for stretch in tally.passed:
        ended = sum(_ended(tally, number) for number in stretch.like)
        for number in stretch.like:
            of_tasks, of_time = times.get(number, (0.0, 0.0))
            of_tasks += stretch.tasks / ended if ended else 0.0
            times[number] = of_tasks, of_time + stretch.minutes / len(stretch.like)
    return times


def _ended(tally: Tally, number: int) -> int:
    before, after = tally.marks[number], tally.marks[number + 1]
    return sum(after[count] - before[count] for count in after if count[0] == "status")


def minutes_of(tally: Tally) -> list[Minute]:
    """So far, of the whole scenario."""
    made, simulated = [], 0
    for stretch in tally.passed:
        made += tally.minutes[simulated : stretch.after]
        made += islice(cycle([tally.minutes[number] for number in stretch.like]), stretch.minutes)
        simulated = stretch.after
    return made + tally.minutes[simulated:]
