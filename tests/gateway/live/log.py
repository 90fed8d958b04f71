"""A line in miniature that writes the events of tasks to partitions, in an order in which the real one could write
them.
"""

from typing import Any

from gateway.live.order import Read
from gateway.live.places import TOPICS, Layout, Places
from tests.support.world import decision, result, submission

LAYOUT = Layout(dict.fromkeys(TOPICS, 2), "a cluster")


def story(
    task_id: str, session_id: str, tenant_id: str, attempts: int, agent: str = "writer"
) -> list[tuple[str, str, Any]]:
    """Topic, event and fields of one task's life, in the order in which they happen."""
    who = {"task_id": task_id, "session_id": session_id, "tenant_id": tenant_id}
    submitted = submission(**who, text=f"do {task_id}")
    events: list[tuple[str, str, Any]] = [
        ("tasks.submitted", "TaskSubmitted", submitted),
        ("routing.decisions", "RoutingDecision", decision(submitted, agent)),
    ]
    for attempt in range(1, attempts + 1):
        run = who | {"attempt": attempt, "agent_id": agent, "instance_id": f"{agent}-0", "pool": agent}
        events.append(("tasks.assigned", "TaskAssigned", assigned(run)))
        events += [
            ("tasks.progress", "TaskProgress", progress(run, "started" if n == 0 else "progress", n)) for n in range(3)
        ]
        last = attempt == attempts
        end = result(run, "completed" if last else "failed") | who
        events.append(("tasks.results", "TaskResult", end))
    if attempts:
        events.append(("evaluations", "Evaluation", evaluation(who, attempts, agent)))
    events.append(("tasks.outcomes", "TaskOutcome", outcome(who, attempts, agent)))
    return events


def moved(task: dict[str, Any], agent: str) -> dict[str, Any]:
    """A waiting task goes to another agent."""
    named = {name: task[name] for name in ("task_id", "session_id", "tenant_id")}
    pools = {"pool": agent, "agent_id": agent, "from_pool": "gone", "from_agent_id": "gone"}
    return named | pools | {"event_id": f"{task['task_id']}/moved", "at": 3, "reason": "silent", "record": b""}


def assigned(run: dict[str, Any]) -> dict[str, Any]:
    return run | {
        "event_id": f"{run['task_id']}/{run['attempt']}/run",
        "kind": "run",
        "skill": "documentation",
        "assigned_at": 3,
        "deadline_at": None,
        "timeout_ms": 1000,
        "feedback": None,
        "steps": [],
        "reason": None,
        "task": b"",
        "settings": [],
    }


def progress(run: dict[str, Any], kind: str, sequence: int) -> dict[str, Any]:
    named = {name: run[name] for name in ("task_id", "session_id", "tenant_id", "attempt", "agent_id", "instance_id")}
    event_id = f"{run['task_id']}/{run['attempt']}/{kind}/{sequence}"
    more = {"event_id": event_id, "kind": kind, "sequence": sequence, "at": 4, "fraction": sequence / 3, "message": ""}
    return named | more


def evaluation(who: dict[str, Any], attempt: int, agent: str) -> dict[str, Any]:
    said = {"success": True, "quality": 0.9, "verdict": "accept", "reasons": [], "redos": 0, "evaluator": "rules/1"}
    return (
        who
        | {"event_id": f"{who['task_id']}/{attempt}/evaluation", "attempt": attempt, "agent_id": agent, "at": 5}
        | said
    )


def outcome(who: dict[str, Any], attempts: int, agent: str) -> dict[str, Any]:
    return who | {
        "event_id": f"{who['task_id']}/outcome",
        "status": "completed" if attempts else "cancelled",
        "output": "done",
        "error": None,
        "retry_after_ms": None,
        "agent_id": agent,
        "instance_id": f"{agent}-0" if attempts else None,
        "model": None,
        "skill": "documentation",
        "priority": 5,
        "attempts": attempts,
        "redos": 0,
        "quality": 0.9 if attempts else None,
        "submitted_at": 1,
        "started_at": 4 if attempts else None,
        "finished_at": 6,
        "parent_id": None,
        "item_index": None,
        "items": [],
        "tokens_in": 0,
        "tokens_out": 0,
        "cost_usd_micros": 0,
    }


def feedback(task: dict[str, Any]) -> dict[str, Any]:
    named = {name: task[name] for name in ("task_id", "session_id", "tenant_id")}
    said = {"kind": "positive", "score": None, "comment": "", "by": "ann", "at": 7}
    return named | {"feedback_id": f"f-{task['task_id']}"} | said


class Log:
    """Partitions of all topics, in memory."""

    def __init__(self) -> None:
        self.rows: list[list[Read]] = [[] for _ in LAYOUT.pairs]
        self._time = 0

    def append(self, topic: str, partition: int, name: str, event: dict[str, Any]) -> None:
        place = LAYOUT.place(topic, partition)
        self._time += 1
        self.rows[place].append(Read(place, len(self.rows[place]), self._time, name, event))

    @property
    def ends(self) -> Places:
        return [len(rows) for rows in self.rows]

    def between(self, start: Places, end: Places) -> list[Read]:
        return [read for rows, a, b in zip(self.rows, start, end, strict=True) for read in rows[a:b]]


def by_time(log: Log, start: Places, end: Places) -> list[Read]:
    """As the topics are read for those who were away."""
    return sorted(log.between(start, end), key=lambda read: read.at_ms)
