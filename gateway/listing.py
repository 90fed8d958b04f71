"""The list of tasks with the state each is in, from submissions, the dispatcher's memory and outcomes. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gateway.record import Record
from processors.verify import LIVE_PHASES

STATUSES = ("completed", "failed", "cancelled", "expired", "dead_lettered", "refused")
STATES = ("open", "submitted", *sorted(LIVE_PHASES), *STATUSES)
"""`submitted`: not yet at the dispatcher."""
WENT_WRONG = ("failed", "expired", "dead_lettered", "refused")
"""Ends that nobody wanted: no answer came, and nobody had taken the task back."""
ASKED_FOR = ("open", "went_wrong", *STATES[1:])
"""What a list may be asked for: a state, or several by one word; `open`: without an outcome."""


def is_asked_for(state: str, wanted: str) -> bool:
    """Whether a task in this state is one of `wanted`, of ASKED_FOR."""
    if wanted == "open":
        return state not in STATUSES
    return state in WENT_WRONG if wanted == "went_wrong" else state == wanted


FED_WITH = ("tasks.submitted", "tasks.assigned", "dispatch.log", "tasks.outcomes")
AT_WORK = ("running", "cancelling")


class Row(NamedTuple):
    task_id: str
    state: str
    agent_id: str | None
    tenant_id: str
    session_id: str
    priority: int
    submitted_at: int
    started_at: int | None
    finished_at: int | None
    cost_usd_micros: int
    text: str

    def waited_us(self, now_us: int) -> int:
        return (self.started_at or self.finished_at or now_us) - self.submitted_at

    def ran_us(self, now_us: int) -> int | None:
        return None if self.started_at is None else (self.finished_at or now_us) - self.started_at


class Filter(NamedTuple):
    state: str | None = None
    agent: str | None = None
    tenant: str | None = None
    session: str | None = None

    def takes(self, row: Row) -> bool:
        return (
            (self.state is None or is_asked_for(row.state, self.state))
            and self.agent in (None, row.agent_id)
            and self.tenant in (None, row.tenant_id)
            and self.session in (None, row.session_id)
        )


class Listing:
    """Fed with the topics of FED_WITH in their order; what belongs to no task seen is passed over."""

    def __init__(self) -> None:
        self._submitted: dict[str, Mapping[str, Any]] = {}
        self._live: dict[str, Mapping[str, Any]] = {}
        self._assigned_at: dict[str, int] = {}
        self._outcomes: dict[str, Mapping[str, Any]] = {}

    def see(self, record: Record) -> None:
        event = record.event
        if record.name == "TaskSubmitted":
            self._submitted.setdefault(event["task_id"], event)
        elif event.get("task_id") not in self._submitted:
            return
        elif record.name == "DispatchRecord" and event["phase"] in LIVE_PHASES:
            self._live[event["task_id"]] = event
        elif record.name == "TaskAssigned":
            self._assigned_at.setdefault(event["task_id"], event["assigned_at"])
        elif record.name == "TaskOutcome":
            self._outcomes.setdefault(event["task_id"], event)

    def rows(self, wanted: Filter) -> list[Row]:
        """Newest first."""
        rows = (self._row(submitted) for submitted in self._submitted.values())
        return sorted((row for row in rows if wanted.takes(row)), key=lambda row: -row.submitted_at)

    def _row(self, submitted: Mapping[str, Any]) -> Row:
        task_id = submitted["task_id"]
        outcome, live = self._outcomes.get(task_id), self._live.get(task_id)
        state = outcome["status"] if outcome else live["phase"] if live else "submitted"
        told = outcome or live or {}
        return Row(
            task_id=task_id,
            state=state,
            agent_id=told.get("agent_id") or submitted["agent_id"],
            tenant_id=submitted["tenant_id"],
            session_id=submitted["session_id"],
            priority=submitted["priority"],
            submitted_at=submitted["submitted_at"],
            # The dispatcher hears of a start with the result; until then it is when the task was given away.
            started_at=told.get("started_at") or (self._assigned_at.get(task_id) if state in AT_WORK else None),
            finished_at=outcome["finished_at"] if outcome else None,
            cost_usd_micros=told.get("cost_usd_micros", 0),
            text=submitted["text"],
        )
