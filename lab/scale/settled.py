"""How many changes of sizes are to be expected: what would be missed where minutes are passed over.

The autoscaler adds instances after two looks in a row with a score above 1, and takes some away after as many below 0
as its cool-down has. Under a steady load one look says nothing of the next, so the chance of a row is that of one look
to the power of its length; and that of one look goes by how the scores scattered so far. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, sqrt
from statistics import NormalDist
from typing import NamedTuple

GROWS_AFTER = 2
FEWEST = 10
"""Looks; fewer prove nothing."""
_ERRORS = 2.0
"""Standard errors that are added on the unsafe side, for few looks may be chance."""
_LEAST = 1e-4
"""Scores are rounded to so much."""
_NORMAL = NormalDist()


class Score(NamedTuple):
    """Of one agent at one look."""

    value: float
    grows: bool
    """Whether no bound holds it from growing."""
    shrinks: bool


@dataclass(slots=True)
class _Scores:
    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    """Of the distances to the mean, summed."""
    grows: bool = True
    shrinks: bool = True

    def add(self, score: Score) -> None:
        self.grows, self.shrinks = score.grows, score.shrinks
        self.count += 1
        apart = score.value - self.mean
        self.mean += apart / self.count
        self.squares += apart * (score.value - self.mean)

    def beyond(self, edge: float, sign: int) -> float:
        """The chance of a look to be above the edge, or below it with -1."""
        if self.count < FEWEST:
            return 1.0
        deviations = sign * (self.mean - edge) / max(_LEAST, sqrt(self.squares / (self.count - 1)))
        return _NORMAL.cdf(deviations + _ERRORS * sqrt((1 + deviations**2 / 2) / self.count))


class Sizes:
    def __init__(self, shrinks_after: float = inf) -> None:
        """`shrinks_after`: looks in a row."""
        self._shrinks_after = shrinks_after
        self._agents: dict[str, _Scores] = {}

    def look(self, scores: Mapping[str, Score]) -> None:
        for agent_id, score in scores.items():
            self._agents.setdefault(agent_id, _Scores()).add(score)

    def forget(self, agents: Iterable[str] | None = None) -> None:
        """What was seen of these is history, for their size is another now; of all: the load is."""
        for agent_id in list(self._agents if agents is None else agents):
            self._agents[agent_id] = _Scores()

    def expected(self, looks: float) -> float:
        """Looks, of so many, at which a size would change: more than there will be, for each change makes the next less
        likely."""
        return looks * sum(map(self._chance, self._agents.values()))

    def _chance(self, scores: _Scores) -> float:
        grows = scores.beyond(1.0, 1) ** GROWS_AFTER if scores.grows else 0.0
        shrinks = scores.beyond(0.0, -1) ** self._shrinks_after if scores.shrinks else 0.0
        return grows + shrinks
