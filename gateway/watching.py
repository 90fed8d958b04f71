"""What became of the tasks somebody waits for: a state machine fed with outcomes, progress and the dispatcher's memory.
Pure.

A refused task was never accepted, so what the person who waits would do themselves is done for them: it is handed in
again as a new task when `retry_after_ms` has passed, and the new task stands for the first one from then on.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from gateway.ids import new_task_id
from gateway.record import Record
from gateway.units import duration
from schemas.events import TaskSubmitted

RETRY_AFTER_MS = 5000
"""When a refusal names no time of its own."""


@dataclass
class Watched:
    """One task the person handed in, under all the ids it has had."""

    submission: TaskSubmitted
    doing: str = "waiting"
    outcome: dict[str, Any] | None = None
    again_at: int | None = None
    """When a refused task is handed in again [µs]; null when it is not refused."""
    refusals: int = 0
    agent_id: str | None = None
    """In whose queue it waits; null when it does not, or when nobody said so yet."""
    crashes: int = 0
    redos: int = 0

    @property
    def task_id(self) -> str:
        return self.submission["task_id"]


@dataclass
class Watch:
    resubmit: bool = True
    tasks: dict[str, Watched] = field(default_factory=dict)
    """By the newest task id."""
    counts: Counter[str] = field(default_factory=Counter)
    """Final outcomes by status."""

    def add(self, submissions: Iterable[TaskSubmitted]) -> None:
        self.tasks.update((s["task_id"], Watched(s)) for s in submissions)

    @property
    def open(self) -> int:
        return len(self.tasks) - self.counts.total()

    @property
    def all_completed(self) -> bool:
        return self.counts["completed"] == len(self.tasks)

    def see(self, record: Record, now_us: int) -> Watched | None:
        """The task this changes, if it is one of ours and still open."""
        task = self.tasks.get(record.event.get("task_id", ""))
        if task is None or task.outcome is not None:
            return None
        if record.name == "TaskProgress":
            _progress(task, record.event)
        elif record.name == "TaskOutcome":
            self._outcome(task, record.event, now_us)
        elif record.name != "DispatchRecord" or not _dispatched(task, record.event):
            return None
        return task

    def _outcome(self, task: Watched, outcome: dict[str, Any], now_us: int) -> None:
        if outcome["status"] == "refused" and self.resubmit:
            if task.again_at is None:
                task.again_at = now_us + (outcome["retry_after_ms"] or RETRY_AFTER_MS) * 1000
                task.refusals += 1
                task.doing = "refused, handed in again soon"
            return
        task.outcome = outcome
        task.doing = outcome["status"]
        self.counts[outcome["status"]] += 1

    def due(self, now_us: int) -> list[tuple[str, Watched]]:
        """Refused tasks to hand in now, each with its old id; their submissions are new."""
        ready = [task for task in self.tasks.values() if task.again_at is not None and task.again_at <= now_us]
        renewed = []
        for task in ready:
            old_id = task.task_id
            task.submission = {**task.submission, "task_id": new_task_id(now_us), "submitted_at": now_us}
            task.again_at, task.doing = None, "waiting"
            renewed.append((old_id, task))
        if renewed:
            # Made anew rather than moved, so that the order stays that of the submission.
            self.tasks = {task.task_id: task for task in self.tasks.values()}
        return renewed


def _dispatched(task: Watched, memory: dict[str, Any]) -> bool:
    """What the dispatcher knows of the task, where progress does not tell it; whether that is something."""
    number = memory["attempt"]
    lost, redone = memory["crashes"] > task.crashes, memory["redos"] > task.redos
    task.crashes, task.redos = memory["crashes"], memory["redos"]
    task.agent_id = memory["agent_id"] if memory["phase"] in ("queued", "delayed") else None
    if memory["phase"] == "delayed":
        pause = duration(memory["ready_at"] - memory["entered_at"])
        task.doing = f"attempt {number} failed: {_cause(memory)}; retry in {pause}"
    elif redone:
        task.doing = f"attempt {number} was not good enough: {memory['feedback']}"
    elif lost:
        task.doing = f"attempt {number} was lost: {_cause(memory)}"
    elif memory["phase"] == "queued":
        task.doing = f"waits for {memory['agent_id']}"
    else:
        return False
    return True


def _cause(memory: dict[str, Any]) -> str:
    return (memory["error"] or "for a reason not told").rstrip(".")


def _progress(task: Watched, event: dict[str, Any]) -> None:
    task.agent_id = None
    if event["kind"] == "started":
        task.doing = f"running on {event['instance_id']}"
    elif event["kind"] == "progress":
        share = "at work" if event["fraction"] is None else f"{event['fraction']:.0%} done"
        task.doing = event["message"] or share
    elif event["kind"] == "step":
        task.doing = f"step finished: {event['message']}"
