"""Where a reader is in the topics: one next offset for each partition, and the same as a token that a client keeps.
Pure.

A token says which records of each partition were told; so it is right on every gateway, in whatever order that one
reads the partitions side by side. It names the Kafka cluster, for an offset means nothing on another.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping
from hashlib import sha256

TOPICS = (
    "tasks.submitted",
    "routing.decisions",
    "tasks.assigned",
    "tasks.progress",
    "tasks.results",
    "evaluations",
    "tasks.outcomes",
    "feedback.given",
    "task.commands",
)
"""Topics whose records are told one by one. A token has them in this order: new ones go to the end."""

AT_FIRST = 8
"""As many topics, at least, does a token know."""

TOKEN_CHARS_MAX = 8_192
"""A hostile client may send anything; a token of 9 topics with 100 partitions each has 6,500 characters."""

_VERSION = 1
_CLUSTER_BYTES = 4

Places = list[int]
"""By place (see `Layout`): the offset after the last record that was told."""


class BadToken(ValueError):
    """The token is none of ours, or not of this cluster; the text says which."""


class Layout:
    """The partitions of the topics as one row of places."""

    def __init__(self, partitions: Mapping[str, int], cluster_id: str) -> None:
        self.partitions = {topic: partitions[topic] for topic in TOPICS}
        self._cluster = sha256(cluster_id.encode()).digest()[:_CLUSTER_BYTES]
        self._of = {pair: place for place, pair in enumerate(self._pairs())}
        self.pairs = list(self._of)

    def _pairs(self) -> Iterator[tuple[str, int]]:
        for topic, count in self.partitions.items():
            for partition in range(count):
                yield topic, partition

    def __len__(self) -> int:
        return len(self.pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layout) and (self._cluster, self.pairs) == (other._cluster, other.pairs)

    __hash__ = None  # type: ignore[assignment]

    def place(self, topic: str, partition: int) -> int:
        return self._of[topic, partition]

    def token(self, places: Places) -> str:
        out = bytearray((_VERSION,)) + self._cluster
        place = 0
        for count in self.partitions.values():
            _write(out, count)
            for offset in places[place : place + count]:
                _write(out, offset)
            place += count
        return base64.urlsafe_b64encode(out).rstrip(b"=").decode()

    def places(self, token: str, now: Places | None = None) -> Places:
        """Partitions that a topic has gained since the token was made are at their start; topics that were not told of
        then, where we are `now`, else at their start.
        """
        data = _bytes(token)
        if data[:1] != bytes((_VERSION,)):
            raise BadToken("it was made by another version")
        if data[1 : 1 + _CLUSTER_BYTES] != self._cluster:
            raise BadToken("it is of another Kafka cluster")
        numbers = _numbers(data[1 + _CLUSTER_BYTES :])
        places: Places = []
        for known, (topic, count) in enumerate(self.partitions.items()):
            try:
                size = next(numbers)
            except BadToken:
                if known < AT_FIRST:
                    raise
                return [*places, *(now or [0] * len(self))[len(places) :]]
            offsets = [next(numbers) for _ in range(size)]
            if len(offsets) > count:
                raise BadToken(f"{topic} had more partitions than it has")
            places += offsets + [0] * (count - len(offsets))
        return places


def behind(places: Places, others: Places) -> bool:
    """Whether somewhere there is something before `others` that is not before `places`."""
    return any(a < b for a, b in zip(places, others, strict=True))


def _bytes(token: str) -> bytes:
    if len(token) > TOKEN_CHARS_MAX or not token.isascii():
        raise BadToken("it is too long or has other characters than a token has")
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadToken("it is no token of ours") from None


def _write(out: bytearray, number: int) -> None:
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)


def _numbers(data: bytes) -> Iterator[int]:
    """Seven bits a byte, the last byte of a number without the eighth."""
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            break
        if byte < 0x80:
            yield number
            number = shift = 0
    raise BadToken("it is cut off or damaged")
