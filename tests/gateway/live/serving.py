"""Live progress on a real broker behind a tiny application, and a line in miniature that writes to its topics."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from aiohttp import web

from gateway.live import Live
from infra import kafka
from infra.settings import Settings
from schemas.codec import encode
from tests.gateway.live.log import story


@dataclass(frozen=True)
class Who:
    token_id: str = "token"
    name: str = "somebody"
    tenant: str | None = None
    expires_at: int | None = None
    is_local: bool = False


class Door:
    """An application that takes `who` for whoever comes."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.who = Who()
        self.url = ""

    async def websocket(self, request: web.Request) -> web.StreamResponse:
        return await self.live.websocket(request, self.who)

    async def events(self, request: web.Request) -> web.StreamResponse:
        return await self.live.events(request, self.who)


@asynccontextmanager
async def serving(
    settings: Settings, holds: Callable[[Any, int], bool] | None = None, **over: Any
) -> AsyncIterator[Door]:
    limits = {"gateway_connections_max": 10_000, "gateway_connections_user_max": 10_000}
    door = Door(Live(replace(settings, **limits | over), holds=holds))
    app = web.Application()
    app.router.add_get("/ws", door.websocket)
    app.router.add_get("/events", door.events)
    runner = web.AppRunner(app, access_log=None)
    await door.live.start()
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=1000)
    await site.start()
    door.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield door
    finally:
        await door.live.stop()
        await runner.cleanup()


class Teller:
    """Writes the events of tasks as a line would, some at a time."""

    def __init__(self, settings: Settings) -> None:
        self._producer = kafka.producer(settings, enable_idempotence=False, log_level=2)
        self.session = f"s-{uuid.uuid4().hex[:8]}"
        self._tasks = 0

    def begin(self, tenant: str = "acme", session: str | None = None, attempts: int = 1) -> "Told":
        self._tasks += 1
        session = session or self.session
        task_id = f"{session}.{self._tasks}"
        return Told(self, task_id, story(task_id, session, tenant, attempts))

    def write(self, topic: str, name: str, event: dict[str, Any]) -> None:
        session_keyed = topic in ("tasks.submitted", "tasks.progress", "tasks.outcomes")
        key = event["session_id"] if session_keyed else event["task_id"]
        self._producer.produce(topic, encode(name, _now(event)), key)
        self._producer.flush(10)


class Told:
    """A task that is being told."""

    def __init__(self, teller: Teller, task_id: str, events: list[tuple[str, str, dict[str, Any]]]) -> None:
        self._teller = teller
        self.task_id = task_id
        self.left = events

    def on(self, count: int = 1) -> "Told":
        for _ in range(min(count, len(self.left))):
            self._teller.write(*self.left.pop(0))
        return self

    def to_the_end(self) -> "Told":
        return self.on(len(self.left))


def _now(event: dict[str, Any]) -> dict[str, Any]:
    now = time.time_ns() // 1000
    return event | {
        name: now for name in ("at", "submitted_at", "finished_at", "decided_at", "assigned_at") if name in event
    }


class Socket:
    """A WebSocket client that says what it hears."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def say(self, **message: Any) -> None:
        await self._socket.send_json(message)

    async def raw(self, data: str | bytes) -> None:
        await (self._socket.send_str(data) if isinstance(data, str) else self._socket.send_bytes(data))

    async def hear(self, *events: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """The next message of one of these names; any, without names."""
        async with asyncio.timeout(timeout_s):
            while True:
                frame = await self._socket.receive()
                assert frame.type is aiohttp.WSMsgType.TEXT, (frame, events)
                message: dict[str, Any] = json.loads(frame.data)
                if not events or message["event"] in events:
                    return message

    async def hear_until(self, event: str) -> list[dict[str, Any]]:
        heard = [await self.hear()]
        while heard[-1]["event"] != event:
            heard.append(await self.hear())
        return heard

    async def end(self, timeout_s: float = 15.0) -> tuple[int | None, str]:
        """The code and reason that it is closed with."""
        async with asyncio.timeout(timeout_s):
            while True:
                frame = await self._socket.receive()
                if frame.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING):
                    return self._socket.close_code, str(frame.extra or "")

    async def close(self) -> None:
        await self._socket.close()


@asynccontextmanager
async def connected(door: Door, who: Who | None = None) -> AsyncIterator[Socket]:
    door.who = who or Who()
    async with aiohttp.ClientSession() as http, http.ws_connect(f"{door.url}/ws", max_msg_size=0) as socket:
        yield Socket(socket)
