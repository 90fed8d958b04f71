"""The addresses at which somebody stays connected, and is told what happens: docs/live.md has what is said there."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from gateway.server import chat
from gateway.server.declare import Call, Parameter, Reply, Route
from gateway.server.live_door import LIVE
from gateway.server.shapes import Schema, number, or_null, record, text, whole

_WHAT = "is to be told; name several by several parameters."
MESSAGE: Schema = record(
    "A message, as docs/live.md has them all.",
    {
        "event": text("What it is about, such as progress_update."),
        "session_id": or_null(text("Session it is about.")),
        "timestamp": whole("When it happened [µs, UTC]"),
        "progress": or_null(number("How far the task is, 0 to 1.")),
        "token": or_null(text("To come back with: all after this message is told then. Null: keep the one there is.")),
        "data": {"type": "object", "description": "The rest, by event."},
    },
)
_TOKEN = "token of the last message that was handled; without it what there is, is shown first."


@dataclass(frozen=True)
class Stream:
    route: Route
    """For its description; the query is read by whoever streams."""
    serve: Callable[[Call], Awaitable[web.StreamResponse]]


async def _events(call: Call) -> web.StreamResponse:
    return await call.request.app[LIVE].events(call.request, call.principal)


async def _websocket(call: Call) -> web.StreamResponse:
    return await call.request.app[LIVE].websocket(call.request, call.principal)


async def _chat(call: Call) -> web.StreamResponse:
    make = chat.socket_of(call.services, call.principal, chat.conversation_id_of(call.request))
    return await call.request.app[LIVE].websocket(call.request, call.principal, make)


async def _never(_call: Call) -> Reply:
    raise AssertionError("a stream has no one answer")


def _stream(
    path: str, summary: str, serve: Callable[[Call], Awaitable[web.StreamResponse]], doc: str, *parameters: Parameter
) -> Stream:
    is_socket = path.startswith("/ws")
    route = Route(
        "GET",
        path,
        _never,
        "viewer",
        summary,
        answer=MESSAGE if is_socket else text("Server-sent events; the data of each is a message as on /ws."),
        example=_message if is_socket else _event,
        doc=doc,
        parameters=parameters,
        more_parameters=True,
        status=101 if is_socket else 200,
        media_type="application/json" if is_socket else "text/event-stream",
    )
    return Stream(route, serve)


def _message() -> dict[str, object]:
    data = {"task_id": "t-1", "tenant_id": "acme", "kind": "progress", "message": "reading the file"}
    envelope = {"event": "progress_update", "session_id": "s-1", "timestamp": 1795259554907178, "progress": 0.4}
    return {**envelope, "token": "AbTs_ioE", "data": data}


def _event() -> str:
    return 'id: AbTs_ioE\ndata: {"event": "progress_update", "session_id": "s-1", "token": "AbTs_ioE"}\n\n'


_UPGRADE = (
    "It takes the headers of an upgrade. A browser offers the subprotocols headway.live and headway.token.TOKEN. "
    "docs/live.md has what is said there."
)

STREAMS = [
    _stream(
        "/api/events",
        "Follow what happens, as server-sent events",
        _events,
        "What is asked for stands in the query; docs/live.md has the events.",
        *(
            Parameter(f"{kind}_id", "query", text(f"Of which {kind} {_WHAT}"))
            for kind in ("session", "task", "agent", "tenant")
        ),
        Parameter("fleet", "query", text("true: the board and the pools.", enum=["true"])),
        Parameter("alerts", "query", text("true: the alerts.", enum=["true"])),
        Parameter("token", "query", text(f"The {_TOKEN}")),
        Parameter("Last-Event-ID", "header", text(f"The same: the {_TOKEN}")),
    ),
    _stream("/ws", "Follow what happens, over a WebSocket", _websocket, _UPGRADE),
    _stream(
        "/ws/chat/{conversation_id}",
        "Talk, over a WebSocket",
        _chat,
        _UPGRADE,
        Parameter("conversation_id", "path", text("The conversation; it begins with its first message.")),
    ),
]
