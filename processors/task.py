"""One task as the dispatcher remembers it, and its way to and from the log that brings it back after a crash."""

from dataclasses import dataclass, field
from typing import Any

from schemas.codec import decode_as
from schemas.events import (
    Decided,
    DispatchRecord,
    ItemOutcome,
    Override,
    Phase,
    RoutingDecision,
    Step,
    TaskSubmitted,
)


@dataclass(slots=True)
class Task:
    """The fields of DispatchRecord, what is often needed of the submission, and the lease, which a restart renews."""

    task_id: str
    session_id: str
    tenant_id: str
    pool: str
    agent_id: str | None
    skill: str
    complexity: float
    raw: bytes
    """The TaskSubmitted message as it came."""
    priority: int
    deadline_at: int | None
    parent_id: str | None
    item_index: int | None
    timeout_ms: int | None
    submitted_at: int
    agent_asked: bool
    """Whether the submission names its agent."""
    phase: Phase = "queued"
    entered_at: int = 0
    queued_at: int = 0
    ready_at: int = 0
    attempt: int = 0
    retries: int = 0
    redos: int = 0
    crashes: int = 0
    instance_id: str | None = None
    started_at: int | None = None
    feedback: str | None = None
    error: str | None = None
    steps: list[Step] = field(default_factory=list)
    items: list[ItemOutcome] = field(default_factory=list)
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd_micros: int = 0
    settings: list[Override] = field(default_factory=list)
    decided: Decided | None = None
    """What the router knew when it chose; the outcome tells it on."""
    model: str | None = None
    """Model that the router chose."""
    moved_from: str | None = None
    """The pool whose agent had failed; it moves once at most."""
    lease_until: int = 0
    stop_by: int = 0
    """The running attempt is given up at this time, even when its host still renews the lease."""
    holder: tuple[str, str] | None = None
    """Host and incarnation that last said it has the attempt in hand."""

    def submission(self) -> TaskSubmitted:
        submitted: TaskSubmitted = decode_as("TaskSubmitted", self.raw)
        return submitted

    def to_record(self) -> DispatchRecord:
        return {
            "task_id": self.task_id,
            "session_id": self.session_id,
            "tenant_id": self.tenant_id,
            "phase": self.phase,
            "pool": self.pool,
            "agent_id": self.agent_id,
            "skill": self.skill,
            "complexity": self.complexity,
            "entered_at": self.entered_at,
            "queued_at": self.queued_at,
            "ready_at": self.ready_at,
            "attempt": self.attempt,
            "retries": self.retries,
            "redos": self.redos,
            "crashes": self.crashes,
            "instance_id": self.instance_id,
            "started_at": self.started_at,
            "feedback": self.feedback,
            "error": self.error,
            "steps": self.steps,
            "items": self.items,
            "tokens_in": self.tokens_in,
            "tokens_out": self.tokens_out,
            "cost_usd_micros": self.cost_usd_micros,
            "task": self.raw,
            "settings": self.settings,
            "decided": self.decided,
            "model": self.model,
            "moved_from": self.moved_from,
        }

    @classmethod
    def arrived(cls, event: RoutingDecision, now: int) -> "Task":
        """A task as its decision brings it."""
        return cls.from_record(
            {
                **marker(event["task_id"], "queued", now),
                "session_id": event["session_id"],
                "tenant_id": event["tenant_id"],
                "pool": event["pool"],
                "agent_id": event["agent_id"],
                "skill": event["skill"],
                "complexity": event["complexity"],
                "queued_at": now,
                "task": event["task"],
                "settings": event["settings"],
                "decided": event["decided"],
                "model": event["model"],
            }
        )

    @classmethod
    def from_record(cls, record: DispatchRecord) -> "Task":
        fields: dict[str, Any] = dict(record)
        raw = record["task"]
        del fields["task"]
        submission = decode_as("TaskSubmitted", raw)
        return cls(
            raw=raw,
            priority=submission["priority"],
            deadline_at=submission["deadline_at"],
            parent_id=submission["parent_id"],
            item_index=submission["item_index"],
            timeout_ms=submission["timeout_ms"],
            submitted_at=submission["submitted_at"],
            agent_asked=submission["agent_id"] is not None,
            **fields,
        )


def marker(task_id: str, phase: Phase, now: int) -> DispatchRecord:
    """The short record of a task of which only the id matters: done, moved away, or cancelled before it arrived."""
    return {
        "task_id": task_id,
        "session_id": "",
        "tenant_id": "",
        "phase": phase,
        "pool": "",
        "agent_id": None,
        "skill": "",
        "complexity": 0.0,
        "entered_at": now,
        "queued_at": 0,
        "ready_at": 0,
        "attempt": 0,
        "retries": 0,
        "redos": 0,
        "crashes": 0,
        "instance_id": None,
        "started_at": None,
        "feedback": None,
        "error": None,
        "steps": [],
        "items": [],
        "tokens_in": 0,
        "tokens_out": 0,
        "cost_usd_micros": 0,
        "task": b"",
        "settings": [],
        "decided": None,
        "model": None,
        "moved_from": None,
    }
