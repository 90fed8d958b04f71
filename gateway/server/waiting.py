"""Who waits for the end of which task."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Waiting:
    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._futures: dict[str, set[asyncio.Future[None]]] = defaultdict(set)

    def tell(self, task_ids: list[str]) -> None:
        """From any thread: these tasks have ended."""
        self._loop.call_soon_threadsafe(self._wake, task_ids)

    @contextmanager
    def of(self, task_id: str) -> "Iterator[asyncio.Future[None]]":
        """Done when the task ends after this; an end before is not noticed."""
        told: asyncio.Future[None] = self._loop.create_future()
        self._futures[task_id].add(told)
        try:
            yield told
        finally:
            waiting = self._futures[task_id]
            waiting.discard(told)
            if not waiting:
                del self._futures[task_id]

    def end(self) -> None:
        """Nobody waits any more: the process ends."""
        self._wake(list(self._futures))

    def _wake(self, task_ids: list[str]) -> None:
        for task_id in task_ids:
            for told in self._futures.get(task_id, ()):
                if not told.done():
                    told.set_result(None)
