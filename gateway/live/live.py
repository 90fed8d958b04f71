"""Live progress put together: feed, hub, replays and connections, and what happens once a second."""

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import cast

from aiohttp import web

from gateway.live.connections import CLOSE_S, Connection, EventStream, MakeSocket, Principal, Socket, WebSocket
from gateway.live.feed import Batch, Feed
from gateway.live.hub import FLEET, Hub
from gateway.live.joining import Client, Resume
from gateway.live.limits import (
    LEAVING,
    NOT_READY,
    PING_S,
    PONG_S,
    TOKEN_OVER,
    TOO_MANY_CONNECTIONS,
    TOO_MANY_OF_USER,
    Close,
    limits_of,
)
from gateway.live.machine import Machine
from gateway.live.messages import Told
from gateway.live.order import Read
from gateway.live.parcel import parcel
from gateway.live.places import Layout, Places
from gateway.live.presence import Presence
from gateway.live.protocol import FLAGS, KINDS, Refused, Subscribe, keys_of
from gateway.live.replay import Replays, Wish
from infra import log, metrics
from infra.settings import Settings
from schemas.events import Alert

Holds = Callable[[Principal, int], bool]
Removed = Callable[[], frozenset[str]]

SUBPROTOCOL = "headway.live"
"""A browser that offers its access token as a subprotocol offers this too: one of those it offers must be chosen."""

READY_S = 10.0
"""How long a connection waits for the topics to be read at the start."""

FLUSH_S = 0.02
"""How often those are looked at whose socket did not take everything."""

TURN = 200
"""Connections that are looked at in one go, once a second."""

AGAIN_S = 1.0
"""Wait before the feed is started anew."""

_TCP_NOTSENT_LOWAT = 25
_UNSENT_KERNEL_BYTES = 32_768
"""What the kernel holds unsent for one client: else it would take megabytes from us before we see that nobody reads."""


class Live:
    def __init__(self, settings: Settings, *, holds: Holds | None = None, removed: Removed = frozenset) -> None:
        """`holds`: whether somebody's access is still good at a time [µs]; asked once a second, as is `removed`, which
        agents were taken out."""
        self.limits = limits_of(settings)
        self.hub: Hub | None = None
        self.sent = 0
        self._settings = settings
        self._holds = holds
        self._removed = removed
        self._connections: dict[Connection, None] = {}
        self._of_user: Counter[str] = Counter()
        self._late: dict[Connection, None] = {}
        """Those with messages in their outbox."""
        self._presence = Presence()
        self._ready = asyncio.Event()
        self._empty = asyncio.Event()
        """Whether nobody is connected."""
        self._empty.set()
        self._is_well = False
        self._changed_at = 0
        self._feed: Feed | None = None
        self._replays: Replays | None = None
        self._chores: list[asyncio.Task[None]] = []
        self._machine = Machine()
        self._log = log.bind(part="live")

    @property
    def is_ready(self) -> bool:
        return self._ready.is_set()

    @property
    def connections(self) -> int:
        return len(self._connections)

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._chores = [asyncio.ensure_future(self._every_second()), asyncio.ensure_future(self._flush_late())]
        self._start_feed()

    async def stop(self) -> None:
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        self._close_all(LEAVING)
        await asyncio.to_thread(self._stop_threads)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._empty.wait(), CLOSE_S + 1)

    # --- clients -------------------------------------------------------------------------------------------------

    async def websocket(
        self, request: web.Request, principal: Principal, make: MakeSocket = WebSocket
    ) -> web.WebSocketResponse:
        """`make`: the kind of client that speaks there."""
        ws = Socket(
            compress=False,  # what is the same for all is encoded once for all
            autoping=False,
            max_msg_size=self.limits.message_bytes + 1,
            timeout=CLOSE_S,
            protocols=(SUBPROTOCOL,),
        )
        if not ws.can_prepare(request):
            raise web.HTTPBadRequest(text="A WebSocket is here: connect with one, or read /api/events. docs/live.md.")
        await ws.prepare(request)
        if request.transport is None:
            return ws
        client = make(self, principal, request.transport, ws)
        with self._counted(client):
            if await self._let_in(client):
                await client.listen()
            else:
                await client.gone()
        return ws

    async def events(self, request: web.Request, principal: Principal) -> web.StreamResponse:
        """What is asked for stands in the query; where to go on, in Last-Event-ID, or in the query as `token`."""
        try:
            if not (rows := _rows(request)):
                raise Refused(f"Name in the query what you follow: {', '.join(KINDS)}, fleet=true or alerts=true.")
            keys = keys_of({"to": rows}, principal.tenant)
            if len(keys) > self.limits.subscriptions:
                raise Refused(f"A stream has at most {self.limits.subscriptions} subscriptions.")
        except Refused as refused:
            raise web.HTTPBadRequest(text=str(refused)) from None
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        await response.prepare(request)
        await response.write(b"retry: 1000\n\n")
        if request.transport is None:
            return response
        client = EventStream(self, principal, request.transport)
        with self._counted(client):
            if await self._let_in(client):
                token = request.headers.get("Last-Event-ID") or request.query.get("token")
                client.do([Subscribe(keys, token)])
            await client.gone()
        return response

    async def _let_in(self, client: Connection) -> bool:
        """Counts it and greets it; false when it was closed instead."""
        if len(self._connections) > self.limits.connections:
            client.close(TOO_MANY_CONNECTIONS)
        elif self._of_user[client.principal.token_id] > self.limits.connections_of(is_local=client.principal.is_local):
            client.close(TOO_MANY_OF_USER)
        else:
            if not self.is_ready:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._ready.wait(), READY_S)
            if not self.is_ready:
                client.close(NOT_READY)
        if client.is_closing:
            return False
        _bound_kernel_buffer(client.transport)
        data = {"protocol": 1, "name": client.principal.name, "tenant_id": client.tenant, **self._state()}
        data["limits"] = {
            "subscriptions": self.limits.subscriptions,
            "messages_per_s": self.limits.messages_per_s,
            "message_bytes": self.limits.message_bytes,
            "ping_s": PING_S,
            "pong_s": PONG_S,
        }
        client.answer(parcel("welcome", data, at_us=_now_us()))
        return True

    @contextlib.contextmanager
    def _counted(self, client: Connection) -> Iterator[None]:
        user = client.principal.token_id
        self._connections[client] = None
        self._empty.clear()
        self._of_user[user] += 1
        try:
            yield
        finally:
            metrics.LIVE_CLOSES.labels(client.kind, *client.end()).inc()
            client.is_closing = True
            del self._connections[client]
            if not self._connections:
                self._empty.set()
            self._late.pop(client, None)
            self._of_user[user] -= 1
            if not self._of_user[user]:
                del self._of_user[user]
            self._presence.leave(client)
            if self.hub is not None:
                self.hub.forget(client)

    def is_behind(self, connection: Connection) -> None:
        self._late[connection] = None

    def announce(self, connection: Connection, session_id: str, state: str | None) -> None:
        self._presence.say(connection, session_id, state)

    # --- what the feed and the replays say, in their threads -----------------------------------------------------

    def started(self, layout: Layout, start: Places, ends: Places, stretch: list[Read]) -> None:
        hub = Hub(
            layout,
            start,
            tasks_max=self._settings.gateway_live_tasks_max,
            ring_bytes=self._settings.gateway_ring_mb * 1024 * 1024,
            now_us=_now_us,
            ask_kafka=self._ask_kafka,
            here=self._presence.here,
            throughput_target=self._settings.throughput_target,
        )
        hub.see_stretch(stretch, ends)
        hub.board.forget_past()
        self._in_loop(self._open, hub)

    def batch(self, batch: Batch) -> None:
        self._in_loop(self._see, batch)

    def nothing_more_before(self, places: Places) -> None:
        self._in_loop(self._on_hub, Hub.nothing_more_before, places)

    def heard(self, *, well: bool) -> None:
        if well != self._is_well:
            self._in_loop(self._tell_state, well)

    def failed(self, error: Exception) -> None:
        self._log.error("the feed ended and is started anew", error=f"{type(error).__name__}: {error}")
        self._in_loop(self._start_anew)

    def stocked(self, wish: Wish, stock: list[Told], end: Places, *, is_last: bool) -> None:
        self._in_loop(self._on_hub, partial(Hub.stocked, is_last=is_last), wish.client, wish.resume, stock, end)

    def read_again(self, wish: Wish) -> None:
        self._in_loop(self._on_hub, Hub.read_again, wish.client, wish.resume)

    def gap(self, wish: Wish, reason: str) -> None:
        self._in_loop(self._on_hub, Hub.gap, wish.client, wish.resume, reason)

    def _in_loop(self, call: Callable[..., object], *args: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is there to be told
            self._loop.call_soon_threadsafe(call, *args)

    # --- in the loop ---------------------------------------------------------------------------------------------

    def _open(self, hub: Hub) -> None:
        self.hub = hub
        hub.see_removed(self._removed())
        self._replays = Replays(self._settings, hub.layout, self)
        self._ready.set()
        self._log.info("live", tasks=len(hub.tasks), messages=len(hub.ring))

    def _see(self, batch: Batch) -> None:
        hub, feed = self.hub, self._feed
        if hub is None or feed is None:
            return
        try:
            hub.see(batch.reads)
            if batch.reads:
                metrics.LIVE_LAG.observe(max(0.0, time.time() - batch.reads[0].at_ms / 1000))
            for name, event in batch.states:
                if name == "PoolStatus":
                    hub.see_pool(event)
                elif name == "Alert":
                    hub.see_alert(cast(Alert, event))
                elif name == "AgentHeartbeat":
                    hub.board.see_heartbeat(event)
        finally:
            feed.handled()

    def _ask_kafka(self, client: Client, resume: Resume) -> None:
        if self.hub is not None and self._replays is not None:
            self._replays.ask(Wish(client, resume, list(resume.places), list(self.hub.places)))

    def _on_hub(self, call: Callable[..., None], *args: object) -> None:
        if self.hub is not None:
            call(self.hub, *args)

    def _waits(self) -> bool:
        return self.hub is not None and self.hub.waits

    def _start_feed(self) -> None:
        self._feed = Feed(self._settings, self, self._waits)
        self._feed.start()

    def _start_anew(self) -> None:
        self._close_all(LEAVING)
        self._ready.clear()
        self.hub = None
        if self._replays is not None:
            self._loop.run_in_executor(None, self._replays.stop)
        self._loop.call_later(AGAIN_S, self._start_feed)

    def _stop_threads(self) -> None:
        if self._feed is not None:
            self._feed.stop()
        if self._replays is not None:
            self._replays.stop()

    def _close_all(self, why: Close) -> None:
        for client in list(self._connections):
            client.close(why)

    def _state(self) -> dict[str, object]:
        return {"state": "live" if self._is_well else "stale", "since": self._changed_at}

    def _tell_state(self, well: bool) -> None:
        if well != self._is_well:
            self._is_well, self._changed_at = well, _now_us()
            told = parcel("status", self._state(), at_us=self._changed_at, conflated="status")
            # Those who wait for the start are told the state when they are welcomed.
            for client in list(self._connections) if self.is_ready else ():
                client.send(told)

    async def _flush_late(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            for client in list(self._late):
                if client.flush():
                    self._late.pop(client, None)
            if self.hub is not None:
                self.hub.go_on_all()

    async def _every_second(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now_s, now_us = time.monotonic(), _now_us()
            await self._look_at_all(now_s, now_us)
            self._count()
            if self.hub is not None:
                self.hub.see_removed(self._removed())
                board = self.hub.board.tick(now_us, self._machine.figures())
                self.hub.publish("board", board | {"connections": len(self._connections)}, [FLEET], "board")
                for key, session_id, here in self._presence.changed():
                    self.hub.publish("presence", {"here": here}, [key], f"presence {session_id}", session_id=session_id)

    async def _look_at_all(self, now_s: float, now_us: int) -> None:
        """With ten thousand, messages go out between."""
        holds = cache(lambda principal: self._holds is None or self._holds(principal, now_us))
        for number, client in enumerate(list(self._connections), start=1):
            if not holds(client.principal):
                client.close(TOKEN_OVER)
            client.tick(now_s, now_us)
            if number % TURN == 0:
                await asyncio.sleep(0)

    def _count(self) -> None:
        metrics.LIVE_MESSAGES.inc(self.sent)
        self.sent = 0
        metrics.LIVE_CONNECTIONS.set(len(self._connections))


def _rows(request: web.Request) -> list[dict[str, object]]:
    return [
        {name: value == "true" if name in FLAGS else value}
        for name, value in request.query.items()
        if name in KINDS or name in FLAGS
    ]


def _bound_kernel_buffer(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, _UNSENT_KERNEL_BYTES)


def _now_us() -> int:
    return time.time_ns() // 1000
