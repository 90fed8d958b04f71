"""The knowledge base: searched by meaning, and its notes, which admins write."""

from typing import Any

from gateway.knowing import WORDS_CHARS_MAX
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.defined import STAYS, Defined
from gateway.server.paging import NEXT, page, paged
from gateway.server.problems import Problem
from gateway.server.shapes import Schema, event, example, fields, flag, many, number, or_null, record, ref, text, whole
from infra.definitions import NOTE
from processors.knowledge import KINDS, LIMIT, LIMIT_MAX, REMEMBERED_MAX, SOLVED, TEXT_CHARS, Hit

DEFINED = Defined(NOTE, "note_definition", "NoteDefinition", lambda services: services.registry.notes)


async def find(call: Call) -> Reply:
    services, given = call.services, call.given
    if not (given["q"] or "").strip():
        raise Problem(400, "Say in q what you are about to do, as in GET /api/knowledge?q=retry+a+payment.")
    known = await services.slow(
        services.knowledge.find,
        given["q"],
        services.registry.notes,
        call.principal.tenant,
        given["kind"],
        given["limit"],
    )
    return Reply(known._asdict() | {"hits": [hit._asdict() for hit in known.hits]})


async def list_notes(call: Call) -> Reply:
    notes = sorted(call.services.registry.notes.values(), key=lambda note: note["note"])
    shown, cursor = page(call, notes, "note")
    told = [{name: note[name] for name in _LISTED} for note in shown]  # type: ignore[literal-required]
    return Reply({"notes": told, "next": cursor})


async def show(call: Call) -> Reply:
    return Reply({"definition": DEFINED.known(call), "stays": await DEFINED.stays(call)})


# --- the declarations

_LISTED = ("note", "kind", "title", "tags", "updated_at")
_OF_TASK = ("task_id", "tenant_id", "agent_id", "skill", "model", "feedback", "quality", "finished_at")
_HIT: Schema = record(
    "A note, or a problem that was solved before; what belongs to the other sort is null.",
    {
        "kind": text("`practice` or `decision` for a note, `solved` for a problem."),
        "likeness": number("How like your words it is in meaning, 0 to 1."),
        "title": text("Of a problem the beginning of its text."),
        "text": text(
            f"Of a problem its text, of a note the part that is most like your words; {TEXT_CHARS} characters."
        ),
        "note": or_null(text("Name of the note: GET /api/notes/NAME has it whole.")),
    }
    | {name: or_null(schema) for name, schema in fields("training_sample", *_OF_TASK).items()}
    | {
        "task_id": or_null(text("Of those that asked it so, the task whose answer is liked best: GET /api/tasks/ID.")),
        "times": or_null(whole("How many of the newest tasks asked it in these words and were solved.")),
    },
)
_NOTE: Schema = record("A note, without its text.", fields("note_definition", *_LISTED))
PARTS: dict[str, Schema] = {"Hit": _HIT, "Note": _NOTE, "NoteDefinition": event("note_definition")}


def _example_found() -> dict[str, Any]:
    note, sample = example("note_definition"), example("training_sample")
    by_note = Hit(note["kind"], 0.44, note["title"], note["text"], note=note["note"])
    solved = Hit(SOLVED, 0.42, sample["text"], sample["text"], **{name: sample[name] for name in _OF_TASK}, times=3)
    return {"hits": [hit._asdict() for hit in (by_note, solved)], "notes": 4, "problems": 812, "caught_up": True}


def _example_listed() -> dict[str, Any]:
    return {name: example("note_definition")[name] for name in _LISTED}


ROUTES = [
    Route(
        "GET",
        "/api/knowledge",
        find,
        "viewer",
        "Find notes and solved problems that are like what you are about to do",
        answer=record(
            "What is like it.",
            {
                "hits": many(ref("Hit"), "The most alike first; of problems equally alike the better liked."),
                "notes": whole("Notes that there are."),
                "problems": whole("Solved problems in memory that you may see, each wording once."),
                "caught_up": flag("False while the gateway, just started, still reads what was solved before."),
            },
        ),
        example=_example_found,
        doc="Compares meanings, so that no word need be the same. Solved are completed tasks of your own tenant "
        "(admins: of all) whose answer people do not call bad, among the newest "
        f"{REMEMBERED_MAX:,} completed tasks of the line. Half of the places are for notes, as far as some fit.",
        parameters=[
            Parameter(
                "q",
                "query",
                text("What you are about to do, in words.", minLength=1, maxLength=WORDS_CHARS_MAX),
                "Retry a payment that timed out",
            ),
            Parameter("kind", "query", text("Only these.", enum=list(KINDS)), SOLVED),
            Parameter("limit", "query", whole("How many at most.", minimum=1, maximum=LIMIT_MAX, default=LIMIT), 5),
        ],
    ),
    Route(
        "GET",
        "/api/notes",
        list_notes,
        "viewer",
        "List the notes of the knowledge base",
        answer=record("The notes.", {"notes": many(ref("Note"), "By name."), "next": NEXT}),
        example=lambda: {"notes": [_example_listed()], "next": None},
        parameters=paged(),
    ),
    Route(
        "GET",
        "/api/notes/{note}",
        show,
        "viewer",
        "Tell a note",
        answer=record("The note.", {"definition": ref("NoteDefinition"), "stays": STAYS}),
        example=lambda: {"definition": example("note_definition"), "stays": None},
        parameters=[DEFINED.named],
        errors=(404,),
    ),
    *DEFINED.routes(
        {
            "kind": "decision",
            "title": "Payments are not retried after a timeout",
            "tags": ["payment"],
            "text": "A timeout may mean that the payment went through. We ask the bank for its state.",
        }
    ),
]
