"""Clients at their sockets: aiohttp's WebSockets and event streams around the conversation, the outbox and the hub.

A message is one `write` of bytes that are the same for all who get it. What the socket does not take waits in the
outbox, and is looked at a few times a second with all others that wait: a client that never reads costs nobody else
anything.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Protocol

from aiohttp import WSMsgType, web

from gateway.live.hub import Hub
from gateway.live.joining import Joining
from gateway.live.limits import TOO_BIG, TOO_SLOW, Close, Limits
from gateway.live.outbox import Kind, Outbox
from gateway.live.parcel import Parcel, parcel
from gateway.live.protocol import Action, Aside, Conversation, Ping, Present, Say, Subscribe, Unsubscribe
from infra import metrics

UNSENT_BYTES = 16_384
"""What may wait in a socket until messages wait in the outbox, where they can still be conflated."""

CLOSE_S = 2.0
"""How long a client may take to answer a close, before its socket is taken away."""

BROKEN = (1002, 1007, 1009)
"""Close codes of the library for frames that are none, text that is none, and messages that are too big."""

_PING = b"\x89\x00"
_COMMENT = b"8\r\n: ping\n\n\r\n"


class Principal(Hashable, Protocol):
    """Who is connected."""

    @property
    def token_id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def tenant(self) -> str | None: ...
    @property
    def expires_at(self) -> int | None: ...
    @property
    def is_local(self) -> bool: ...


class House(Protocol):
    """What connections share."""

    limits: Limits
    hub: Hub | None
    sent: int
    """Messages, to all of them."""

    def is_behind(self, connection: "Connection") -> None: ...
    def announce(self, connection: "Connection", session_id: str, state: str | None) -> None: ...


class Connection:
    """One client, of either kind."""

    kind = ""
    """How it is called in the metrics."""

    __slots__ = (
        "closed_with",
        "conversation",
        "house",
        "is_closing",
        "joining",
        "outbox",
        "principal",
        "sent_token",
        "tenant",
        "transport",
    )

    def __init__(self, house: House, principal: Principal, transport: asyncio.Transport) -> None:
        self.house = house
        self.principal = principal
        self.tenant = principal.tenant
        """The one tenant whose things it sees; null: all of them."""
        self.transport = transport
        self.conversation = Conversation(house.limits, principal.tenant, principal.expires_at, time.monotonic())
        self.joining = Joining()
        self.outbox: Outbox | None = None
        """Null while the socket takes all."""
        self.sent_token: str | None = None
        self.is_closing = False
        self.closed_with: Close | None = None
        """Null when the client ended it."""

    @property
    def has_room(self) -> bool:
        return self.outbox is None and not self.is_closing and self._takes and not self.transport.is_closing()

    @property
    def _takes(self) -> bool:
        return self.transport.get_write_buffer_size() < UNSENT_BYTES

    def send(self, parcel: Parcel) -> None:
        if not self._put(parcel, Kind.HAPPENED):
            self._fall_back()

    def answer(self, parcel: Parcel) -> None:
        if not self._put(parcel, Kind.ANSWER):
            self.close(TOO_SLOW)

    def show(self, parcel: Parcel) -> None:
        self._put(parcel, Kind.SHOWN)

    def _put(self, parcel: Parcel, kind: Kind) -> bool:
        """Whether it is on its way, or there was room for it to wait."""
        outbox = self._written_or_behind(parcel)
        return outbox is None or outbox.put(parcel, kind)

    def _written_or_behind(self, parcel: Parcel) -> Outbox | None:
        """Null when it is on its way, or nobody is there any more; else where it has to wait."""
        if self.is_closing or self.transport.is_closing():
            return None
        if self.outbox is None and self._takes:
            self._write(parcel)
            return None
        if self.outbox is None:
            self._fall_behind()
        return self.outbox

    def flush(self) -> bool:
        """Sends what the socket takes by now; whether nothing waits any more."""
        while self.outbox is not None and self._takes and not self.is_closing:
            self._write(self.outbox.pop())
            if not self.outbox:
                self.outbox = None
        return self.outbox is None

    def do(self, actions: Iterable[Action]) -> None:
        """What the conversation says."""
        for action in actions:
            hub = self.house.hub
            if isinstance(action, Close):
                self.close(action)
            elif isinstance(action, Say):
                self.answer(parcel(action.event, action.data, at_us=time.time_ns() // 1000))
            elif isinstance(action, Ping):
                self.ping()
            elif isinstance(action, Present):
                self.house.announce(self, action.session_id, action.state)
            elif isinstance(action, Aside):
                self.aside(action)
            elif hub is not None and isinstance(action, Subscribe):
                hub.subscribe(self, action.keys, action.token)
            elif hub is not None and isinstance(action, Unsubscribe):
                hub.unsubscribe(self, action.keys)

    def tick(self, now_s: float, now_us: int) -> None:
        self.do(self.conversation.tick(now_s, now_us))

    def ping(self) -> None:
        raise NotImplementedError

    def aside(self, action: Aside) -> None:
        raise NotImplementedError

    def close(self, why: Close) -> None:
        """Says why and with which token to come back; what waits for a slow client is not sent any more."""
        if self.is_closing:
            return
        if self.transport.is_closing():
            self.outbox, self.closed_with, self.is_closing = None, why, True
            self._vanished()
            return
        self.say_last(why)
        self._hang_up(why)

    def say_last(self, why: Close) -> None:
        if not self.is_closing and not self.transport.is_closing():
            self.outbox, self.closed_with = None, why
            data: dict[str, Any] = {"code": why.code, "reason": why.reason}
            self._write(parcel("closing", data, at_us=time.time_ns() // 1000, token=self.sent_token))
            self.is_closing = True

    def shows_itself(self) -> bool:
        return False

    def came_back(self, *, whole: bool) -> None:
        metrics.LIVE_RESUMES.labels(self.kind, "told" if whole else "gap").inc()

    def give_up(self) -> None:
        self.close(TOO_SLOW)

    def end(self) -> tuple[str, str]:
        """Who ended it, and with which close code."""
        if self.closed_with is not None:
            return "gateway", str(self.closed_with.code)
        return self._end()

    def _end(self) -> tuple[str, str]:
        return "client", "1000"  # a stream has no other way to leave

    def _fall_back(self) -> None:
        """What waits is dropped, and told again from memory once the client reads."""
        metrics.LIVE_BEHIND.inc()
        hub, outbox = self.house.hub, self.outbox
        if hub is None or outbox is None or (outbox.owes_answers and self.sent_token is not None):
            self.close(TOO_SLOW)
        else:
            self.outbox = None
            hub.fall_back(self, self.sent_token)

    def _fall_behind(self) -> None:
        self.outbox = Outbox(self.house.limits.outbox_bytes)
        self.house.is_behind(self)

    def _write(self, parcel: Parcel) -> None:
        if parcel.token is not None:
            self.sent_token = parcel.token
        self.house.sent += 1
        self.transport.write(self._bytes_of(parcel))

    def _bytes_of(self, parcel: Parcel) -> bytes:
        raise NotImplementedError

    def _hang_up(self, why: Close) -> None:
        raise NotImplementedError

    def _vanished(self) -> None:
        """The client went away without a word."""


class Socket(web.WebSocketResponse):
    say_last: Callable[[Close], None] | None = None
    """Whoever speaks there."""

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """aiohttp closes without a word when a message is too big."""
        if code == TOO_BIG.code and not message:
            message = TOO_BIG.reason.encode()
            if self.say_last is not None:
                self.say_last(TOO_BIG)
        return await super().close(code=code, message=message, drain=drain)


class WebSocket(Connection):
    kind = "socket"
    __slots__ = ("_closing", "_socket")

    def __init__(self, house: House, principal: Principal, transport: asyncio.Transport, ws: Socket) -> None:
        super().__init__(house, principal, transport)
        self._socket = ws
        ws.say_last = self.say_last
        self._closing: asyncio.Task[None] | None = None

    def ping(self) -> None:
        self.transport.write(_PING)

    async def gone(self) -> None:
        if self._closing is not None:
            await self._closing

    async def listen(self) -> None:
        """Until it is over."""
        conversation, ws = self.conversation, self._socket
        while not self.is_closing:
            message = await ws.receive()
            if message.type is WSMsgType.TEXT:
                self.do(conversation.hear(message.data, time.monotonic()))
            elif message.type is WSMsgType.PONG:
                conversation.alive(time.monotonic())
            elif message.type is WSMsgType.PING:
                await ws.pong(message.data)
            elif message.type is WSMsgType.BINARY:
                self.do(conversation.hear("", time.monotonic()))
            else:
                break
        await self.gone()

    def _bytes_of(self, parcel: Parcel) -> bytes:
        return parcel.frame

    def _end(self) -> tuple[str, str]:
        code = self._socket.close_code
        if code in BROKEN:
            return "gateway", str(code)
        return "client", str(code) if code in (1000, 1001) else "1006" if code in (None, 1006) else "other"

    def _hang_up(self, why: Close) -> None:
        self._closing = asyncio.ensure_future(self._say_goodbye(why))

    async def _say_goodbye(self, why: Close) -> None:
        with contextlib.suppress(Exception):  # it may be gone already
            await asyncio.wait_for(self._socket.close(code=why.code, message=why.reason.encode()), CLOSE_S)
        self.transport.abort()


class EventStream(Connection):
    kind = "stream"
    __slots__ = ("over",)

    def __init__(self, house: House, principal: Principal, transport: asyncio.Transport) -> None:
        super().__init__(house, principal, transport)
        self.over = asyncio.get_running_loop().create_future()

    async def gone(self) -> None:
        await self.over

    def ping(self) -> None:
        self.transport.write(_COMMENT)

    def tick(self, now_s: float, now_us: int) -> None:
        if self.transport.is_closing():  # aiohttp does not say so
            self._vanished()
        elif self.conversation.pinged_at is not None and self.transport.get_write_buffer_size() == 0:
            self.conversation.alive(now_s)  # nobody answers here; but the ping is on its way
        super().tick(now_s, now_us)

    def _bytes_of(self, parcel: Parcel) -> bytes:
        return parcel.server_sent

    def _hang_up(self, why: Close) -> None:
        self.transport.write(b"0\r\n\r\n")
        self._vanished()

    def _vanished(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


MakeSocket = Callable[[House, Principal, asyncio.Transport, Socket], WebSocket]
"""The kind of client that speaks at a socket."""
