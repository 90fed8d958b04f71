"""An agent's load score taken apart: its tasks in hand, which come and go, and the rest, which changes slowly.

The rest is failures and slowness. So what a forecast says of the work, or a move of some of it, becomes a load score.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from processors.balancing import load_score
from schemas.events import PoolStatus

PER_TASK = load_score(1, 1.0, 0.0, 0.0)
"""What one task in hand of an instance adds to its score."""


class Standing(NamedTuple):
    """All pools of one agent, at a moment or over a minute."""

    agent_id: str
    load: float
    """Mean load score of its instances."""
    running: float
    slots: int
    instances: int

    @property
    def rest(self) -> float:
        return max(0.0, self.load - PER_TASK * self.running / self.instances)

    def load_with(self, tasks: float) -> float:
        """The score with so many tasks in hand; those beyond the slots wait and do not count."""
        return PER_TASK * min(tasks, self.slots) / self.instances + self.rest


def standing(agent_id: str, statuses: Iterable[PoolStatus]) -> Standing | None:
    """Null where no instance lives: there is nobody to be loaded."""
    alive = [status for status in statuses if status["instances"]]
    instances = sum(status["instances"] for status in alive)
    if not instances:
        return None
    load = sum(max(0.0, status["load_score"]) * status["instances"] for status in alive) / instances
    running, slots = sum(status["running"] for status in alive), sum(status["slots"] for status in alive)
    return Standing(agent_id, load, running, slots, instances)


@dataclass(slots=True)
class _Sum:
    load: float = 0.0
    running: float = 0.0
    count: int = 0


@dataclass
class Minute:
    """Means of what was seen in it: a single look at a small agent says little of a minute."""

    _sums: dict[str, _Sum] = field(default_factory=lambda: defaultdict(_Sum))
    _last: dict[str, Standing] = field(default_factory=dict)

    def add(self, seen: Standing) -> None:
        of = self._sums[seen.agent_id]
        of.load += seen.load
        of.running += seen.running
        of.count += 1
        self._last[seen.agent_id] = seen

    def standings(self) -> dict[str, Standing]:
        return {
            name: last._replace(load=of.load / of.count, running=of.running / of.count)
            for name, last in self._last.items()
            for of in (self._sums[name],)
        }
