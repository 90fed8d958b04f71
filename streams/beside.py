"""A thread beside a loop that must not wait: it does one thing after the other, for good."""

from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Generic, TypeVar

import structlog

log = structlog.get_logger()
T = TypeVar("T")


class Beside(Generic[T]):
    def __init__(self, name: str) -> None:
        """Its thread begins with the first task."""
        self._name = name
        self._begun = False
        self._tasks: SimpleQueue[Callable[[], T]] = SimpleQueue()
        self._done: SimpleQueue[T] = SimpleQueue()

    def put(self, task: Callable[[], T]) -> None:
        self._tasks.put(task)
        if not self._begun:
            self._begun = True
            Thread(target=self._work, name=self._name, daemon=True).start()

    def taken(self) -> Iterator[T]:
        """What ended since the call before."""
        while True:
            try:
                yield self._done.get_nowait()
            except Empty:
                return

    def _work(self) -> None:
        while True:
            task = self._tasks.get()
            try:
                self._done.put(task())
            except Exception:  # whatever it is: the next one is another agent's, or another hour's
                log.exception("what was to be done beside went wrong", thread=self._name)
