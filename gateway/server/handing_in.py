"""Handing tasks in: once for each key, and known from then on."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from gateway.errors import Unreachable
from gateway.server.problems import RETRY_S, Problem, sentence
from gateway.server.recent import TEXT_CHARS
from gateway.server.services import Services
from processors.admission import Limits
from schemas.events import TaskSubmitted

USED = "This Idempotency-Key was used for another task; take a new one for a new task."

NAMED_MAX = 3
"""Ids that the sentence names; `task_ids` has all of them."""

Made = tuple[TaskSubmitted, Mapping[str, Any]]
"""A task, and what was asked for."""


def limits_of(services: Services) -> Limits:
    return Limits(services.settings.text_bytes_max, services.settings.items_max)


async def hand_in(services: Services, made: Sequence[Made], key: str | None, safe_key: str) -> list[dict[str, Any]]:
    """What is new goes to Kafka; what was handed in under the same key before is not handed in again. `safe_key`: what
    the ids were made of, the key that was sent or else one made here. Raises Problem.
    """
    known = [bool(key) and _was_handed_in(services, task, asked) for task, asked in made]
    new = [one for one, repeat in zip(made, known, strict=True) if not repeat]
    with services.keys.handing_in({task["task_id"]: asked for task, asked in new if key}) as fits:
        if not fits:
            raise Problem(409, USED)
        try:
            await services.outbox.submit([task for task, _ in new])
        except Unreachable as error:
            raise _not_confirmed(error, [task["task_id"] for task, _ in made], safe_key) from None
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


def _not_confirmed(error: Unreachable, task_ids: Sequence[str], safe_key: str) -> Problem:
    """What Kafka may have all the same is named, and so is what makes a second request the same one."""
    named = ", ".join(task_ids[:NAMED_MAX]) + (f" and {len(task_ids) - NAMED_MAX} more" * (len(task_ids) > NAMED_MAX))
    said = (
        f"{sentence(str(error))} What it has runs all the same, as {named}. Send the request again with the header "
        f"Idempotency-Key: {safe_key}, under which each of them is done once."
    )
    return Problem(503, said, retry_after_s=RETRY_S, idempotency_key=safe_key, task_ids=list(task_ids))


def _was_handed_in(services: Services, task: TaskSubmitted, asked: Mapping[str, Any]) -> bool:
    same = services.keys.same(task["task_id"], asked)
    known = services.recent.tasks.get(task["task_id"])
    if same is None and known is not None:
        same = (known.text, known.session_id) == (task["text"][:TEXT_CHARS], task["session_id"])
    if same is False:
        raise Problem(409, USED)
    return bool(same)
