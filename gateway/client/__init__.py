"""Follow what happens on the line from a Python program: `async for message in follow(url, session_id="s-1")`.

It reconnects by itself and goes on where it was: no message is missed and none comes twice. Where there are too many
connections it logs a warning each time, and raises LiveError when it never was let in. `gateway.client.sync` has
the same for programs without asyncio. `docs/live.md` tells what the messages mean.
"""

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

import aiohttp

log = logging.getLogger(__name__)

PATH = "/ws"
AGAIN_S, AGAIN_S_MAX = 0.2, 10.0
"""Wait before connecting again; it doubles each time, with jitter, so that a thousand clients do not come as one."""

SILENCE_S = 20.0
"""Without a message for so long the server is asked whether it is there."""

HOPELESS = (4400, 4401, 4403, 4409, 4422)
"""Close codes that would be the same the next time."""

FULL = (4503, 4504)
"""Close codes of a gateway, or a token, that has as many connections as it may."""

FULL_TRIES = 5
"""So often, in about ten seconds, one who was never let in tries; who was in before goes on trying, and says so."""

HOPELESS_STATUS = (400, 401, 403, 404)


class Message(NamedTuple):
    event: str
    session_id: str | None
    data: dict[str, Any]
    timestamp: int
    """[µs, UTC]"""
    progress: float | None
    token: str | None
    """Goes on after this message, on any gateway, also hours later."""


class LiveError(Exception):
    """The server does not let us follow; the text says why."""


class _Full(Exception):
    """There are too many connections; the text says of whom."""


async def follow(
    url: str,
    *,
    to: Sequence[Mapping[str, Any]] = (),
    token: str | None = None,
    access_token: str | None = None,
    **names: Any,
) -> AsyncGenerator[Message, None]:
    """Everything about what is named, without end: a snapshot of each, then what happens.

    Name it as `session_id="s-1"`, `task_id=…`, `agent_id=…`, `tenant_id=…`, `fleet=True`, or several by
    `to=[{"session_id": "s-1"}, {"fleet": True}]`. With the `token` of the last message handled it goes on after that.
    """
    wanted = [*to, *({name: value} for name, value in names.items())]
    headers = {"Authorization": f"Bearer {access_token}"} if access_token else {}
    tries, refused, was_in = 0, 0, False
    async with aiohttp.ClientSession(headers=headers) as http:
        while True:
            try:
                async with aclosing(_connected(http, url.rstrip("/") + PATH, wanted, token)) as messages:
                    async for message in messages:
                        tries, was_in = 0, True
                        token = message.token or token
                        yield message
            except _Full as full:
                log.warning("%s: %s", url, full)
                refused += 1
                if not was_in and refused == FULL_TRIES:
                    raise LiveError(str(full)) from None
            except aiohttp.WSServerHandshakeError as error:
                if error.status in HOPELESS_STATUS:
                    raise LiveError(f"{url} answers {error.status}: {error.message}") from None
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass  # it is away, or restarts
            tries += 1
            await asyncio.sleep(min(AGAIN_S_MAX, AGAIN_S * 2 ** min(tries, 10)) * random.uniform(0.5, 1.0))


async def _connected(
    http: aiohttp.ClientSession, url: str, wanted: list[Mapping[str, Any]], token: str | None
) -> AsyncGenerator[Message, None]:
    """The messages of one connection, until it ends."""
    async with http.ws_connect(url, heartbeat=SILENCE_S, max_msg_size=0) as socket:
        await socket.send_json({"action": "subscribe", "to": wanted} | ({"token": token} if token else {}))
        async for frame in socket:
            if frame.type is not aiohttp.WSMsgType.TEXT:
                break
            said = json.loads(frame.data)
            message = Message(*(said.get(name) for name in Message._fields))  # a newer gateway may say more
            if message.event == "error":
                raise LiveError(message.data["reason"])
            if message.event == "closing" and message.data["code"] in HOPELESS:
                raise LiveError(message.data["reason"])
            if message.event == "closing" and message.data["code"] in FULL:
                raise _Full(message.data["reason"])
            if message.event not in ("welcome", "subscribed", "closing"):
                yield message
        if socket.close_code in HOPELESS:
            raise LiveError(f"{url} closed with {socket.close_code}")
