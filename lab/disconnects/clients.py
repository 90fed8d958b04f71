"""Clients that come and go as they like, to whichever gateway, by WebSocket or as server-sent events, and keep what
they were told.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from lab.disconnects.promise import What, what_of_message

STAYS_S = (0.0, 0.05, 0.2, 1.0, 5.0)
AWAYS_S = (0.0, 0.1, 1.0, 5.0, 30.0)
"""One of them, times a random share: how long a client stays, and is away."""
_ANSWER_S = 60.0
"""How long it waits for its first message with a token: on a busy machine what it missed takes a while to read."""


@dataclass
class Heard:
    """What one client was told."""

    to: dict[str, str]
    kind: str
    whats: list[What] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    closes: Counter[int] = field(default_factory=Counter)
    token: str | None = None

    def keep(self, message: dict[str, Any]) -> None:
        if message["event"] == "gap":
            self.gaps.append(message["data"]["reason"])
        if message["event"] == "closing":
            self.closes[message["data"]["code"]] += 1
        self.token = message["token"] or self.token
        what = what_of_message(message)
        if what is not None:
            self.whats.append(what)


class Tally:
    """Connections that ended, of all clients."""

    def __init__(self, wanted: int, until: float) -> None:
        self.disconnects = 0
        self.wanted = wanted
        self._until = until

    @property
    def over(self) -> bool:
        return self.disconnects >= self.wanted or time.monotonic() > self._until


class Wanderer:
    """`urls` are the gateways."""

    def __init__(self, heard: Heard, urls: list[str], access: str, seed: str) -> None:
        self.heard = heard
        self._urls = urls
        self._headers = {"Authorization": f"Bearer {access}"}
        self._chance = random.Random(seed)

    async def come(self, http: aiohttp.ClientSession) -> None:
        """Until it was shown how things are."""
        while self.heard.token is None:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self._stay(http, 0.0)

    async def come_and_go(self, http: aiohttp.ClientSession, tally: Tally) -> None:
        while not tally.over:
            await asyncio.sleep(self._chance.choice(AWAYS_S) * self._chance.random())
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                if await self._stay(http, self._chance.choice(STAYS_S) * self._chance.random()):
                    tally.disconnects += 1

    async def read_on(self, http: aiohttp.ClientSession, enough: Callable[[Heard], bool]) -> None:
        while not enough(self.heard):
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await self._stay(http, 1.0)

    async def _stay(self, http: aiohttp.ClientSession, stay_s: float) -> bool:
        """For some time after its first message with a token, then it is cut off, whatever is under way. Whether it was
        let in.
        """
        url = self._chance.choice(self._urls)
        read = self._read_events if self.heard.kind == "events" else self._read_socket
        return await read(http, url, _Stay(stay_s))

    async def _read_socket(self, http: aiohttp.ClientSession, url: str, stay: "_Stay") -> bool:
        token = {"token": self.heard.token} if self.heard.token else {}
        async with http.ws_connect(f"{url}/ws", headers=self._headers, max_msg_size=0) as socket:
            connection = socket._response.connection
            try:
                await socket.send_json({"action": "subscribe", **self.heard.to, **token})
                while (left := stay.left_s) > 0:
                    frame = await socket.receive(timeout=left)
                    if frame.type is not aiohttp.WSMsgType.TEXT:
                        break
                    stay.see(self._kept(json.loads(frame.data)))
            except TimeoutError:
                pass
            finally:
                if connection is not None and connection.transport is not None:
                    connection.transport.abort()
        return stay.let_in

    async def _read_events(self, http: aiohttp.ClientSession, url: str, stay: "_Stay") -> bool:
        token = {"Last-Event-ID": self.heard.token} if self.heard.token else {}
        headers = {**self._headers, **token}
        async with http.get(f"{url}/api/events", params=self.heard.to, headers=headers, timeout=_PATIENT) as answer:
            try:
                while (left := stay.left_s) > 0:
                    line = await asyncio.wait_for(answer.content.readline(), left)
                    if not line:
                        break
                    if line.startswith(b"data: "):
                        stay.see(self._kept(json.loads(line[6:])))
            except TimeoutError:
                pass
            finally:
                answer.close()
        return stay.let_in

    def _kept(self, message: dict[str, Any]) -> dict[str, Any]:
        self.heard.keep(message)
        return message


_PATIENT = aiohttp.ClientTimeout(total=None, sock_connect=_ANSWER_S)


class _Stay:
    """The time begins with the first message that says where the client is."""

    def __init__(self, stay_s: float) -> None:
        self.let_in = False
        self._stay_s = stay_s
        self._until = time.monotonic() + _ANSWER_S
        self._counts = False

    @property
    def left_s(self) -> float:
        return self._until - time.monotonic()

    def see(self, message: dict[str, Any]) -> None:
        self.let_in = True
        if message["token"] and not self._counts:
            self._counts = True
            self._until = time.monotonic() + self._stay_s
