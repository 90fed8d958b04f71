"""One agent as the autoscaler knows it: what it is, what was asked of it, and what was seen of its work of late."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from processors import placing
from processors.scaling.signals import Pools
from processors.scaling.sizing import Expected
from schemas.events import AgentDefinition, AgentDesired, PoolStatus

ENOUGH = 30
"""Arrivals that tell their rate; fewer are counted over more looks."""
LOOKS = 4
"""Looks back at the most to count arrivals."""


class Look(NamedTuple):
    at: int
    arrived: int
    wanted: float
    score: float


@dataclass
class Watched:
    definition: AgentDefinition | None = None
    wish: AgentDesired | None = None
    statuses: dict[str, PoolStatus] = field(default_factory=dict)
    looks: deque[Look] = field(default_factory=deque)
    changed_at: int = 0
    held_at: int = 0
    """When it was told last that more would be right and make nothing better."""
    expected: Expected | None = None
    was_cut: bool = False
    """Whether it grew by less than was right, and still has less."""

    def of_zones(self, zones: Sequence[str]) -> dict[str, int]:
        """Instances that are wanted now; none of agents that are none of the line's own."""
        return placing.wanted(self.definition, self.wish, zones) if self.definition else {}

    def remember(self, look: Look, back_us: int) -> None:
        """As long as arrivals are counted, and as a scale-in looks back."""
        self.looks.append(look)
        while len(self.looks) > LOOKS + 1 and look.at - self.looks[1].at >= back_us:
            self.looks.popleft()

    def per_s(self, pools: Pools, now: int) -> float:
        """Attempts that came a second, since the newest look before which enough came; at first as many as are at
        work."""
        if not self.looks:
            return pools.running / pools.response_s if pools.response_s else 0.0
        rate = 0.0
        for look in list(self.looks)[: -LOOKS - 1 : -1]:
            came = max(0, pools.arrived - look.arrived)
            rate = came / max(1e-6, (now - look.at) / 1e6)
            if came >= ENOUGH:
                break
        return rate
