"""The gateway's HTTP application in a thread of the test's own process, on a free port, with tokens to call it."""

import asyncio
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple

from aiohttp import web

from gateway.live.live import Live
from gateway.server.app import KEEP_ALIVE_S, SERVICES, create_app, create_runner
from gateway.server.principal import Role
from gateway.server.services import Services
from infra.settings import Settings
from lab.ports import free_ports


class Answer(NamedTuple):
    status: int
    body: Any
    """As JSON where it is that."""
    headers: dict[str, str]
    """With names in small letters."""


class Caller:
    """Calls the application with one token, or with none."""

    def __init__(self, port: int, token: str | None) -> None:
        self.port, self.token = port, token

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        raw: bytes | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        given = {"Authorization": f"Bearer {self.token}"} if self.token is not None else {}
        sent = raw if body is None else json.dumps(body).encode()
        if sent is not None:
            given["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, sent, given | (headers or {}))
            answer = connection.getresponse()
            told = answer.read()
        finally:
            connection.close()
        found = {name.lower(): value for name, value in answer.getheaders()}
        is_json = "json" in found.get("content-type", "")
        return Answer(answer.status, json.loads(told) if is_json else told.decode(errors="replace"), found)

    def get(self, path: str) -> Any:
        """The body of an answer that has to be good."""
        answer = self.call("GET", path)
        assert answer.status == 200, answer
        return answer.body

    def submit(self, text: str, **more: Any) -> str:
        """The id of a task handed in."""
        answer = self.call("POST", "/api/tasks", {"text": text, **more})
        assert answer.status == 202, answer
        return str(answer.body["task_id"])


class Gateway:
    def __init__(self, services: Services, port: int) -> None:
        self.services, self.port = services, port

    def token(self, tenant: str = "default", role: Role = "submitter", *, for_s: float | None = None) -> str:
        now = time.time_ns() // 1000
        until = None if for_s is None else now + int(for_s * 1_000_000)
        return self.services.tokens.create(f"{role} of {tenant}", tenant, role, until, now)

    def caller(self, tenant: str = "default", role: Role = "submitter", **more: Any) -> Caller:
        return Caller(self.port, self.token(tenant, role, **more))

    @cached_property
    def steady(self) -> Caller:
        """The same for all who ask, as a token takes a while to be made."""
        return self.caller("steady")

    def stranger(self) -> Caller:
        return Caller(self.port, None)


@contextmanager
def running_gateway(
    settings: Settings, *, keep_alive_s: float = KEEP_ALIVE_S, with_live: bool = False
) -> Iterator[Gateway]:
    """Ready, with all that happened before known."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    port = free_ports(1)
    try:
        runner = _within(loop, _start(settings, port, keep_alive_s, with_live))
        try:
            services = runner.app[SERVICES]
            assert _within(loop, services.following.wait_caught_up(30))
            yield Gateway(services, port)
        finally:
            _within(loop, _stop(runner))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _start(settings: Settings, port: int, keep_alive_s: float, with_live: bool) -> web.AppRunner:
    runner = create_runner(create_app(settings, _live if with_live else None), keep_alive_s)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


def _live(settings: Settings, holds: Any, removed: Any) -> Live:
    return Live(settings, holds=holds, removed=removed)


async def _stop(runner: web.AppRunner) -> None:
    await runner.cleanup()
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


def _within(loop: asyncio.AbstractEventLoop, work: Any) -> Any:
    return asyncio.run_coroutine_threadsafe(work, loop).result(60)
