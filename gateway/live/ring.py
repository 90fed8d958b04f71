"""The newest messages in memory, in the order they were told, so that a client who was away shortly gets what it missed
without a look at Kafka. Pure.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from itertools import islice

from gateway.live.messages import Told
from gateway.live.places import Places

_ROW_BYTES = 600
"""What a message takes in memory beside its text."""

_TRIM = 1_024
"""Rows of a place's index that are gone before it is shortened."""


class _Index:
    """The messages of one place: their offsets, and where they are in the ring."""

    __slots__ = ("gone", "numbers", "offsets")

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.numbers: list[int] = []
        self.gone = 0

    def drop(self) -> None:
        self.gone += 1
        if self.gone >= _TRIM:
            del self.offsets[: self.gone], self.numbers[: self.gone]
            self.gone = 0

    def first(self, offset: int) -> int | None:
        """Number of the first message at or after an offset."""
        found = bisect_left(self.offsets, offset, lo=self.gone)
        return self.numbers[found] if found < len(self.numbers) else None


class Ring:
    def __init__(self, start: Places, bytes_max: int) -> None:
        self.start = list(start)
        """Everything told from here on is in the ring."""
        self._bytes_max = bytes_max
        self._bytes = 0
        self._rows: deque[Told] = deque()
        self._first_number = 0
        self._places = [_Index() for _ in start]

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, told: Told) -> None:
        index = self._places[told.place]
        index.offsets.append(told.offset)
        index.numbers.append(self._first_number + len(self._rows))
        self._rows.append(told)
        self._bytes += _ROW_BYTES + len(told.head)
        while self._bytes > self._bytes_max:
            self._drop()

    def covers(self, places: Places) -> bool:
        return all(there >= here for there, here in zip(places, self.start, strict=True))

    def since(self, places: Places) -> Iterator[Told]:
        """What was told and is not before these places. Not to be used any more once something was added."""
        firsts = [
            number
            for index, offset in zip(self._places, places, strict=True)
            if (number := index.first(offset)) is not None
        ]
        if firsts:
            for told in islice(self._rows, min(firsts) - self._first_number, None):
                if told.offset >= places[told.place]:
                    yield told

    def _drop(self) -> None:
        told = self._rows.popleft()
        self._first_number += 1
        self._bytes -= _ROW_BYTES + len(told.head)
        self._places[told.place].drop()
        self.start[told.place] = told.offset + 1
