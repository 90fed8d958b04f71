"""The OpenAPI 3.1 document, made from the routes' declarations and from nothing else."""

import re
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from gateway.server.declare import JSON, Parameter, Route
from gateway.server.problems import MEDIA_TYPE, TITLES
from gateway.server.shapes import Schema, many, record, text, whole

PROBLEM: Schema = {
    **record(
        "What is wrong, and what to do about it (RFC 9457).",
        {
            "type": text("Kind of the problem, to tell it apart by."),
            "title": text("The kind in words."),
            "status": whole("The status of the answer."),
            "detail": text("What is wrong with this request, and what to do, in a sentence."),
            "retry_after": whole("After how long it can succeed; the same as in the header Retry-After [s]"),
            "incident": text("Names a mistake of ours in the gateway's log."),
            "task_ids": many(text(""), "Tasks that Kafka did not confirm, and may have all the same."),
            "idempotency_key": text("Sent with the same request again, each of those tasks is done once."),
        },
        optional=("retry_after", "incident", "task_ids", "idempotency_key"),
    ),
}


def document(routes: Sequence[Route], parts: Mapping[str, Schema]) -> dict[str, Any]:
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {
            "title": "Headway",
            "version": version("headway"),
            "summary": "A dispatch line for AI agents on Kafka",
            "description": "Times are microseconds UTC, money is in micro-dollars, as in the events.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(route.subject for route in routes)],
        "paths": paths,
        "components": {
            "schemas": {**parts, "Problem": PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def problem_statuses(route: Route) -> list[int]:
    """What a route may answer with when it cannot do what was asked."""
    found = {400, 421, 429, 500, 503, *route.errors}
    if route.role is not None:
        found |= {401, 403}
    if route.body is not None:
        found |= {408, 413, 415}
    return sorted(found)


def _operation(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": _name(route),
        "tags": [route.subject],
        "summary": route.summary,
        "responses": _responses(route),
    }
    who = f"Takes a token of role {route.role}." if route.role else "Takes no token."
    found["description"] = f"{route.doc} {who}".strip()
    if route.parameters:
        found["parameters"] = [_parameter(parameter) for parameter in route.parameters]
    if route.body is not None:
        examples = {name: {"value": value} for name, value in route.body_examples().items()}
        content = {JSON: {"schema": route.body, "examples": examples}}
        found["requestBody"] = {"required": not route.body_optional, "content": content}
    found["security"] = [{"token": []}] if route.role is not None else []
    return found


def _name(route: Route) -> str:
    words = re.findall(r"[a-z]+", re.sub(r"^/api", "", route.path))
    return "_".join([route.method.lower(), *words])


def _responses(route: Route) -> dict[str, Any]:
    answer = {"schema": route.answer, "example": route.example()}
    done: dict[str, Any] = {"description": route.summary, "content": {route.media_type: answer}}
    if route.status == 101:
        done = {"description": f"{route.summary}: each frame is a message.", "x-message": answer}
    found: dict[str, Any] = {str(route.status): done}
    for status in problem_statuses(route):
        found[str(status)] = {
            "description": TITLES[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    return found


def _parameter(parameter: Parameter) -> dict[str, Any]:
    found = {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "description": parameter.schema.get("description", ""),
        "schema": {name: value for name, value in parameter.schema.items() if name != "description"},
    }
    return found | ({"example": parameter.example} if parameter.example is not None else {})
