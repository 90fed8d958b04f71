"""What people say of answers, on its way to the topic `feedback.given`."""

from collections.abc import Mapping
from typing import Any

from gateway.ids import new_task_id
from gateway.sending import now_us
from gateway.server.principal import Principal
from gateway.server.services import Services
from gateway.server.shapes import Schema, number, or_null, record, text
from schemas.events import FeedbackGiven

KINDS = ("positive", "neutral", "negative")
COMMENT_CHARS_MAX = 2_000

SAID: Schema = record(
    "What somebody thinks of an answer. Of several by one person about one task the newest counts.",
    {
        "kind": text("What they think of it, in a word.", enum=list(KINDS)),
        "score": or_null(number("How good, from 0 to 1; null: not said.", minimum=0, maximum=1)),
        "comment": or_null(text("What they say about it.", maxLength=COMMENT_CHARS_MAX)),
    },
    optional=("score", "comment"),
)


async def give(services: Services, principal: Principal, task: Mapping[str, Any], said: Mapping[str, Any]) -> str:
    """Its id, once Kafka has it. `task`: as a list shows it. Raises Unreachable."""
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
