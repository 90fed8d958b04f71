"""Thousands of live clients in one process, as cheap as they can be: they must leave the cores to what is measured.

`python -m lab.bench.live_clients PORT SESSIONS`, with an access token as the first line of stdin. Each further line
asks for something, and is answered with a line of JSON: `open N` connects until N are open, `stuck N` connects N that
ask for everything and never read, `figures` tells what was received since they were asked for last.
"""

import asyncio
import json
import re
import resource
import socket
import sys
import time
from typing import cast

import uvloop

from lab.bench.figures import quantile

_AT = re.compile(rb'"event":\s?"progress_update".{1,600}?"timestamp":\s?(\d+)')
_PING, _PONG = b"\x89\x00", b"\x8a\x80" + bytes(4)
_TOGETHER = 250
_PATIENCE_S = 120.0
_A_SOURCE = 10_000
"""Connections from one address to one port: the kernel has about 28,000 ports for them."""
_BIND_ADDRESS_NO_PORT = 24
_STUCK_BUFFER_BYTES = 8_192
_HELLO = (
    "GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
)


class Client(asyncio.Protocol):
    __slots__ = ("_all", "_greeted", "_subscribe", "_transport")

    def __init__(self, everyone: "Clients", subscription: dict[str, object]) -> None:
        self._all = everyone
        self._greeted = False
        self._subscribe = frame(json.dumps({"action": "subscribe", **subscription}).encode())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(self._all.hello)

    def data_received(self, data: bytes) -> None:
        if not self._greeted:
            if b" 101 " not in data[:16]:
                raise RuntimeError(f"no WebSocket: {data[:80]!r}")
            self._greeted = True
            self._transport.write(self._subscribe)
        elif b'"snapshot"' in data:
            self._all.open += 1
            self.subscribed()
        if _PING in data:
            self._transport.write(_PONG)
        now_us = time.time_ns() / 1000
        self._all.late_ms += [(now_us - int(at)) / 1000 for at in _AT.findall(data)]

    def connection_lost(self, _error: Exception | None) -> None:
        self._all.closed += 1

    def subscribed(self) -> None:
        pass


class StuckClient(Client):
    def subscribed(self) -> None:
        self._transport.pause_reading()


class Clients:
    def __init__(self, access_token: str, port: int, sessions: int) -> None:
        self.hello = _HELLO.format(token=access_token).encode()
        self.open = 0
        self.closed = 0
        self.late_ms: list[float] = []
        self._port = port
        self._sessions = sessions
        self._begun = 0

    async def do(self, words: list[str]) -> dict[str, float]:
        began = time.monotonic()
        match words:
            case ["open", count]:
                await self._connect(int(count))
            case ["stuck", count]:
                for _ in range(int(count)):
                    await self._connect_stuck()
            case _:
                return self._figures()
        while self.open < self._begun:
            await asyncio.sleep(0.02)
            if time.monotonic() - began > _PATIENCE_S:
                raise RuntimeError(f"only {self.open} of {self._begun} clients were served in {_PATIENCE_S:.0f} s")
        return {"open_s": time.monotonic() - began}

    async def _connect(self, count: int) -> None:
        while self._begun < count:
            numbers = range(self._begun, min(count, self._begun + _TOGETHER))
            self._begun = numbers.stop
            await asyncio.gather(*map(self._connect_one, numbers))

    async def _connect_one(self, number: int) -> None:
        loop, sock = asyncio.get_running_loop(), socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)  # the kernel finds a port quickly when it connects
        sock.bind((f"127.0.0.{1 + number // _A_SOURCE}", 0))
        await loop.sock_connect(sock, ("127.0.0.1", self._port))
        to: dict[str, object] = {"session_id": f"s-{number % self._sessions}"}
        await loop.create_connection(lambda: Client(self, to), sock=sock)

    async def _connect_stuck(self) -> None:
        sock = socket.create_connection(("127.0.0.1", self._port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _STUCK_BUFFER_BYTES)
        sock.setblocking(False)
        self._begun += 1
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: StuckClient(self, {"tenant_id": "*"}), sock=sock)

    def _figures(self) -> dict[str, float]:
        late, self.late_ms = self.late_ms or [0.0], []
        found = {"messages": len(late), "p50": quantile(late, 0.5), "p99": quantile(late, 0.99), "max": max(late)}
        return found | {"open": self.open - self.closed, "closed": self.closed}


def frame(body: bytes) -> bytes:
    """A text message of a client; masked, as it must be, with zeros."""
    return bytes((0x81, 0x80 | len(body))) + bytes(4) + body


async def run(access_token: str, port: int, sessions: int) -> None:
    everyone = Clients(access_token, port, sessions)
    while line := await asyncio.to_thread(sys.stdin.readline):
        print(json.dumps(await everyone.do(line.split())), flush=True)


if __name__ == "__main__":
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(run(sys.stdin.readline().strip(), int(sys.argv[1]), int(sys.argv[2])))
