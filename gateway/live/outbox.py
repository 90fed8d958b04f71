"""What waits for one client that reads more slowly than things happen. Pure.

Progress is conflated: the newest of a task takes the place of the one before, at the end of the row, so that the token
of each message stays true: all that was to be told before it was told before it. Nothing else is left out; beyond its
bound there is no room, and the client is taken out of everything until it reads (`Hub.fall_back`).

Answers have a bound of their own: they cannot be told again later, and a client that asks and never reads is closed.
"""

from collections import OrderedDict
from enum import Enum
from itertools import count

from gateway.live.parcel import Parcel

ANSWERS_OF_BYTES = 4
"""How many times the bound of what happens that of answers is: a page asks for much when it opens."""


class Kind(Enum):
    """Why something is sent."""

    HAPPENED = "it happened"
    ANSWER = "it was asked for"
    SHOWN = "it is how things are, or was missed: that comes only while nothing waits, and so needs no bound"


class Outbox:
    __slots__ = ("_bytes", "_bytes_max", "_names", "_rows")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = {Kind.HAPPENED: bytes_max, Kind.ANSWER: ANSWERS_OF_BYTES * bytes_max}
        self._bytes = dict.fromkeys(Kind, 0)
        self._rows: OrderedDict[object, tuple[Kind, Parcel]] = OrderedDict()
        self._names = count()

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def size(self) -> int:
        """[bytes]"""
        return sum(self._bytes.values())

    def put(self, parcel: Parcel, kind: Kind = Kind.HAPPENED) -> bool:
        """Whether there was room."""
        name: object = next(self._names)
        if kind is Kind.HAPPENED and parcel.conflated is not None:
            name = (parcel.conflated,)
            before = self._rows.pop(name, None)
            if before is not None:
                self._bytes[kind] -= before[1].size
        self._rows[name] = kind, parcel
        self._bytes[kind] += parcel.size
        return kind not in self._bytes_max or self._bytes[kind] <= self._bytes_max[kind]

    def pop(self) -> Parcel:
        """The next one to send."""
        _, (kind, parcel) = self._rows.popitem(last=False)
        self._bytes[kind] -= parcel.size
        return parcel

    @property
    def owes_answers(self) -> bool:
        """Whether something is among it that is not told again later."""
        return self._bytes[Kind.ANSWER] + self._bytes[Kind.SHOWN] > 0
