"""Task ids: UUIDv7, so that ids sort by time and a task's own id says where in the topics to start reading."""

import secrets
from collections.abc import Iterable
from uuid import UUID, uuid5

from gateway.errors import BadInput

REDRIVES = UUID("6f1d3f5e-5b0c-4c7e-9f53-0f6f1a7b8c2d")
"""Name space of redriven tasks: the same dead letter always gives the same new task."""


def new_task_id(now_us: int) -> str:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, the rest random."""
    return task_id_at(now_us // 1000, secrets.randbits(80))


def task_id_at(at_ms: int, rest: int) -> str:
    """The UUIDv7 of a moment whose other bits are the lowest of `rest`."""
    value = (at_ms & (1 << 48) - 1) << 80 | rest & (1 << 80) - 1
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))


def time_of(task_id: str) -> int | None:
    """When a UUIDv7 was made [µs, UTC]; null for any other id. A subtask (`<parent>.<index>`) has its parent's."""
    try:
        found = UUID(task_id.split(".", 1)[0])
    except ValueError:
        return None
    return (found.int >> 80) * 1000 if found.version == 7 else None


PART_MIN = 4
"""Characters that are taken for a part of an id: fewer are more likely a slip."""

NAMED_MAX = 8
"""Ids told when a part fits several."""


def named(part: str, ids: Iterable[str], what: str) -> str | None:
    """The one id that is `part`, or begins or ends with it; null when none does. Subtasks give way to their parent.

    Raises `BadInput`, which lists them, when there are several.
    """
    known = set(ids)
    if part in known:
        return part
    found = sorted(each for each in known if each.startswith(part) or each.endswith(part))
    found = [each for each in found if each.rpartition(".")[0] not in found]
    if len(part) < PART_MIN or not found:
        return None
    if len(found) > 1:
        listed = ", ".join(found[:NAMED_MAX]) + (", …" if len(found) > NAMED_MAX else "")
        raise BadInput(f"{part} is part of the ids of {len(found)} {what}s: {listed}. Give more of the one you mean.")
    return found[0]


def redrive_id(dead_letter_id: str) -> str:
    """The id of the task that tries a dead-lettered one again: redriving twice gives the same task, which runs once."""
    return str(uuid5(REDRIVES, dead_letter_id))
