"""How far a client has come on its way into what happens now: what it has, what it waits for, what it missed. Pure."""

from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from gateway.live.messages import Key, Told
from gateway.live.parcel import Parcel
from gateway.live.places import Places
from gateway.live.wanted import Wanted


class Client(Protocol):
    """Somebody who is connected, as the hub knows it."""

    joining: "Joining"

    def shows_itself(self) -> bool:
        """Whether it shows itself how things are (`Hub.follow`), rather than to be sent a snapshot."""

    @property
    def has_room(self) -> bool:
        """Whether all that was sent so far is on its way."""

    def send(self, parcel: Parcel) -> None:
        """Something that happened."""

    def answer(self, parcel: Parcel) -> None:
        """A word on what it asked for."""

    def show(self, parcel: Parcel) -> None:
        """How things are, or something it missed: only to one that had room a moment ago."""

    def came_back(self, *, whole: bool) -> None:
        """It came with a token, and was told all that it had missed, or that it cannot be told that."""

    def give_up(self) -> None:
        """It reads too slowly to be told everything."""


@dataclass(slots=True)
class Resume:
    """What a client that was away is still to be told."""

    keys: tuple[Key, ...]
    places: Places
    """All before them was told."""
    wanted: Wanted
    stock: deque[Told] = field(default_factory=deque)
    """Read from Kafka, in order, and not told yet."""
    stock_end: Places | None = None
    """Where the client is once the stock is told; null: nothing is to come of it."""
    pieces: int = 0
    """Of what it missed, as far as they have come."""
    at_kafka: bool = False
    """More pieces are to come."""
    is_slow: bool = False
    """It was connected all the time, but did not read: progress that is no longer the newest is left out."""
    is_silent: bool = False
    """It was shown how things are a moment ago: that it has the rest by now is not told."""
    is_ahead: bool = False
    """Another gateway has told it more than we have read, and Kafka has it all."""


@dataclass(slots=True)
class Joining:
    """What a client has, and what it still waits for."""

    keys: set[Key] = field(default_factory=set)
    fresh: list[tuple[Key, ...]] = field(default_factory=list)
    """What it is still to be shown, each thing once however often it is asked for."""
    resume: Resume | None = None

    def ask(self, keys: tuple[Key, ...]) -> None:
        waiting = {key for group in self.fresh for key in group}
        if new := tuple(key for key in keys if key not in waiting):
            self.fresh.append(new)

    @property
    def is_done(self) -> bool:
        return not self.fresh and self.resume is None
