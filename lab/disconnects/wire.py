"""A wire between clients and gateways that breaks: each connection goes to whichever gateway takes it, and is cut as
often as one likes. Clients behind it reconnect as they do it, and meet another gateway by chance.
"""

import asyncio
import random
from contextlib import suppress

_PIECE = 65_536


class Wire:
    def __init__(self, ports: list[int], seed: str) -> None:
        self.port = 0
        self.cuts = 0
        self._ports = ports
        self._chance = random.Random(seed)
        self._open: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> "Wire":
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        while self._open:
            self.cut()

    def cut(self) -> None:
        """One connection, in both directions, with what is under way."""
        if self._open:
            for writer in self._open.pop(self._chance.randrange(len(self._open))):
                writer.transport.abort()
            self.cuts += 1

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, answer = await asyncio.open_connection("127.0.0.1", self._chance.choice(self._ports))
        except OSError:
            writer.transport.abort()
            return
        pair = (writer, answer)
        self._open.append(pair)
        await asyncio.gather(_copy(reader, answer), _copy(there, writer))
        if pair in self._open:
            self._open.remove(pair)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
    writer.transport.abort()
