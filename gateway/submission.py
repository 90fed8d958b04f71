"""From what a person typed, or a line of a JSON Lines file, to a TaskSubmitted; says what is wrong with it. Pure."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.errors import BadInput
from gateway.ids import new_task_id
from gateway.nearest import did_you_mean
from processors.admission import Limits, objection, oversize
from schemas.codec import encode
from schemas.events import ConversationMessage, TaskSubmitted

INT_MAX = 2**31 - 1
WRONG_MAX = 10
"""Lines of a file that are told to be wrong; the others are counted."""
DURATION_UNITS_US = {"ms": 1000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")
_NAME = re.compile(r"(?!@)[^\s\x00-\x1f\x7f\ud800-\udfff]{1,200}")


def duration_us(text: str) -> int:
    """`500ms`, `30s`, `5m`, `2h` or `1d` in microseconds."""
    found = _DURATION.fullmatch(text)
    if not found:
        raise ValueError("a duration such as 30s, 5m or 2h")
    return round(float(found[1]) * DURATION_UNITS_US[found[2]])


def _text(value: Any, _now_us: int) -> str:
    if not isinstance(value, str) or not value.strip() or not _is_unicode(value):
        raise ValueError("text that is not empty")
    return value


def _name(value: Any, _now_us: int) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("a name of 1 to 200 characters, without blanks, not starting with @")
    return value


def name_of(value: str) -> str:
    """The value itself, where it may be the id of a session; ValueError says what may be one."""
    return _name(value, 0)


def _whole(low: int, high: int, kind: str) -> Callable[[Any, int], int]:
    def parse(value: Any, _now_us: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(kind)
        return value

    return parse


def _deadline(value: Any, now_us: int) -> int:
    """A moment as whole microseconds UTC, as ISO 8601, or as a duration from now."""
    accepted = "a time such as 2026-01-31T12:00:00Z, or a duration from now such as 30s, 5m or 2h"
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**62:
        return value
    if not isinstance(value, str):
        raise ValueError(accepted)
    try:
        if _DURATION.fullmatch(value):
            moment = datetime.fromtimestamp(now_us / 1_000_000, UTC) + timedelta(microseconds=duration_us(value))
        else:
            moment = datetime.fromisoformat(value)
    except (ValueError, OverflowError):
        raise ValueError(accepted) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    return round(moment.timestamp() * 1_000_000)


def _items(value: Any, now_us: int) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(i, str) and i.strip() and _is_unicode(i) for i in value):
        raise ValueError("a list of texts, none empty")
    return value


def _conversation(value: Any, _now_us: int) -> list[ConversationMessage]:
    if not isinstance(value, list) or not all(_is_message(message) for message in value):
        raise ValueError('a list of messages such as {"role": "user", "text": "…"}, of user or assistant, none empty')
    return [{"role": message["role"], "text": message["text"]} for message in value]


def _is_message(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"role", "text"}
        and value["role"] in ("user", "assistant")
        and isinstance(value["text"], str)
        and bool(value["text"].strip())
        and _is_unicode(value["text"])
    )


def _is_unicode(text: str) -> bool:
    """JSON can hold half a surrogate pair, which no message can."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


FIELDS: dict[str, Callable[[Any, int], Any]] = {
    "text": _text,
    "task_id": _name,
    "session_id": _name,
    "tenant_id": _name,
    "priority": _whole(1, 10, "a whole number from 1 (first) to 10 (last)"),
    "agent_id": _name,
    "skill": _name,
    "model": _name,
    "deadline_at": _deadline,
    "timeout_ms": _whole(1, 2**53, "a whole number of milliseconds of at least 1"),
    "retries_max": _whole(0, INT_MAX, "a whole number of at least 0"),
    "redos_max": _whole(0, INT_MAX, "a whole number of at least 0"),
    "items": _items,
    "conversation": _conversation,
}
"""What a submitter may say of a task: fields of TaskSubmitted, each with what reads and checks it."""


def task_from(fields: Mapping[str, Any], now_us: int, *, limits: Limits, where: str = "") -> TaskSubmitted:
    """A complete TaskSubmitted; fields left out or null take their defaults. `BadInput` names `where` and the field."""
    given: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in FIELDS:
            raise BadInput(
                f"{where}there is no field {name}{did_you_mean(name, FIELDS)} A task has {', '.join(FIELDS)}."
            )
        if value is None:
            continue
        try:
            given[name] = FIELDS[name](value, now_us)
        except ValueError as accepted:
            raise BadInput(f"{where}{name} = {_short(value)} is not accepted; it takes {accepted}.") from None
    if "text" not in given:
        raise BadInput(f"{where}text is missing; every task needs it.")
    task = _complete(given, now_us)
    if said := objection(task, limits):
        raise BadInput(f"{where}{said}")
    if said := oversize(len(encode("TaskSubmitted", task))):
        raise BadInput(f"{where}{said}")
    return task


def _complete(given: Mapping[str, Any], now_us: int) -> TaskSubmitted:
    task_id = given.get("task_id") or new_task_id(now_us)
    return TaskSubmitted(
        task_id=task_id,
        # A session of its own spreads tasks over the partitions; tasks that belong together name their session.
        session_id=given.get("session_id", task_id),
        tenant_id=given.get("tenant_id", "default"),
        text=given["text"],
        submitted_at=now_us,
        priority=given.get("priority", 5),
        agent_id=given.get("agent_id"),
        skill=given.get("skill"),
        model=given.get("model"),
        deadline_at=given.get("deadline_at"),
        timeout_ms=given.get("timeout_ms"),
        retries_max=given.get("retries_max"),
        redos_max=given.get("redos_max"),
        items=given.get("items", []),
        parent_id=None,
        item_index=None,
        redrive_of=None,
        conversation=given.get("conversation", []),
        by=None,
    )


def tasks_from_lines(
    lines: Iterable[bytes], now_us: int, *, source: str, limits: Limits, defaults: Mapping[str, Any] | None = None
) -> list[TaskSubmitted]:
    """The tasks of a JSON Lines file, blank lines left out. `defaults` fill in what a line does not say.

    Raises one `BadInput` about all lines that are not accepted.
    """
    tasks: list[TaskSubmitted] = []
    seen: dict[str, int] = {}
    wrong: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"{source}, line {number}: "
        try:
            task = task_from({**(defaults or {}), **_object(line, where)}, now_us, limits=limits, where=where)
            if task["task_id"] in seen:
                raise BadInput(f"{where}task_id {task['task_id']!r} stands on line {seen[task['task_id']]} already.")
        except BadInput as error:
            wrong.append(str(error))
            continue
        seen[task["task_id"]] = number
        tasks.append(task)
    if wrong:
        more = [f"{len(wrong) - WRONG_MAX} more lines are not accepted."] if len(wrong) > WRONG_MAX else []
        raise BadInput("\n".join(wrong[:WRONG_MAX] + more))
    if not tasks:
        raise BadInput(
            f'{source} holds no task; write one JSON object a line, such as {{"text": "Summarise the log"}}.'
        )
    return tasks


def _object(line: bytes, where: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        what = error.msg if isinstance(error, json.JSONDecodeError) else "not UTF-8 text"
        raise BadInput(f"{where}not valid JSON ({what}); write one JSON object a line.") from None
    if not isinstance(value, dict):
        raise BadInput(f'{where}holds {_short(value)}; write one JSON object a line, such as {{"text": "…"}}.')
    return value


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else text[:57] + "…"
