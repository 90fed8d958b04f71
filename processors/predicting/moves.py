"""Which work of a loaded agent others could do, and how much, so that neither is above the limit after it.

The worst goes first; each takes from who shares most of what it can do, then from who takes any kind of work, those
with the most room first. Where nobody has room it is told how many instances more would do. Loads are each agent's
highest of now and the next hour, so what is moved finds room at any time of it. The sum of the work stays as it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from processors.predicting.standing import PER_TASK
from schemas.events import LoadMove

LIMIT = 70.0
LEAST = 0.1
"""Tasks at a time below which nothing is worth moving."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Agent:
    """One agent with its work, all of it in tasks at a time."""

    agent_id: str
    work: float
    rest: float
    """Part of its load score that no move changes."""
    slots: int
    instances: int
    capabilities: frozenset[str] = frozenset()
    takes_any: bool = False

    @property
    def load(self) -> float:
        return PER_TASK * self.work / self.instances + self.rest

    @property
    def room(self) -> float:
        """Tasks at a time that it could do besides; below 0, those that are too many."""
        return (LIMIT - self.load) * self.instances / PER_TASK


class Suggestion(NamedTuple):
    moves: list[LoadMove]
    instances_more: int
    said: str


def suggest(agents: Iterable[Agent]) -> dict[str, Suggestion]:
    """By agent, of those above the limit."""
    every = sorted(agents, key=lambda agent: (-agent.load, agent.agent_id))
    room = {agent.agent_id: min(agent.room, agent.slots - agent.work) for agent in every}
    return {agent.agent_id: _of(agent, every, room) for agent in every if agent.load > LIMIT}


def _of(agent: Agent, every: list[Agent], room: dict[str, float]) -> Suggestion:
    """Takes the room that it uses."""
    if agent.rest >= LIMIT:
        said = "Failures and slow answers make this load, not its work, so moving work helps little: see why they come."
        return Suggestion([], 0, said)
    able = [(one, shared) for one in every if one is not agent and (shared := _shared(agent, one)) is not None]
    left, moves = -agent.room, list[LoadMove]()
    for one, shared in sorted(able, key=lambda pair: (-len(pair[1]), -room[pair[0].agent_id], pair[0].agent_id)):
        tasks = min(left, room[one.agent_id])
        if tasks >= LEAST:
            moves.append({"to_agent": one.agent_id, "tasks": tasks, "shared": min(shared, default="")})
            room[one.agent_id] -= tasks
            left -= tasks
    more = _instances_more(agent, agent.work + agent.room + left) if left >= LEAST else 0
    return Suggestion(moves, more, _said(agent, moves, more, bool(able)))


def _shared(agent: Agent, other: Agent) -> frozenset[str] | None:
    """What both can do; nothing where the other takes any kind of work, null where it cannot help."""
    shared = agent.capabilities & other.capabilities
    return shared if shared or other.takes_any else None


def _instances_more(agent: Agent, work: float) -> int:
    """So that this work, on all of them, is not above the limit."""
    return max(1, ceil(PER_TASK * work / (LIMIT - agent.rest) - _ROUNDING) - agent.instances)


def _said(agent: Agent, moves: list[LoadMove], more: int, able: bool) -> str:
    parts = []
    if moves:
        whom = " and ".join(f"{_amount(m['tasks'])} to {m['to_agent']} ({m['shared'] or 'any kind'})" for m in moves)
        parts.append(f"Move {sum(m['tasks'] for m in moves) / agent.work:.0%} of its work, tasks at a time: {whom}.")
    if more:
        why = "That is all they have room for" if moves else "Nobody has room" if able else "Nobody else does its work"
        size = f"headway fleet scale {agent.agent_id} {agent.instances + more}"
        parts.append(f"{why}: scale out by {more} (`{size}`).")
    return " ".join(parts) or "It is hardly too much; nothing needs to be moved."


def _amount(tasks: float) -> str:
    return f"{tasks:.1f}".removesuffix(".0")
