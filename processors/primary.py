"""The primary: the agent that takes over tasks of high priority whose own agent has failed (R2.4).

It is the fallback of the registry that has live instances which take work; of several, one whose role is primary goes
first. Without one everything waits where it is.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from processors.task import Task
from schemas.events import AgentDefinition, PoolStatus

HIGH_PRIORITY = 2
"""Tasks of this priority and before are of high priority."""
_MOVES_MAX, _MOVES_BYTES_MAX = 100, 8_000_000
"""Tasks in one transaction, and their bytes together: each travels whole, and a transaction has to be short."""


class Primary(NamedTuple):
    agent_id: str
    model: str | None
    """The one that its file names."""
    room: int
    """Tasks that its queue takes, as it was last told."""


PrimaryOf = Callable[[str], Primary | None]
"""Who takes over from this agent; null: nobody can now."""


def primary_of(agents: Mapping[str, AgentDefinition], pools: Mapping[str, PoolStatus], failed: str) -> Primary | None:
    able = []
    for agent in agents.values():
        status = pools.get(agent["agent_id"])
        if agent["fallback"] and agent["agent_id"] != failed and status is not None and status["slots"] > 0:
            room = status["waiting_max"] - status["waiting"]
            able.append((room <= 0, agent["role"] != "primary", agent["agent_id"], agent["model"], room))
    if not able:
        return None
    full, _, agent_id, model, room = min(able, key=lambda one: one[:3])
    return None if full else Primary(agent_id, model, room)


def may_move(task: Task) -> bool:
    """Whether a waiting task goes to the primary when its agent fails: not one that asks for that agent by name, and
    none twice."""
    return task.priority <= HIGH_PRIORITY and not task.agent_asked and task.moved_from is None


def first_to_move(tasks: Iterable[Task], room: int) -> list[Task]:
    """Those that go now, in their order: by priority, then by age."""
    moving: list[Task] = []
    left = _MOVES_BYTES_MAX
    for task in sorted(tasks, key=lambda task: (task.priority, task.queued_at, task.task_id)):
        left -= len(task.raw) + sum(len(step["output"]) for step in task.steps)
        if moving and (left < 0 or len(moving) >= min(room, _MOVES_MAX)):
            break
        moving.append(task)
    return moving
