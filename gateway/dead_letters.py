"""What can be done about a dead letter. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, cast

from gateway.errors import GatewayError
from gateway.ids import redrive_id
from gateway.units import moment
from schemas.codec import BadMessage, decode, decode_as
from schemas.events import TaskSubmitted

SHOWN_BYTES_MAX = 256
"""Bytes of a payload that a person is shown; --json has them all."""


def task_in(letter: Mapping[str, Any]) -> TaskSubmitted | None:
    """The task a dead letter carries, directly or within the event about it; null when its bytes make no sense."""
    try:
        name, event = decode(letter["payload"])
        if name != "TaskSubmitted" and event.get("task"):
            name, event = "TaskSubmitted", decode_as("TaskSubmitted", event["task"])
    except BadMessage:
        return None
    return cast(TaskSubmitted, event) if name == "TaskSubmitted" else None


def redriven(letter: Mapping[str, Any], now_us: int, **over: Any) -> TaskSubmitted:
    """The same work as a new task, but for the fields in `over`.

    Its id follows from the dead letter, so redriving twice runs once.
    """
    task = task_in(letter)
    if task is None:
        raise GatewayError(
            f"Dead letter {letter['event_id']} is no task that could run again: {letter['reason'].rstrip('.')}. "
            f"`headway dlq show {letter['event_id']}` prints its bytes; correct them at their producer, send them anew."
        )
    expired = task["deadline_at"] is not None and task["deadline_at"] <= now_us
    new: TaskSubmitted = {
        **task,
        "task_id": redrive_id(letter["event_id"]),
        "submitted_at": now_us,
        "deadline_at": None if expired else task["deadline_at"],
        # Its parent has ended without it.
        "parent_id": None,
        "item_index": None,
        "redrive_of": task["task_id"],
    }
    return cast(TaskSubmitted, {**new, **over})


def as_json(letter: Mapping[str, Any], redriven_at: int | None = None) -> dict[str, Any]:
    """Bytes as hexadecimal digits; the task in plain fields where there is one."""
    task = task_in(letter)
    plain = {name: value.hex() if isinstance(value, bytes) else value for name, value in letter.items()}
    new_id = redrive_id(letter["event_id"]) if task else None
    return {**plain, "task": task, "redrive_id": new_id, "redriven_at": redriven_at}


def told(letter: Mapping[str, Any], redriven_at: int | None) -> Iterator[tuple[str, str]]:
    """The dead letter for a person: name and value of what it says."""
    task = task_in(letter)
    for name, value in letter.items():
        if name == "payload":
            yield name, _payload(value, task is not None)
        elif value is not None and value not in ("", b""):
            text = value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)
            yield name, moment(value) if is_time(name) else text
    for name, value in (task or {}).items():
        if value is not None and value != []:
            yield f"  {name}", moment(int(str(value))) if is_time(name) else str(value)
    if task is not None:
        new_id = redrive_id(letter["event_id"])
        yield "redriven", "not yet" if redriven_at is None else f"at {moment(redriven_at)}, as {new_id}"


def is_time(name: str) -> bool:
    """Whether a field of an event holds a time."""
    return name == "at" or name.endswith("_at")


def _payload(payload: bytes, is_task: bool) -> str:
    size = f"{len(payload):,} bytes"
    if is_task:
        return f"{size}, the task:"
    try:
        return f"{size}, a {decode(payload)[0]}"
    except BadMessage:
        more = "…" if len(payload) > SHOWN_BYTES_MAX else ""
        start = payload[:SHOWN_BYTES_MAX]
        return f"{size} that are no event: {start.decode(errors='backslashreplace')!r}{more}\n  {start.hex()}{more}"
