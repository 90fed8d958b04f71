"""Live progress as the application knows it, whatever stands behind: where requests are handed on to it."""

from collections.abc import Callable
from typing import Any, Protocol

from aiohttp import web

from gateway.live.connections import MakeSocket, WebSocket
from gateway.live.hub import Hub
from gateway.server.principal import Principal
from infra.settings import Settings


class LiveDoor(Protocol):
    """Live progress, as gateway.live has it."""

    @property
    def hub(self) -> Hub | None: ...
    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    async def websocket(
        self, request: web.Request, principal: Principal, make: MakeSocket = WebSocket
    ) -> web.StreamResponse: ...
    async def events(self, request: web.Request, principal: Principal) -> web.StreamResponse: ...


MakeLive = Callable[[Settings, Callable[[Any, int], bool], Callable[[], frozenset[str]]], LiveDoor]
"""From the settings, what tells whether a principal's token still holds, and what tells which agents were taken out."""

LIVE: web.AppKey[LiveDoor] = web.AppKey("live")


def hub_of(request: web.Request) -> Hub | None:
    """Null in a gateway without live progress, and while that starts anew."""
    return request.app[LIVE].hub if LIVE in request.app else None
