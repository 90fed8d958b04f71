"""The events a host writes about an attempt, as plain dicts."""

from typing import NamedTuple

from schemas.events import ProgressKind, ResultKind, Step, TaskAssigned, TaskProgress, TaskResult
from streams.executor.clock import now_us

_ERROR_BYTES_MAX = 4_000
_NOTHING = {"tokens_in": 0, "tokens_out": 0, "cost_usd_micros": 0}


class Identity(NamedTuple):
    """This host, and this life of it."""

    host_id: str
    incarnation: str
    zone: str = ""


class End(NamedTuple):
    """How an attempt ended."""

    kind: ResultKind
    output: str = ""
    error: str | None = None
    retryable: bool = False
    retry_after_ms: int | None = None
    model: str | None = None


def result(
    host: Identity,
    assigned: TaskAssigned,
    end: End,
    *,
    started_at: int | None = None,
    steps: list[Step] | None = None,
    bought: dict[str, int] | None = None,
) -> TaskResult:
    """`bought`: what was paid for since the report before this one."""
    what = f"step/{steps[0]['name']}" if steps else end.kind
    spent = bought or _NOTHING
    return {
        "event_id": f"{assigned['task_id']}/{assigned['attempt']}/{what}",
        "task_id": assigned["task_id"],
        "session_id": assigned["session_id"],
        "tenant_id": assigned["tenant_id"],
        "kind": end.kind,
        "attempt": assigned["attempt"],
        "pool": assigned["pool"],
        "agent_id": assigned["agent_id"],
        "instance_id": assigned["instance_id"],
        "host_id": host.host_id,
        "incarnation": host.incarnation,
        "started_at": started_at,
        "finished_at": now_us(),
        "output": end.output,
        "error": None if end.error is None else cut(end.error, _ERROR_BYTES_MAX),
        "retryable": end.retryable,
        "retry_after_ms": end.retry_after_ms,
        "model": end.model,
        "steps": steps or [],
        "tokens_in": spent["tokens_in"],
        "tokens_out": spent["tokens_out"],
        "cost_usd_micros": spent["cost_usd_micros"],
    }


def progress(
    assigned: TaskAssigned, kind: ProgressKind, sequence: int, fraction: float | None, message: str
) -> TaskProgress:
    return {
        "event_id": f"{assigned['task_id']}/{assigned['attempt']}/{kind}/{sequence}",
        "task_id": assigned["task_id"],
        "session_id": assigned["session_id"],
        "tenant_id": assigned["tenant_id"],
        "kind": kind,
        "attempt": assigned["attempt"],
        "sequence": sequence,
        "at": now_us(),
        "agent_id": assigned["agent_id"],
        "instance_id": assigned["instance_id"],
        "fraction": fraction,
        "message": message,
    }


def cut(text: str, bytes_max: int) -> str:
    """`text` as it can be written: at most `bytes_max` bytes of UTF-8, without the halves of broken characters."""
    if text.isascii() and len(text) <= bytes_max:
        return text
    data = text.encode(errors="replace")
    whole = len(data) <= bytes_max
    return data.decode() if whole else data[: bytes_max - 3].decode(errors="ignore") + "…"
