"""The description of the API: whole, true to its own schemas, and made for whoever reads it."""

from typing import Any

import pytest

from gateway.live import Live
from gateway.server import openapi
from gateway.server.app import EVERYTHING, create_app
from gateway.server.declare import Route
from gateway.server.problems import TITLES
from gateway.server.routes import PARTS
from gateway.server.shapes import problems
from gateway.server.streams import STREAMS
from infra.settings import Settings

ROUTES = [*EVERYTHING, *(stream.route for stream in STREAMS)]
DOCUMENT = openapi.document(ROUTES, PARTS)
PAGES = {"/{name}"}
"""Addresses of the page, which are no part of the API."""
SCHEMAS = DOCUMENT["components"]["schemas"]


def ids(route: Route) -> str:
    return f"{route.method} {route.path}"


def test_every_route_of_the_application_is_in_the_document() -> None:
    served = {
        (route.method, route.resource.canonical)
        for route in create_app(Settings(), lambda settings, *_: Live(settings)).router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    described = {(method.upper(), path) for path, item in DOCUMENT["paths"].items() for method in item}
    assert {(method, path) for method, path in served if path not in PAGES} == described


@pytest.mark.parametrize("route", ROUTES, ids=ids)
def test_the_example_of_an_answer_passes_its_own_schema(route: Route) -> None:
    assert list(problems(route.answer, route.example(), SCHEMAS)) == []


@pytest.mark.parametrize("route", [route for route in EVERYTHING if route.body], ids=ids)
def test_the_examples_of_a_body_pass_its_own_schema(route: Route) -> None:
    assert route.body is not None
    assert route.body_examples()
    for value in route.body_examples().values():
        assert list(problems(route.body, value, SCHEMAS)) == []


@pytest.mark.parametrize("route", ROUTES, ids=ids)
def test_the_examples_of_parameters_pass_their_own_schemas(route: Route) -> None:
    for parameter in route.parameters:
        if parameter.example is not None:
            assert list(problems(parameter.schema, parameter.example, SCHEMAS)) == []


def test_every_name_that_is_referred_to_is_defined_and_used() -> None:
    named = set(_references(DOCUMENT))
    assert named == set(SCHEMAS)


def test_every_operation_has_a_name_of_its_own_and_says_who_may_call_it() -> None:
    operations = [operation for item in DOCUMENT["paths"].values() for operation in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert ("Takes a token of role" in operation["description"]) == bool(operation["security"])


def test_every_problem_that_a_route_may_answer_with_has_a_meaning() -> None:
    for route in ROUTES:
        assert set(openapi.problem_statuses(route)) <= set(TITLES)
        declared = {parameter.name for parameter in route.parameters if parameter.where == "path"}
        assert declared == {part[1:-1] for part in route.path.split("/") if part.startswith("{")}


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"].rpartition("/")[2]] if isinstance(value.get("$ref"), str) else []
        return own + [name for part in value.values() for name in _references(part)]
    return [name for part in value for name in _references(part)] if isinstance(value, list) else []
