"""What can be done about a dead letter. Pure."""

from collections.abc import Mapping
from typing import Any, cast

from gateway.errors import GatewayError
from gateway.ids import redrive_id
from schemas.codec import BadMessage, decode, decode_as
from schemas.events import TaskSubmitted


def task_in(letter: Mapping[str, Any]) -> TaskSubmitted | None:
    """The task a dead letter carries, directly or within the event about it; null when its bytes make no sense."""
    try:
        name, event = decode(letter["payload"])
        if name != "TaskSubmitted" and event.get("task"):
            name, event = "TaskSubmitted", decode_as("TaskSubmitted", event["task"])
    except BadMessage:
        return None
    return cast(TaskSubmitted, event) if name == "TaskSubmitted" else None


def redriven(letter: Mapping[str, Any], now_us: int) -> TaskSubmitted:
    """The same work as a new task. Its id follows from the dead letter, so redriving twice runs once."""
    task = task_in(letter)
    if task is None:
        raise GatewayError(
            f"Dead letter {letter['event_id']} is no task that could run again: {letter['reason'].rstrip('.')}. "
            f"`headway dlq show {letter['event_id']}` prints its bytes; correct them at their producer, send them anew."
        )
    expired = task["deadline_at"] is not None and task["deadline_at"] <= now_us
    return {
        **task,
        "task_id": redrive_id(letter["event_id"]),
        "submitted_at": now_us,
        "deadline_at": None if expired else task["deadline_at"],
        # Its parent has ended without it.
        "parent_id": None,
        "item_index": None,
        "redrive_of": task["task_id"],
    }


def as_json(letter: Mapping[str, Any]) -> dict[str, Any]:
    """Bytes as hexadecimal digits; the task in plain fields where there is one."""
    task = task_in(letter)
    plain = {name: value.hex() if isinstance(value, bytes) else value for name, value in letter.items()}
    return {**plain, "task": task, "redrive_id": redrive_id(letter["event_id"]) if task else None}
