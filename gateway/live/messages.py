"""Events of the topics as clients read them. Pure.

Each record becomes at most one message, encoded once however many clients get it; only the resume token at its end may
differ between them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

from gateway.live.order import Fact, Read, fact_of
from gateway.timeline import time_of_event
from gateway.way import way_of

TEXT_CHARS = 500
"""Of a submitted text: the whole of it is in the HTTP API."""

OUTPUT_BYTES_MAX = 32_768
"""Of an answer: a message stays below the 64 KB that clients may hold messages to."""

ENDS = ("task_completed", "task_failed", "task_cancelled")
"""Exactly one of them is the last message of a task."""

Key = tuple[str, str | None, str]
"""What somebody can subscribe to: its kind, whose tenant sees it (null: those who see all), its id."""


@dataclass(slots=True, frozen=True)
class Told:
    """One message about a task."""

    place: int
    offset: int
    event: str
    tenant_id: str
    session_id: str
    task_id: str
    agent_id: str | None
    head: bytes
    """The message as JSON, up to its token."""
    is_text: bool = False
    """Whether it is a piece of an answer, of which each is needed."""
    fact: Fact | None = None
    """What it says that happened; a repeat of it in the topics says the same."""

    @property
    def is_progress(self) -> bool:
        """Whether it is of no use any more once its task has ended."""
        return self.event in ("progress_update", "task_started", "task_moved")

    @property
    def conflates(self) -> bool:
        """Whether a later one of the same task stands for it, when a client is slow."""
        return self.event == "progress_update" and not self.is_text

    def keys(self) -> Iterator[Key]:
        return keys_of(self.tenant_id, self.session_id, self.task_id, self.agent_id)

    def with_token(self, token: str) -> bytes:
        return b'%b,"token":"%b"}' % (self.head, token.encode())


ALL_TENANTS = "*"


def keys_of(tenant_id: str, session_id: str, task_id: str, agent_id: str | None) -> Iterator[Key]:
    """All that somebody may have subscribed to who is to be told of it."""
    for tenant in (tenant_id, None):
        yield "session", tenant, session_id
        yield "task", tenant, task_id
        yield "tenant", tenant, tenant_id
        if agent_id:
            yield "agent", tenant, agent_id
    yield "tenant", None, ALL_TENANTS


def message(
    event: str, data: dict[str, Any], *, at_us: int, session_id: str | None = None, token: str | None = None
) -> bytes:
    """A message that is about no single task, in the same envelope."""
    return as_json(
        {"event": event, "session_id": session_id, "data": data, "timestamp": at_us, "progress": None, "token": token}
    )


def as_json(value: Any) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:  # JSON has no word for what is no number
        return as_json(_without_nan(value))
    return text.encode(errors="replace")


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nan(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def told_of(read: Read) -> Told | None:
    """Null for what is of no use to somebody who watches."""
    event = read.event
    name, data, fraction = _TELL[read.name](event)
    if name is None:
        return None
    envelope = {
        "event": name,
        "session_id": event["session_id"],
        "data": {"task_id": event["task_id"], "tenant_id": event["tenant_id"], **data},
        "timestamp": time_of_event(event),
        "progress": fraction,
    }
    head = as_json(envelope)[:-1]
    whose = (event["tenant_id"], event["session_id"], event["task_id"], event.get("agent_id"))
    return Told(read.place, read.offset, name, *whose, head, is_text=event.get("kind") == "text", fact=fact_of(read))


_Telling = tuple[str | None, dict[str, Any], float | None]


def _submitted(e: dict[str, Any]) -> _Telling:
    names = ("priority", "agent_id", "skill", "model", "deadline_at", "parent_id", "item_index", "redrive_of", "by")
    text = e["text"]
    data = {"text": text[:TEXT_CHARS], "text_cut": len(text) > TEXT_CHARS, "items": len(e["items"])}
    return "task_submitted", data | _picked(e, *names), None


def _decided(e: dict[str, Any]) -> _Telling:
    if e["refusal"]:
        return None, {}, None  # the outcome says so
    names = ("agent_id", "pool", "skill", "model", "confidence", "reason", "router")
    return "task_queued", _picked(e, *names) | {"steps": way_of(e)}, None


def _moved(e: dict[str, Any]) -> _Telling:
    return "task_moved", _picked(e, "agent_id", "pool", "from_agent_id", "from_pool", "reason"), None


def _assigned(e: dict[str, Any]) -> _Telling:
    if e["kind"] == "cancel":
        return "task_cancelling", _picked(e, "attempt", "instance_id", "agent_id", "reason"), None
    return "agent_assigned", _picked(e, "agent_id", "instance_id", "attempt", "skill", "feedback", "timeout_ms"), None


def _progress(e: dict[str, Any]) -> _Telling:
    data = _picked(e, "kind", "attempt", "sequence", "agent_id", "instance_id", "message")
    if e["kind"] == "started":
        return "task_started", data, 0.0
    return "progress_update", data, e["fraction"]


def _result(e: dict[str, Any]) -> _Telling:
    if e["kind"] == "step":
        return None, {}, None  # progress tells of it too
    names = ("kind", "attempt", "agent_id", "instance_id", "error", "retryable", "tokens_in", "tokens_out")
    return "attempt_ended", _picked(e, *names, "cost_usd_micros"), None


def _evaluated(e: dict[str, Any]) -> _Telling:
    return "task_evaluated", _picked(e, "attempt", "agent_id", "success", "quality", "verdict", "reasons"), None


def _ended(e: dict[str, Any]) -> _Telling:
    names = ("status", "error", "retry_after_ms", "agent_id", "instance_id", "model", "attempts", "redos", "quality")
    times = ("submitted_at", "started_at", "finished_at", "parent_id", "item_index")
    output, was_cut = cut(e["output"], OUTPUT_BYTES_MAX)
    data = _picked(e, *names, *times, "tokens_in", "tokens_out", "cost_usd_micros")
    data |= {"output": output, "output_cut": was_cut}
    if e["status"] == "completed":
        return "task_completed", data, 1.0
    return "task_cancelled" if e["status"] == "cancelled" else "task_failed", data, None


def _feedback(e: dict[str, Any]) -> _Telling:
    return "feedback_received", _picked(e, "kind", "score", "comment", "by"), None


_TELL = {
    "TaskSubmitted": _submitted,
    "RoutingDecision": _decided,
    "TaskMoved": _moved,
    "TaskAssigned": _assigned,
    "TaskProgress": _progress,
    "TaskResult": _result,
    "Evaluation": _evaluated,
    "TaskOutcome": _ended,
    "FeedbackGiven": _feedback,
}
TOLD = frozenset(_TELL)
"""Events that are told one by one; others that stand in the same topics are passed over."""


def cut(text: str, bytes_max: int) -> tuple[str, bool]:
    """The text in at most so many bytes of UTF-8, and whether some of it is missing."""
    if len(text) * 4 <= bytes_max or len(data := text.encode(errors="replace")) <= bytes_max:
        return text, False
    return data[:bytes_max].decode(errors="ignore"), True


def _picked(event: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: event[name] for name in names}
