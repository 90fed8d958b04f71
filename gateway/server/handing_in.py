"""Handing tasks in: once for each key, and known from then on."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.server.problems import Problem
from gateway.server.recent import TEXT_CHARS
from gateway.server.services import Services
from processors.admission import Limits
from schemas.events import TaskSubmitted

USED = "This Idempotency-Key was used for another task; take a new one for a new task."

Made = tuple[TaskSubmitted, Mapping[str, Any]]
"""A task, and what was asked for."""


def limits_of(services: Services) -> Limits:
    return Limits(services.settings.text_bytes_max, services.settings.items_max)


async def hand_in(services: Services, made: Sequence[Made], key: str | None) -> list[dict[str, Any]]:
    """What is new goes to Kafka; what was handed in under the same key before is not handed in again."""
    known = [bool(key) and _was_handed_in(services, task, asked) for task, asked in made]
    new = [one for one, repeat in zip(made, known, strict=True) if not repeat]
    with services.keys.handing_in({task["task_id"]: asked for task, asked in new if key}) as fits:
        if not fits:
            raise Problem(409, USED)
        await services.outbox.submit([task for task, _ in new])
    told = []
    for (task, asked), repeat in zip(made, known, strict=True):
        if not repeat:
            services.keys.remember(task["task_id"], task["tenant_id"], asked, time.monotonic())
        now = services.recent.tasks.get(task["task_id"])
        told.append(
            {
                "task_id": task["task_id"],
                "session_id": now.session_id if now else task["session_id"],
                "tenant_id": task["tenant_id"],
                "state": now.state if now else "submitted",
                "repeated": repeat,
            }
        )
    return told


def _was_handed_in(services: Services, task: TaskSubmitted, asked: Mapping[str, Any]) -> bool:
    same = services.keys.same(task["task_id"], asked)
    known = services.recent.tasks.get(task["task_id"])
    if same is None and known is not None:
        same = (known.text, known.session_id) == (task["text"][:TEXT_CHARS], task["session_id"])
    if same is False:
        raise Problem(409, USED)
    return bool(same)
