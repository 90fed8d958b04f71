"""How many lab processes there are, as Kafka knows them; asked for at most every two seconds, whoever wants to know."""

import asyncio
import time

import structlog

from gateway.server.slow import Slow
from infra import kafka
from infra.settings import Settings

KNOWN_S = 2.0


class Members:
    def __init__(self, settings: Settings, slow: Slow) -> None:
        self._settings, self._slow = settings, slow
        self._lock = asyncio.Lock()
        self._known: int | None = None
        self._at = -KNOWN_S

    async def count(self) -> int | None:
        """Null: nobody knows at this moment."""
        async with self._lock:
            if time.monotonic() - self._at >= KNOWN_S:
                try:
                    self._known = await self._slow(kafka.members, self._settings, kafka.LAB_GROUP)
                except kafka.KafkaTrouble as error:
                    structlog.get_logger().warning("nobody knows who is in the lab", error=str(error))
                    self._known = None
                self._at = time.monotonic()
        return self._known
