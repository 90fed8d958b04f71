"""What waits for one client that reads more slowly than things happen. Pure.

Progress is conflated: the newest of a task takes the place of the one before, at the end of the row, so that the token
of each message stays true: all that was to be told before it was told before it. Nothing else is left out; beyond its
bound there is no room, and the client is taken out of everything until it reads (`Hub.fall_back`).
"""

from collections import OrderedDict
from itertools import count

from gateway.live.parcel import Parcel


class Outbox:
    __slots__ = ("_bytes", "_bytes_max", "_names", "_rows")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._rows: OrderedDict[object, Parcel] = OrderedDict()
        self._names = count()

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, parcel: Parcel) -> bool:
        """Whether there was room."""
        name: object = next(self._names)
        if parcel.conflated is not None:
            name = (parcel.conflated,)
            before = self._rows.pop(name, None)
            if before is not None:
                self._bytes -= before.size
        self._rows[name] = parcel
        self._bytes += parcel.size
        return self._bytes <= self._bytes_max

    def put_asked(self, parcel: Parcel) -> None:
        """An answer to what the client asked for: it is not held against its room, for it comes once."""
        self._rows[f"asked {next(self._names)}"] = parcel

    def pop(self) -> Parcel:
        """The next one to send."""
        name, parcel = self._rows.popitem(last=False)
        if not isinstance(name, str):
            self._bytes -= parcel.size
        return parcel

    @property
    def owes_answers(self) -> bool:
        """Whether something that the client asked for is among it."""
        return any(isinstance(name, str) for name in self._rows)
