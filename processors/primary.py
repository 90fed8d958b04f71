"""The primary: the agent that takes over tasks of high priority whose own agent has failed (R2.4).

It is the fallback of the registry that has live instances which take work; of several, one whose role is primary goes
first. Without one everything waits where it is.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from processors.placing import total, wanted
from processors.task import Task
from schemas.events import AgentDefinition, AgentDesired, PoolStatus

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
    model_left: str | None = None
    """The one that the file of the agent that failed names: it was that agent's alone."""

    def model_for(self, task: Task) -> str | None:
        """Whatever else had named a model goes with the task."""
        return self.model or (None if task.model == self.model_left else task.model)


PrimaryOf = Callable[[str], Primary | None]
"""Who takes over from this agent; null: nobody can now."""


def primary_of(
    agents: Mapping[str, AgentDefinition],
    pools: Mapping[str, PoolStatus],
    failed: str,
    wishes: Mapping[str, AgentDesired] | None = None,
    zones: Sequence[str] = ("",),
) -> Primary | None:
    """Nobody takes over from an agent that was taken out, or that is to have no instances: it has not failed."""
    left = agents.get(failed)
    if left is None or not _is_wanted(left, (wishes or {}).get(failed), zones):
        return None
    able = []
    for agent in agents.values():
        status = pools.get(agent["agent_id"])
        if agent["fallback"] and agent["agent_id"] != failed and status is not None and status["slots"] > 0:
            room = status["waiting_max"] - status["waiting"]
            able.append((room <= 0, agent["role"] != "primary", agent["agent_id"], agent["model"], room))
    if not able:
        return None
    full, _, agent_id, model, room = min(able, key=lambda one: one[:3])
    return None if full else Primary(agent_id, model, room, left["model"])


def _is_wanted(agent: AgentDefinition, wish: AgentDesired | None, zones: Sequence[str]) -> bool:
    return not agent["removed"] and (agent["runner"] == "external" or total(wanted(agent, wish, zones)) > 0)


def may_move(task: Task) -> bool:
    """Whether a waiting task goes to the primary when its agent fails: not one that asks for that agent by name, and
    none twice."""
    return task.priority <= HIGH_PRIORITY and not task.agent_asked and task.moved_from is None


def first_to_move(tasks: Iterable[Task], room: int) -> list[Task]:
    """Those that go now, in their order: by priority, then by age."""
    moving: list[Task] = []
    left = _MOVES_BYTES_MAX
    for task in sorted(tasks, key=lambda task: (task.priority, task.queued_at, task.task_id)):
        left -= len(task.raw) + sum(len(step["output"].encode()) for step in task.steps)
        if moving and (left < 0 or len(moving) >= min(room, _MOVES_MAX)):
            break
        moving.append(task)
    return moving
