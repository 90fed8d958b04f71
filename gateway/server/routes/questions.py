"""The prepared questions to the warehouse. They look at all tenants' tasks, so they are for admins."""

from typing import Any

from gateway.asking import Answer, Asker
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.problems import Problem
from gateway.server.shapes import Schema, flag, many, or_null, record, ref, text
from infra.settings import Settings
from infra.warehouse.questions import Question, questions


async def list_questions(call: Call) -> Reply:
    return Reply({"questions": [_about(question) for question in questions().values()]})


async def ask(call: Call) -> Reply:
    question = questions().get(call.given["name"])
    if question is None:
        raise Problem(404, "There is no question of this name; GET /api/questions lists them.")
    given = dict(call.request.query)
    for name in given:
        if name not in question.parameters:
            takes = ", ".join(question.parameters) or "no parameter"
            raise Problem(400, f"{question.name} takes {takes}.")
    answer = await call.services.slow(_asked, call.services.settings, question, given)
    figures = [row[0] for row in answer.rows if row[0] is not None]
    normal = all(question.is_normal(figure) for figure in figures) if question.normal and figures else None
    rows = {"columns": answer.columns, "types": answer.types, "rows": answer.rows}
    return Reply(_about(question) | rows | {"is_normal": normal})


def _asked(settings: Settings, question: Question, given: dict[str, str]) -> Answer:
    with Asker(settings) as asker:
        return asker.rows_of(question.sql, {**question.parameters, **given})


def _about(question: Question) -> dict[str, Any]:
    about = {"name": question.name, "question": question.words, "normal": question.normal}
    return about | {"parameters": dict(question.parameters)}


# --- the declarations

_ABOUT: dict[str, Schema] = {
    "name": text("Its name."),
    "question": text("The question in words."),
    "normal": or_null(text("Normal range of the figure, which is the first column; null where there is none.")),
    "parameters": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "description": "What may be given in the query, with what holds else.",
    },
}
PARTS: dict[str, Schema] = {
    "Question": record("A prepared question.", _ABOUT),
    "Answer": record(
        "The answer, as a table.",
        _ABOUT
        | {
            "columns": many(text(""), "Names of the columns."),
            "types": many(text(""), "ClickHouse's types of the columns."),
            "rows": many({"type": "array", "items": {}}, "The rows."),
            "is_normal": or_null(flag("Whether every figure is in its range; null without a range or a figure.")),
        },
    ),
}
_SHOWN = next(iter(questions().values()))

ROUTES = [
    Route(
        "GET",
        "/api/questions",
        list_questions,
        "admin",
        "List the prepared questions",
        answer=record("The questions.", {"questions": many(ref("Question"), "By name.")}),
        example=lambda: {"questions": [_about(_SHOWN)]},
    ),
    Route(
        "GET",
        "/api/questions/{name}",
        ask,
        "admin",
        "Ask one of them",
        answer=ref("Answer"),
        example=lambda: (
            _about(_SHOWN)
            | {"columns": ["figure", "agent_id"], "types": ["Float64", "String"], "rows": [[0.62, "tester"]]}
            | {"is_normal": None}
        ),
        doc="Its parameters go into the query, as `?hours=48`. The answer is read only, and within the limits of "
        "`headway sql`.",
        parameters=[Parameter("name", "path", text("a question's name", maxLength=100), _SHOWN.name)],
        more_parameters=True,
        errors=(404,),
    ),
]
