"""What may take seconds, such as reading a topic or asking the warehouse: a few at a time, in threads of their own, so
that nothing quick waits behind it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from gateway.server.problems import RETRY_S, Problem

AT_A_TIME, WAITING_MAX = 4, 16

T = TypeVar("T")


class Slow:
    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="slow")
        self._asked = 0

    def close(self) -> None:
        """Without waiting for what is under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def __call__(self, work: Callable[..., T], *given: Any) -> T:
        """Its result. Raises Problem when too much waits already."""
        if self._asked >= AT_A_TIME + WAITING_MAX:
            raise Problem(503, "Too much is asked at once that takes long; try again.", retry_after_s=RETRY_S)
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *given))
        finally:
            self._asked -= 1
