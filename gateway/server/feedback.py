"""What people say of answers, on its way to the topic `feedback.given`."""

import asyncio
from collections.abc import Mapping
from typing import Any

from gateway.ids import new_task_id
from gateway.sending import now_us
from gateway.server import lookup
from gateway.server.principal import Principal
from gateway.server.problems import Problem
from gateway.server.services import Services
from gateway.server.shapes import Schema, number, or_null, record, text
from schemas.events import FeedbackGiven

KINDS = ("positive", "neutral", "negative")
COMMENT_CHARS_MAX = 2_000
END_S = 1.0
"""How long the memory may lag behind live progress, where somebody who just saw a task end speaks of its answer."""

SAID: Schema = record(
    "What somebody thinks of an answer. Of several by one person about one task the newest counts.",
    {
        "kind": text("What they think of it, in a word.", enum=list(KINDS)),
        "score": or_null(number("How good, from 0 to 1; null: not said.", minimum=0, maximum=1)),
        "comment": or_null(text("What they say about it.", maxLength=COMMENT_CHARS_MAX)),
    },
    optional=("score", "comment"),
)


async def answered(services: Services, principal: Principal, task_id: str) -> lookup.Found:
    """A task with an answer, of which something can be said. Raises Problem."""
    with services.waiting.of(task_id) as end:
        found = await lookup.find(services, principal, task_id)
        if not found.ended:
            await asyncio.wait([end], timeout=END_S)
            found = await lookup.find(services, principal, task_id)
    if not found.ended:
        raise Problem(409, "The task has no answer yet; wait for it, then say how good it is.")
    if found.row["state"] != "completed":
        ended = found.row["state"].replace("_", "-")
        raise Problem(409, f"The task has no answer, for it was {ended}; feedback is on answers. Do it again instead.")
    return found


async def give(services: Services, principal: Principal, task: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """Its id, once Kafka has it. `task`: as a list shows it, one that is `answered`. Raises Unreachable."""
    at = now_us()
    feedback = FeedbackGiven(
        feedback_id=new_task_id(at),
        task_id=task["task_id"],
        session_id=task["session_id"],
        tenant_id=task["tenant_id"],
        kind=said["kind"],
        score=said.get("score"),
        comment=(said.get("comment") or "").encode(errors="replace").decode(),
        by=principal.name,
        at=at,
    )
    await services.outbox.feedback(feedback)
    return feedback["feedback_id"]
