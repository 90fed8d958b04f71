"""Conversations: listing, reading, taking along, going on."""

from datetime import UTC, datetime
from typing import Any

from gateway.record import Record
from gateway.server import conversations
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.live_door import hub_of
from gateway.server.problems import Problem
from gateway.server.recent import CHAT
from gateway.server.routes.tasks import KEY
from gateway.server.shapes import Schema, example, fields, flag, many, number, or_null, record, ref, text, whole
from gateway.turns import ASKED, turn_of
from gateway.way import REASON_CHARS, RESULT_CHARS, TOLD

EXPORT_MAX = 2_000
"""Turns of one export; whoever has more takes them page by page."""

PAGE_MAX, PAGE = 200, 50


async def list_conversations(call: Call) -> Reply:
    rows, cursor = await conversations.listed(
        call.services, call.principal.tenant_id, call.given["cursor"], call.given["limit"]
    )
    return Reply({"conversations": rows, "next": cursor})


async def show(call: Call) -> Reply:
    return Reply(await _conversation(call, call.given["cursor"], call.given["limit"]))


async def export(call: Call) -> Reply:
    whole_one = await _conversation(call, None, conversations.SHOWN_MAX)
    cursor = whole_one["next"]
    while cursor is not None and len(whole_one["turns"]) < EXPORT_MAX:
        page = await _conversation(call, cursor, conversations.SHOWN_MAX)
        whole_one["turns"] = page["turns"] + whole_one["turns"]
        whole_one["title"], cursor = page["title"], page["next"]
    told = {name: whole_one[name] for name in ("conversation_id", "title", "turns", "preferences")}
    told |= {"whole": cursor is None}
    return Reply(told | {"markdown": _markdown(told) if call.given["format"] == "markdown" else None})


async def say(call: Call) -> Reply:
    told = await conversations.say(
        call.services,
        hub_of(call.request),
        call.principal,
        call.given["conversation_id"],
        call.body,
        call.given["Idempotency-Key"],
    )
    return Reply(told, 202, {"Location": f"/api/tasks/{told['task_id']}"})


async def _conversation(call: Call, cursor: str | None, limit: int) -> dict[str, Any]:
    """Raises Problem: a conversation in which nobody has said anything is not there."""
    whose = (call.principal.tenant_id, call.given["conversation_id"])
    await conversations.settle(call.services, hub_of(call.request), *whose)
    found = await conversations.conversation(call.services, *whose, cursor=cursor, limit=limit)
    if not found["turns"] and cursor is None:
        raise Problem(404, "There is no conversation of this id; GET /api/conversations lists those there are.")
    return found


def _markdown(told: dict[str, Any]) -> str:
    parts = [f"# {told['title']}"]
    for turn in told["turns"]:
        parts.append(f"**{turn['by'] or 'somebody'}**, {_time(turn['submitted_at'])}\n\n{turn['text']}")
        if turn["answer"] or turn["finished_at"]:
            answer = turn["answer"] or f"({turn['state']}{': ' + turn['error'] if turn['error'] else ''})"
            when = f", {_time(turn['finished_at'])}" if turn["finished_at"] else ""
            parts.append(f"**{turn['agent_id'] or 'nobody'}**{when}\n\n{answer}")
    return "\n\n---\n\n".join(parts) + "\n"


def _time(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


# --- the declarations

_ASKED: Schema = record("What its newest message asked for.", fields("task_submitted", *ASKED))
_FEEDBACK: Schema = record("The newest feedback.", fields("feedback_given", "kind", "score", "comment", "by", "at"))
_STEP: Schema = record(
    "A step on the way to the choice.",
    {
        "step": text("Which one.", enum=list(TOLD)),
        "result": text("What it came to.", maxLength=RESULT_CHARS),
        "reason": text("Why, in words.", maxLength=REASON_CHARS),
    },
)
_TURN: Schema = record(
    "What somebody asked, and what has come of it so far.",
    {
        "task_id": text("The task that it is."),
        "text": text("What was said."),
        "text_whole": flag("False where it was too long to be shown here; the task has it whole."),
        "by": or_null(text("Who said it; null: not known.")),
        "asked": ref("Asked"),
        "at": whole("When it was said [µs, UTC]"),
        "state": text("Where the task is."),
        "skill": or_null(text("Kind of work as understood by the router, else the one asked for.")),
        "agent_id": or_null(text("Agent that has it, or had it last; null while none is chosen.")),
        "instance_id": or_null(text("Instance that has it, or had it last.")),
        "model": or_null(
            text(
                "Model that answered; until then the one chosen, else asked for. Null: the line's default; of a "
                "completed turn: no model answered."
            )
        ),
        "router": or_null(text("What chose the agent.")),
        "confidence": or_null(number("How sure it was, 0 to 1.")),
        "reason": or_null(text("Why this agent.")),
        "steps": many(_STEP, "The way to the choice; none before it.", maxItems=len(TOLD)),
        "attempt": whole("The attempt that `answer` is of; 0: none was begun."),
        "sequence": whole("The newest progress of that attempt that is in `answer`; -1: none."),
        "answer": text("The answer, so far or whole."),
        "answer_whole": flag("False where something of it is missing here, as when it was too long."),
        "submitted_at": whole("As `at` [µs, UTC]"),
        "started_at": or_null(whole("First start of an attempt [µs, UTC]")),
        "finished_at": or_null(whole("When the task ended; null while it is open [µs, UTC]")),
        "quality": or_null(number("Score of the newest judgement, 0 to 1.")),
        "attempts": whole("Attempts in all, once it has ended."),
        "tokens_in": whole("Input tokens bought, once it has ended."),
        "tokens_out": whole("Output tokens bought, once it has ended."),
        "cost_usd_micros": whole("Money spent, once it has ended [micro-dollars]"),
        "error": or_null(text("Why it did not complete, or the error of the last attempt.")),
        "feedback": {"anyOf": [ref("FeedbackSaid"), {"type": "null"}]},
    },
)
_CONVERSATION: dict[str, Schema] = {
    "conversation_id": text("Its id, which is the session of its tasks."),
    "title": text("The beginning of the oldest message shown."),
    "turns": many(ref("Turn"), "Oldest first."),
    "preferences": ref("Asked"),
}
PARTS: dict[str, Schema] = {"Asked": _ASKED, "FeedbackSaid": _FEEDBACK, "Turn": _TURN}

_ID = Parameter(
    "conversation_id",
    "path",
    text("a conversation's id, without blanks", pattern=r"^(?!@)[^\s\x00-\x1f\x7f]{1,200}$"),
    example("task_submitted")["session_id"],
)
_CURSOR = Parameter("cursor", "query", text("The `next` of the page before.", maxLength=1000))
_LIMIT = Parameter("limit", "query", whole("Most of them on a page.", minimum=1, maximum=PAGE_MAX, default=PAGE))


def _example_turn() -> dict[str, Any]:
    events = (("task_submitted", "TaskSubmitted"), ("routing_decision", "RoutingDecision"))
    more = (("task_outcome", "TaskOutcome"), ("feedback_given", "FeedbackGiven"))
    records = [Record("", 0, 0, name, example(folder)) for folder, name in (*events, *more)]
    return turn_of(example("task_submitted")["task_id"], records)


def _example_conversation() -> dict[str, Any]:
    turn = _example_turn()
    own = {"conversation_id": example("task_submitted")["session_id"], "title": turn["text"][:40]}
    return own | {"turns": [turn], "preferences": turn["asked"]}


def _example_row() -> dict[str, Any]:
    turn = _example_turn()
    own = {"conversation_id": example("task_submitted")["session_id"], "title": turn["text"][:40]}
    return own | {"turns": 1, "started_at": turn["at"], "newest_at": turn["at"], "open": 0}


def _example_accepted() -> dict[str, Any]:
    names = ("task_id", "session_id", "tenant_id")
    return {name: example("task_submitted")[name] for name in names} | {"state": "submitted", "repeated": False}


ROUTES = [
    Route(
        "GET",
        "/api/conversations",
        list_conversations,
        "viewer",
        "List conversations, the one with the newest message first",
        answer=record(
            "A page.",
            {
                "conversations": many(
                    record(
                        "A conversation.",
                        {
                            "conversation_id": text("Its id, which is the session of its tasks."),
                            "title": text("The beginning of its first message."),
                            "turns": whole("Messages of people in it."),
                            "started_at": whole("When the first was said [µs, UTC]"),
                            "newest_at": whole("When the newest was said [µs, UTC]"),
                            "open": whole("Those that have no answer yet."),
                        },
                    ),
                    "Newest first.",
                ),
                "next": or_null(text("The cursor of the next page; null at the end.")),
            },
        ),
        example=lambda: {"conversations": [_example_row()], "next": None},
        doc="Those of the token's own tenant: sessions whose tasks carry what was said before, and those that the page "
        f"began, which are called {CHAT}…. What programs hand in is at GET /api/sessions, and can be read as a "
        "conversation all the same.",
        parameters=[_CURSOR, _LIMIT],
    ),
    Route(
        "GET",
        "/api/conversations/{conversation_id}",
        show,
        "viewer",
        "Show a conversation",
        answer=record(
            "Its newest turns, or those before a cursor.",
            _CONVERSATION
            | {
                "more": flag("Whether there are older ones."),
                "next": or_null(text("The cursor of the older ones; null when there are none.")),
            },
        ),
        example=lambda: _example_conversation() | {"more": False, "next": None},
        parameters=[_ID, _CURSOR, _LIMIT],
        errors=(404,),
    ),
    Route(
        "GET",
        "/api/conversations/{conversation_id}/export",
        export,
        "viewer",
        "Take a conversation along, whole",
        answer=record(
            f"All its turns; the newest {EXPORT_MAX:,} of them, if there are more.",
            _CONVERSATION
            | {
                "whole": flag("Whether it is all of it."),
                "markdown": or_null(text("The same as text to read, when asked for.")),
            },
        ),
        example=lambda: _example_conversation() | {"whole": True, "markdown": None},
        parameters=[
            _ID,
            Parameter("format", "query", text("How.", enum=["json", "markdown"], default="json"), "markdown"),
        ],
        errors=(404,),
    ),
    Route(
        "POST",
        "/api/conversations/{conversation_id}/messages",
        say,
        "submitter",
        "Say something in a conversation",
        answer=ref("Accepted"),
        example=_example_accepted,
        doc="The message is a task of the session of this name; it carries what was said before, so that whoever "
        "answers knows of it: the newest 50 messages of the last hour.",
        parameters=[_ID, KEY],
        body=record("A message.", conversations.MESSAGE, optional=ASKED),
        body_examples=lambda: {"a message": {"text": "And what if the payment service answers twice?"}},
        status=202,
        errors=(409,),
    ),
]
