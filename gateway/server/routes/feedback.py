"""What people say of answers."""

from gateway.server import feedback
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.shapes import Schema, example, record, ref, text


async def give(call: Call) -> Reply:
    found = await feedback.answered(call.services, call.principal, call.given["task_id"])
    feedback_id = await feedback.give(call.services, call.principal, found.row, call.body)
    return Reply({"feedback_id": feedback_id, "task_id": found.row["task_id"]}, 202)


PARTS: dict[str, Schema] = {"Feedback": feedback.SAID}

ROUTES = [
    Route(
        "POST",
        "/api/tasks/{task_id}/feedback",
        give,
        "submitter",
        "Say how good a task's answer is",
        answer=record(
            "Kafka has it on every copy.", {"feedback_id": text("Names this feedback."), "task_id": text("The task.")}
        ),
        example=lambda: {name: example("feedback_given")[name] for name in ("feedback_id", "task_id")},
        doc="For a task that is completed. Of several by one person about one task the newest counts. The task's "
        "timeline tells it.",
        parameters=[
            Parameter(
                "task_id", "path", text("a task's id", minLength=1, maxLength=200), example("task_submitted")["task_id"]
            )
        ],
        body=ref("Feedback"),
        body_examples=lambda: {
            "with a reason": {name: example("feedback_given")[name] for name in ("kind", "score", "comment")},
            "in a word": {"kind": "negative"},
        },
        status=202,
        errors=(404, 409),
    ),
]
