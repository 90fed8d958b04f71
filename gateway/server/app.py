"""The application put together: the way of every request from the door to its handler and back, and its lifecycle."""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import cache, partial
from typing import Any

import structlog
from aiohttp import hdrs, web

from gateway.server import access, openapi, page
from gateway.server.counting import count
from gateway.server.declare import Call, Reply, Route, call_of
from gateway.server.live_door import LIVE, MakeLive
from gateway.server.principal import Principal
from gateway.server.problems import MEDIA_TYPE, Problem, problem_of
from gateway.server.routes import PARTS, ROUTES
from gateway.server.services import Services, running
from gateway.server.streams import STREAMS, Stream
from infra.settings import Settings

SERVICES = web.AppKey("services", Services)
PRINCIPAL: web.RequestKey[Principal | None] = web.RequestKey("principal")
"""Under which key a request carries who sent it, for handlers outside the table of routes; null without a token."""

KEEP_ALIVE_S = 30.0
"""How long a connection may be without a request, also one that sends its request byte by byte."""

LINGER_S = 2.0
"""How long the rest of a refused body is taken, so that the sender comes to read why."""

SEND_S = 60.0
"""How long somebody may take to read an answer."""

SHUTDOWN_S = 5.0
"""How long requests under way may take to end."""

log = structlog.get_logger()


def _dumps(value: Any) -> bytes:
    """JSON. Half a surrogate pair, which somebody may have sent, becomes a question mark: no UTF-8 can say it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


@cache
def _document() -> dict[str, Any]:
    return openapi.document([*EVERYTHING, *(stream.route for stream in STREAMS)], PARTS)


async def _openapi(_call: Call) -> Reply:
    return Reply(_document())


EVERYTHING = [
    *ROUTES,
    Route(
        "GET",
        "/api/openapi.json",
        _openapi,
        None,
        "Describe this API",
        answer={"type": "object", "description": "An OpenAPI 3.1 document."},
        example=lambda: {"openapi": "3.1.0"},
    ),
]


def create_app(settings: Settings, make_live: MakeLive | None = None) -> web.Application:
    app = web.Application(middlewares=[_door], client_max_size=settings.gateway_body_bytes_max)
    for route in EVERYTHING:
        app.router.add_route(route.method, route.path, partial(_answer, route))
    app.cleanup_ctx.append(partial(_run, settings))
    if make_live is not None:
        app.cleanup_ctx.append(partial(_run_live, make_live))
        for stream in STREAMS:
            app.router.add_get(stream.route.path, partial(_follow, stream))
    app.router.add_get("/{name:.*}", page.serve)
    app.on_response_prepare.append(_mark)
    app.on_shutdown.append(_end_what_waits)
    return app


def create_runner(app: web.Application, keep_alive_s: float = KEEP_ALIVE_S) -> web.AppRunner:
    # aiohttp logs what it cannot parse, and subprotocols that it does not know: there may be a token in both.
    quiet = logging.getLogger("gateway.http")
    for logger in (quiet, logging.getLogger("aiohttp.websocket")):
        logger.setLevel(logging.CRITICAL + 1)
    return web.AppRunner(
        app,
        access_log=None,
        logger=quiet,
        keepalive_timeout=keep_alive_s,
        lingering_time=LINGER_S,
        shutdown_timeout=SHUTDOWN_S,
    )


async def _run(settings: Settings, app: web.Application) -> AsyncIterator[None]:
    async with running(settings, PARTS) as services:
        app[SERVICES] = services
        yield


async def _run_live(make_live: MakeLive, app: web.Application) -> AsyncIterator[None]:
    services = app[SERVICES]
    live = app[LIVE] = make_live(services.settings, services.tokens.holds, lambda: services.registry.removed)
    await live.start()
    yield


async def _end_what_waits(app: web.Application) -> None:
    """So that the end of the process waits for nobody who is only listening."""
    app[SERVICES].waiting.end()
    if LIVE in app:
        await app[LIVE].stop()


async def _follow(stream: Stream, request: web.Request) -> web.StreamResponse:
    who = access.with_role(request[PRINCIPAL], "viewer")
    return await stream.serve(Call(request.app[SERVICES], {}, None, request, who))


async def _answer(route: Route, request: web.Request) -> web.StreamResponse:
    who = request[PRINCIPAL]
    if route.role is not None:
        access.with_role(who, route.role)
    reply = await route.handler(await call_of(route, request, request.app[SERVICES], who))
    headers = {"Cache-Control": "no-store", **reply.headers}
    is_text = route.media_type.startswith("text/")
    body, charset = (reply.body.encode(errors="replace"), "utf-8") if is_text else (_dumps(reply.body), None)
    return web.Response(body=body, status=reply.status, content_type=route.media_type, charset=charset, headers=headers)


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def _door(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Nobody's request gets further than it may, and every answer says what became of it."""
    began = time.monotonic()
    answer: web.StreamResponse
    try:
        answer = await _let_in(request, handler)
    except web.HTTPException as error:
        answer = _refused(_of_framework(error))
        if hdrs.ALLOW in error.headers:
            answer.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    except Exception as error:
        answer = _refused(problem_of(error) or _mistake(request, error))
    who, took_s = request.get(PRINCIPAL), time.monotonic() - began
    count(request, answer.status, took_s)
    log.debug(
        "request",
        method=request.method,
        path=_path(request),
        status=answer.status,
        ms=round(1000 * took_s, 1),
        token=who.token_id if who else None,
    )
    return await _sent(request, answer)


async def _sent(request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
    """Nobody makes us keep an answer for long by not taking it."""
    if isinstance(answer, web.Response | web.FileResponse) and not answer.prepared:
        try:
            async with asyncio.timeout(SEND_S):
                await answer.prepare(request)
                await answer.write_eof()
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # who asked has gone
    return answer


def _path(request: web.Request) -> str:
    """As it was sent, on one line; without the query, in which people search for what they would not have in a log."""
    return request.rel_url.raw_path


async def _let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
    services = request.app[SERVICES]
    request[PRINCIPAL] = None
    access.check_host(request, services.settings)
    access.check_origin(request)
    try:
        request[PRINCIPAL] = access.principal_of(request, services)
    finally:
        # Wrong tokens count too, by where they come from.
        access.check_rate(request, services, request[PRINCIPAL])
    return await handler(request)


def _refused(problem: Problem) -> web.Response:
    headers = {"Cache-Control": "no-store"}
    if problem.retry_after_s is not None:
        headers[hdrs.RETRY_AFTER] = str(problem.retry_after_s)
    if problem.status == 401:
        headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="headway"'
    answer = web.Response(
        body=_dumps(problem.document()), status=problem.status, content_type=MEDIA_TYPE, headers=headers
    )
    if problem.status in (408, 413):
        answer.force_close()  # what is still to come of the body is not read
    return answer


def _of_framework(error: web.HTTPException) -> Problem:
    if error.status == 405:
        return Problem(405, "This address takes another method; /api/openapi.json tells which.")
    if error.status == 413:
        return Problem(413, "The body is too long; send less at a time.")
    if error.status == 400:
        return Problem(400, error.text or "The request makes no sense.")
    return Problem(error.status, "There is nothing at this address; /api/openapi.json tells what there is.")


def _mistake(request: web.Request, error: Exception) -> Problem:
    incident = secrets.token_hex(4)
    log.error("a request failed", incident=incident, method=request.method, path=_path(request), exc_info=error)
    said = f"This is a mistake of ours; the gateway's log tells more about incident {incident}."
    return Problem(500, said, incident=incident)


async def _mark(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in access.HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers.pop(hdrs.SERVER, None)
