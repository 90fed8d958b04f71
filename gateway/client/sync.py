"""`for message in follow(url, session_id="s-1")`: `gateway.client` for programs without asyncio."""

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from gateway import client
from gateway.client import LiveError, Message

__all__ = ["LiveError", "Message", "follow"]

AHEAD_MAX = 1_000
"""Messages read before the program takes them; beyond it the server waits, and conflates."""

_LOOK_S = 0.1


def follow(url: str, **named: Any) -> Iterator[Message]:
    """As `gateway.client.follow`. Closing the iterator ends the connection."""
    ahead: queue.Queue[Message | BaseException] = queue.Queue(AHEAD_MAX)
    over = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_fill(ahead, over, url, named)), daemon=True)
    thread.start()
    try:
        while True:
            found = ahead.get()
            if isinstance(found, BaseException):
                raise found
            yield found
    finally:
        over.set()
        thread.join()


async def _fill(
    ahead: "queue.Queue[Message | BaseException]", over: threading.Event, url: str, named: dict[str, Any]
) -> None:
    reading = asyncio.ensure_future(_read(ahead, url, named))
    while not over.is_set() and not reading.done():
        await asyncio.wait([reading], timeout=_LOOK_S)
    reading.cancel()
    with suppress(asyncio.CancelledError):
        await reading


async def _read(ahead: "queue.Queue[Message | BaseException]", url: str, named: dict[str, Any]) -> None:
    try:
        async for message in client.follow(url, **named):
            await _put(ahead, message)
    except Exception as error:
        await _put(ahead, error)


async def _put(ahead: "queue.Queue[Message | BaseException]", item: Message | BaseException) -> None:
    while True:
        try:
            ahead.put_nowait(item)
            return
        except queue.Full:
            await asyncio.sleep(_LOOK_S)
