"""How a route is declared, and what becomes of a request by its declaration: parameters and body read and checked.

A handler gets a `Call`, in which everything has its type and is within its limits, and answers with a `Reply`.
"""

import asyncio
import difflib
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web

from gateway.server.principal import Principal, Role
from gateway.server.problems import Problem, closed
from gateway.server.shapes import Schema, problems

if TYPE_CHECKING:
    from gateway.server.services import Services

BODY_S = 10.0
"""How long a body may take to arrive."""

JSON = "application/json"


@dataclass(frozen=True)
class Parameter:
    name: str
    where: Literal["query", "path", "header"]
    schema: Schema
    """Of one plain value; its `default` holds when the parameter is left out."""
    example: Any = None


@dataclass(frozen=True)
class Reply:
    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Call:
    services: "Services"
    given: dict[str, Any]
    """The parameters by name, those left out with their default, else None."""
    body: Any
    """As it was sent; None where none is expected."""
    request: web.Request
    who: Principal | None

    @property
    def principal(self) -> Principal:
        """Who asks, on a route that nobody reaches without a token."""
        assert self.who is not None
        return self.who


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    handler: Callable[[Call], Awaitable[Reply]]
    role: Role | None
    """The least role that may call it; None: anybody."""
    summary: str
    answer: Schema
    example: Callable[[], Any]
    """An answer, made when it is asked for."""
    doc: str = ""
    parameters: Sequence[Parameter] = ()
    more_parameters: bool = False
    """Whether the query may hold names that are not declared."""
    body: Schema | None = None
    body_examples: Callable[[], Mapping[str, Any]] = dict
    body_optional: bool = False
    body_checked_by_handler: bool = False
    """Where the rules say more than a schema can."""
    status: int = 200
    errors: Sequence[int] = ()
    """Beyond those that any route may answer with."""
    media_type: str = JSON

    @property
    def subject(self) -> str:
        """What it is about: heads its part of the document."""
        parts = [part for part in self.path.split("/") if part]
        return parts[1] if parts[0] == "api" and len(parts) > 1 else parts[0]


async def call_of(route: Route, request: web.Request, services: "Services", who: Principal | None) -> Call:
    """Raises Problem."""
    return Call(services, parameters(route, request), await _body(route, request, services), request, who)


def parameters(route: Route, request: web.Request) -> dict[str, Any]:
    declared = {p.name: p for p in route.parameters if p.where == "query"}
    for name in request.query:
        if name not in declared and not route.more_parameters:
            near = difflib.get_close_matches(name, declared, n=1)
            there = f"; did you mean {near[0]}?" if near else f"; there is {', '.join(declared) or 'none'}."
            raise Problem(400, f"There is no parameter {_quoted(name)} here{there}")
        if len(request.query.getall(name)) > 1:
            raise Problem(400, f"The parameter {_quoted(name)} is given twice; give it once.")
    found: dict[str, Any] = {}
    for parameter in route.parameters:
        place = {"query": request.query, "path": request.match_info, "header": request.headers}[parameter.where]
        raw = place.get(parameter.name)
        found[parameter.name] = (
            parameter.schema.get("default") if raw is None else _value(parameter, raw, route.method == "PUT")
        )
    return found


def _value(parameter: Parameter, raw: str, makes: bool) -> Any:
    """`makes`: what the path names need not be there yet, so that a name that cannot be is a mistake in the request."""
    value = _typed(raw, parameter.schema["type"])
    for problem in problems(parameter.schema, value, {}, parameter.name):
        raise Problem(404 if parameter.where == "path" and not makes else 400, closed(problem))
    return value


def _typed(raw: str, kind: str) -> Any:
    """The value that a text stands for, or the text itself, which the check then refuses."""
    if kind == "boolean":
        return {"true": True, "false": False}.get(raw, raw)
    try:
        return {"integer": int, "number": float}.get(kind, str)(raw) if len(raw) < 40 or kind == "string" else raw
    except ValueError:
        return raw


async def _body(route: Route, request: web.Request, services: "Services") -> Any:
    if route.body is None:
        return None
    sent = await _read(request, services.settings.gateway_body_bytes_max)
    if not sent and route.body_optional:
        return {}
    if request.content_type != JSON:
        raise Problem(415, "The body must be JSON: send it with the header Content-Type: application/json.")
    value = parsed(sent)
    for problem in () if route.body_checked_by_handler else problems(route.body, value, services.parts):
        raise Problem(400, closed(problem))
    return value


async def _read(request: web.Request, bytes_max: int) -> bytes:
    too_long = Problem(413, f"A body may have {bytes_max:,} bytes; send less at a time.")
    if (request.content_length or 0) > bytes_max:
        raise too_long
    try:
        async with asyncio.timeout(BODY_S):
            return await request.read()
    except TimeoutError:
        raise Problem(408, f"The body did not arrive within {BODY_S:.0f} s; send it at once.") from None
    except web.HTTPRequestEntityTooLarge:
        raise too_long from None


def parsed(sent: bytes) -> Any:
    try:
        return json.loads(sent.decode(), parse_constant=_no_number, parse_float=_finite, object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise Problem(400, "The body is no UTF-8 text.") from None
    except json.JSONDecodeError as error:
        raise Problem(400, f"The body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except (ValueError, RecursionError):
        raise Problem(400, "The body is JSON that nobody means: too deep, or with a number that is none.") from None


def _no_number(name: str) -> float:
    raise ValueError(name)


def _finite(digits: str) -> float:
    return value if isfinite(value := float(digits)) else _no_number(digits)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two values for a name: one would read the first, another the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise Problem(400, f"{_quoted(twice)} is there twice; say it once.")
    return found


def _quoted(name: str) -> str:
    return json.dumps(name[:60])
