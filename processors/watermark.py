"""The low watermark of one partition: how far its records are done, when they finish in any order."""

from collections import deque


class Watermark:
    """Offsets are taken in order (with gaps: Kafka skips numbers) and done in any order."""

    def __init__(self, position: int) -> None:
        self.position = position
        """Every record below this offset is done: the offset to commit."""
        self._next = position
        self._open: deque[int] = deque()
        self._done: set[int] = set()

    def take(self, offset: int) -> None:
        """A record has come in; it holds the watermark until it is done."""
        if offset < self._next:
            raise ValueError(f"offset {offset} comes after {self._next - 1}")
        self._next = offset + 1
        if not self._open:
            self.position = offset  # nothing is open, so the gap before it is done too
        self._open.append(offset)

    def done(self, offset: int) -> None:
        """The record needs no more. One never taken here (it came before a move of the partition) is no matter."""
        if not self._open or not self._open[0] <= offset < self._next:
            return
        self._done.add(offset)
        while self._open and self._open[0] in self._done:
            self._done.remove(self._open.popleft())
        self.position = self._open[0] if self._open else self._next
