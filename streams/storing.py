"""Storing records as rows, each exactly once, without a word to Kafka: what is stored, what is in hand, what is next.

Each insert holds records of one partition and one table, in order, and is made whole or not at all. What is stored says
where to go on: a table's newest offset of a partition is the end of what was inserted, and `sink_position`, written
after the inserts, is where reading starts. So a crash at any point leaves no hole and no double.

Between the inserts and the position the rows are taken over into the rollup, also those that were there already: what
stands twice there counts once, and what a crash left out is read again, for the position is not written yet.

Two owners of a partition (one slept through its replacement) start their next insert at the same offset, and the token
of an insert is where it starts: ClickHouse keeps the first of the two. So after the first insert of each table and
partition, and after each that had to be tried again, a look tells whether the rows are there.
"""

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, TypeVar

from clickhouse_connect.driver.client import Client
from confluent_kafka import Message

from infra import log, metrics, warehouse
from infra.warehouse import rollups, rows
from infra.warehouse.errors import BadSql
from infra.warehouse.rollups import Span
from infra.warehouse.tables import OTHER, tables

T = TypeVar("T")

ROWS_MAX = 20_000
BYTES_MAX = 32 * 1024 * 1024
"""In hand, over all partitions: then what is there is stored before more is read."""


ATTEMPTS_MAX = 5
"""Tokens tried for one insert before we give up and start anew."""
ROLL_UP_S = 0.8
"""From one roll-up to the next. It takes a statement a table, some 20 ms each, however few rows there are."""
INSERTS_AT_ONCE = 3
"""An insert waits more than it works; beyond a few they wait for each other."""


class Place(NamedTuple):
    topic: str
    partition: int


class Batch:
    """Rows of one partition for one table, in order."""

    def __init__(self) -> None:
        self.offsets: list[int] = []
        self.rows: list[bytes] = []
        self.messages: list[Message] = []

    def add(self, message: Message, row: bytes) -> None:
        self.offsets.append(message.offset())
        self.rows.append(row)
        self.messages.append(message)

    def part(self, where: slice) -> "Batch":
        found = Batch()
        found.offsets, found.rows, found.messages = self.offsets[where], self.rows[where], self.messages[where]
        return found


class Period(NamedTuple):
    """From when to when records are [ms]."""

    first: int
    last: int

    def with_(self, other: "Period | None") -> "Period":
        return Period(min(self.first, other.first), max(self.last, other.last)) if other else self

    def sql(self) -> str:
        """Tables are sorted by time: with this ClickHouse need not look through all of one."""
        return f"_at >= fromUnixTimestamp64Milli({self.first}) AND _at <= fromUnixTimestamp64Milli({self.last})"


class Surely(Protocol):
    """Has something done by the warehouse, however long that takes. BadSql when it refuses."""

    def __call__(self, act: Callable[[Client], T]) -> T: ...


class Storing:
    def __init__(self, surely: Surely, set_aside: Callable[[Message, str], None]) -> None:
        """`set_aside` tells of a record that its table refuses, and why."""
        self._surely = surely
        self._tell = set_aside
        self._stored: dict[Place, dict[str, int]] = {}
        """Partitions in hand → table → offset of the newest row."""
        self._proven: set[tuple[Place, str]] = set()
        """Where an insert of ours was seen to be kept: no other owner can come between any more."""
        self._batches: dict[tuple[Place, str], Batch] = {}
        self._next: dict[Place, int] = {}
        """First offset that is neither stored nor in hand."""
        self._read: dict[tuple[Place, str], Period] = {}
        """Records for tables that feed the rollup, whether in hand or stored before."""
        self._rolled: dict[Place, int] = {}
        """First offset that may not be in the rollup."""
        self._unrolled: dict[tuple[Place, str], Period] = {}
        self._ends: dict[Place, int] = {}
        """What is stored since then, and up to where."""
        self._roll_due = 0.0
        self._rows = self._bytes = 0
        self._pool = ThreadPoolExecutor(INSERTS_AT_ONCE, thread_name_prefix="insert")

    def begin(self, places: list[Place]) -> dict[Place, int]:
        """Takes partitions in hand, instead of those before; where the reading of each begins."""
        self.let_go()
        newest = {table: self._surely(_newest_rows(table)) for table in tables()}
        self._stored = {place: {} for place in places}
        for table, found in newest.items():
            for topic, partition, offset in found:
                self._stored.get(Place(topic, partition), {})[table] = offset
        self._surely(rollups.catch_up)  # nothing, but where a sink of an older make has been at work
        positions = "SELECT topic, partition, max(next_offset) FROM sink_position GROUP BY topic, partition"
        rows_found = self._surely(lambda client: client.query(positions).result_rows)
        known = {Place(topic, partition): at for topic, partition, at in rows_found}
        self._rolled = {place: known.get(place, 0) for place in places}
        self._roll_due = 0.0
        return dict(self._rolled)

    def let_go(self) -> None:
        """The partitions are another's; what is not stored is read again by their owner."""
        self._stored, self._batches, self._next, self._read = {}, {}, {}, {}
        self._rolled, self._unrolled, self._ends = {}, {}, {}
        self._proven.clear()
        self._rows = self._bytes = 0

    @property
    def full(self) -> bool:
        return self._rows >= ROWS_MAX or self._bytes >= BYTES_MAX

    def take(self, message: Message) -> None:
        place, offset = Place(message.topic(), message.partition()), message.offset()
        stored = self._stored.get(place)
        if stored is None:
            return  # taken away while it was under way
        table, row = rows.row_of(message)
        self._next[place] = offset + 1
        if table in rollups.feeds():
            at = message.timestamp()[1]
            self._read[place, table] = Period(at, at).with_(self._read.get((place, table)))
        if offset <= stored.get(table, -1):
            metrics.REPEATS.labels(place.topic).inc()
            return
        self._batches.setdefault((place, table), Batch()).add(message, row)
        self._rows += 1
        self._bytes += len(row)

    def store(self) -> dict[Place, int]:
        """Stores what is in hand; how far each partition is stored then."""
        batches, ends, read = self._batches, self._next, self._read
        self._batches, self._next, self._read = {}, {}, {}
        self._rows = self._bytes = 0
        for ((place, table), batch), made in zip(batches.items(), self._insert_all(batches), strict=True):
            if made:
                self._made(place, table, batch)
            else:
                self._store(place, table, batch)
        self._unrolled |= {key: period.with_(self._unrolled.get(key)) for key, period in read.items()}
        self._ends |= ends
        if self._ends and time.monotonic() >= self._roll_due:
            self._roll_up()
        return ends

    def _roll_up(self) -> None:
        """Takes over into the rollup what is stored since the last position, then writes the next."""
        due: dict[str, list[str]] = {}
        for (place, table), period in self._unrolled.items():
            span = Span(*place, self._rolled[place], self._ends[place])
            due.setdefault(table, []).append(f"({period.sql()} AND {span})")

        def all_of_them(client: Client) -> None:
            def take_over(table: str) -> None:
                rollups.take_over(client, table, " OR ".join(due[table]))

            list(self._pool.map(take_over, due))

        self._surely(all_of_them)
        self._surely(lambda client: rollups.note(client, self._ends))
        self._rolled |= self._ends
        self._unrolled, self._ends = {}, {}
        self._roll_due = time.monotonic() + ROLL_UP_S

    def _insert_all(self, batches: Mapping[tuple[Place, str], Batch]) -> list[bool]:
        """Makes the inserts side by side; which of them were made for sure."""

        def all_of_them(client: Client) -> list[bool]:
            def made(item: tuple[tuple[Place, str], Batch]) -> bool:
                (place, table), batch = item
                try:
                    warehouse.insert(client, table, batch.rows, _token(place, batch))
                except warehouse.TROUBLES:
                    return False
                return True

            return list(self._pool.map(made, batches.items()))

        return self._surely(all_of_them)

    def _store(self, place: Place, table: str, batch: Batch, attempt: int = 0) -> None:
        """Inserts a batch; when ClickHouse refuses it, in halves, until the record it refuses is found."""
        self._proven.discard((place, table))  # whoever tries again does not know what became of the first try
        try:
            self._surely(lambda client: warehouse.insert(client, table, batch.rows, _token(place, batch, attempt)))
        except BadSql as error:
            if len(batch.rows) == 1:
                self._set_aside(place, table, batch.messages[0], str(error))
            else:
                middle = len(batch.rows) // 2
                self._store(place, table, batch.part(slice(None, middle)))
                self._store(place, table, batch.part(slice(middle, None)))
            return
        self._made(place, table, batch, attempt)

    def _made(self, place: Place, table: str, batch: Batch, attempt: int = 0) -> None:
        kept = batch.offsets[-1]
        if (place, table) not in self._proven:
            kept = max(kept, self._prove(place, table, batch, attempt))
        self._stored[place][table] = max(kept, self._stored[place].get(table, -1))
        metrics.SINK_ROWS.labels(table).inc(len(batch.rows))

    def _prove(self, place: Place, table: str, batch: Batch, attempt: int) -> int:
        """Whether our rows are there; the newest offset that is. Under our token ClickHouse may have kept an insert of
        an owner before us, shorter or longer; or, killed between the two, the token and no rows."""
        kept = self._newest(place, table)
        if kept < batch.offsets[0]:
            if attempt >= ATTEMPTS_MAX:
                raise RuntimeError(
                    f"{table} takes the rows of {place} from {batch.offsets[0]} on and does not have them"
                )
            self._store(place, table, batch, attempt + 1)
        elif kept < batch.offsets[-1]:
            self._store(place, table, batch.part(slice(bisect_right(batch.offsets, kept), None)))
        self._proven.add((place, table))
        return kept

    def _newest(self, place: Place, table: str, at_most: int = 2**62) -> int:
        where = f"_topic = '{place.topic}' AND _partition = {place.partition} AND _offset <= {at_most}"
        sql = f"SELECT max(_offset), count() FROM {table} WHERE {where}"
        offset, count = self._surely(lambda client: client.query(sql).result_rows[0])
        return int(offset) if count else -1

    def _set_aside(self, place: Place, table: str, message: Message, reason: str) -> None:
        """A record that its table does not take is kept as it came, and told of."""
        offset = message.offset()
        if self._newest(place, OTHER, offset) == offset:
            return  # done before a crash
        log.bind(topic=place.topic, partition=place.partition, offset=offset).warning("record set aside", reason=reason)
        metrics.BAD_MESSAGES.labels(place.topic).inc()
        kept = Batch()
        kept.add(message, rows.set_aside(message, "refused", f"{table}: {reason}"))
        self._store(place, OTHER, kept)
        self._tell(message, reason)


def _token(place: Place, batch: Batch, attempt: int = 0) -> str:
    return f"{place.topic}/{place.partition}/{batch.offsets[0]}/{attempt}"


def _newest_rows(table: str) -> Callable[[Client], Sequence[Sequence[Any]]]:
    sql = f"SELECT _topic, _partition, max(_offset) FROM {table} GROUP BY _topic, _partition"
    return lambda client: client.query(sql).result_rows
