"""The read half of the Schema Registry's HTTP API, answered from the committed vocabulary: with it kcat, ClickHouse and
every Confluent client read our topics. It holds no data, so no token is asked for.

A topic with one event has the subject `<topic>-value`; where several events share a topic, each is `headway.<Event>`.
"""

import json
from functools import cache
from typing import Any, NamedTuple

from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.shapes import Schema, many, record, ref, text, whole
from schemas.codec import FOLDER
from schemas.topics import TOPICS

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


class Version(NamedTuple):
    id: int
    event: str
    version: int
    schema: str
    """The Avro schema as JSON."""


@cache
def versions() -> dict[int, Version]:
    """By id."""
    entries = json.loads((FOLDER / "registry.json").read_text(encoding="utf-8"))["schemas"]
    return {entry["id"]: _version(entry) for entry in entries}


@cache
def subjects() -> dict[str, str]:
    """The event of each subject."""
    found = {}
    for topic in TOPICS.values():
        for event in topic.events:
            found[f"{topic.name}-value" if len(topic.events) == 1 else f"headway.{event}"] = event
    return dict(sorted(found.items()))


def _version(entry: dict[str, Any]) -> Version:
    path = FOLDER / "events" / entry["folder"] / f"{entry['version']}.avsc"
    schema = json.dumps(json.loads(path.read_text(encoding="utf-8")), ensure_ascii=False, separators=(",", ":"))
    return Version(entry["id"], entry["event"], entry["version"], schema)


def _of_subject(subject: str) -> dict[int, Version]:
    """By version number."""
    event = subjects().get(subject)
    return {one.version: one for one in sorted(versions().values(), key=lambda v: v.version) if one.event == event}


def _refusal(status: int, code: int, message: str) -> Reply:
    """As the clients of a schema registry expect it."""
    return Reply({"error_code": code, "message": message}, status)


async def by_id(call: Call) -> Reply:
    found = versions().get(int(call.given["id"]))
    return Reply({"schema": found.schema}) if found else _refusal(404, 40403, "Schema not found")


async def types(call: Call) -> Reply:
    return Reply(["AVRO"])


async def list_subjects(call: Call) -> Reply:
    return Reply(list(subjects()))


async def list_versions(call: Call) -> Reply:
    found = _of_subject(call.given["subject"])
    return Reply(list(found)) if found else _refusal(404, 40401, "Subject not found")


async def show_version(call: Call) -> Reply:
    subject, asked = call.given["subject"], call.given["version"]
    found = _of_subject(subject)
    if not found:
        return _refusal(404, 40401, "Subject not found")
    number = max(found) if asked in ("latest", "-1") else int(asked)
    if number not in found:
        return _refusal(404, 40402, "Version not found")
    one = found[number]
    return Reply({"subject": subject, "version": one.version, "id": one.id, "schema": one.schema})


# --- the declarations

_SHOWN = "tasks.submitted-value"
_SUBJECT = Parameter("subject", "path", text("a subject", maxLength=300), _SHOWN)
PARTS: dict[str, Schema] = {
    "Version": record(
        "A version of a schema.",
        {
            "subject": text("The subject."),
            "version": whole("Its number."),
            "id": whole("The id in the first bytes of every message."),
            "schema": text("The Avro schema as JSON."),
        },
    )
}


def _example_version() -> dict[str, Any]:
    one = _of_subject(_SHOWN)[1]
    return {"subject": _SHOWN, "version": 1, "id": one.id, "schema": one.schema}


def _route(path: str, handler: Any, summary: str, answer: Schema, example: Any, *parameters: Parameter) -> Route:
    return Route(
        "GET",
        path,
        handler,
        None,
        summary,
        answer=answer,
        example=example,
        parameters=parameters,
        media_type=MEDIA_TYPE,
        more_parameters=True,  # clients send some of their own, which change nothing here
        errors=(404,) if parameters else (),
    )


ROUTES = [
    _route(
        "/schemas/ids/{id}",
        by_id,
        "Tell a schema by its id",
        record("The schema.", {"schema": text("The Avro schema as JSON.")}),
        lambda: {"schema": versions()[1].schema},
        Parameter("id", "path", text("a schema's id", pattern=r"^\d{1,9}$"), "1"),
    ),
    _route("/schemas/types", types, "Tell the kinds of schemas", many(text(""), "Kinds."), lambda: ["AVRO"]),
    _route("/subjects", list_subjects, "List the subjects", many(text(""), "By name."), lambda: [_SHOWN]),
    _route(
        "/subjects/{subject}/versions",
        list_versions,
        "List the versions of a subject",
        many(whole(""), "Numbers of the versions."),
        lambda: list(_of_subject(_SHOWN)),
        _SUBJECT,
    ),
    _route(
        "/subjects/{subject}/versions/{version}",
        show_version,
        "Tell a version of a subject",
        ref("Version"),
        _example_version,
        _SUBJECT,
        Parameter("version", "path", text("a version's number, or latest", pattern=r"^(latest|-1|\d{1,9})$"), "latest"),
    ),
]
