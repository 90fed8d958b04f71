"""The newest ids of something, up to a bound: enough to know a repeat, never more memory than agreed."""

from collections import OrderedDict
from collections.abc import Iterator


class Remembered:
    def __init__(self, ids_max: int) -> None:
        self._ids_max = ids_max
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, one: str) -> bool:
        return one in self._ids

    def __iter__(self) -> Iterator[str]:
        return iter(self._ids)

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, one: str) -> list[str]:
        """Remembers an id; the ones that had to give way, oldest first."""
        self._ids[one] = None
        return [self._ids.popitem(last=False)[0] for _ in range(len(self._ids) - self._ids_max)]
