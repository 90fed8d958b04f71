"""Storing on the real warehouse engine, with records made here: whatever order of crashes, one row a record."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from infra import warehouse
from infra.settings import Settings
from infra.stack import warehouse_server
from infra.warehouse.tables import tables
from schemas.codec import encode
from schemas.examples import examples
from streams.storing import Place, Storing
from tests.support.records import Record, decided
from tests.support.running import running_part, settings_in

PLACE = Place("routing.log", 0)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("warehouse"), sinks=1)
    with running_part(warehouse_server.prepare(settings), settings.state / "log"):
        warehouse.furnish(settings)
        yield settings


@pytest.fixture
def store(server: Settings) -> Iterator[Any]:
    with warehouse.client(server) as client:
        for table in tables():
            # Not TRUNCATE, which would leave the tokens of what it takes away.
            client.command(f"DROP TABLE {table} SYNC")
        client.command("TRUNCATE TABLE sink_position")
        warehouse.furnish(server)
        yield client


class Owner:
    """Whoever stores a partition's records, as after an assignment."""

    def __init__(self, store: Any, *places: Place) -> None:
        self.letters: list[tuple[int, str]] = []
        self.storing = Storing(lambda act: _asked(store, act), self._told)
        self.start(*(places or (PLACE,)))

    def start(self, *places: Place) -> None:
        self.starts = self.storing.begin(list(places or (PLACE,)))

    def read(self, *records: Any) -> None:
        for record in records:
            self.storing.take(record)

    def store(self) -> None:
        self.storing.store()

    def _told(self, message: Any, reason: str) -> None:
        self.letters.append((message.offset(), reason))


def _asked(store: Any, act: Any) -> Any:
    try:
        return act(store)
    except warehouse.TROUBLES as error:
        raise warehouse.spoken(error, Settings()) from error


def offsets(store: Any, table: str = "task_decided") -> list[int]:
    return [offset for (offset,) in store.query(f"SELECT _offset FROM {table} ORDER BY _offset").result_rows]


def test_every_event_there_is_becomes_a_row_with_its_fields(server, store):
    owner = Owner(store, *(Place(topic, 0) for table in tables().values() for topic in table.topics))
    expected = {}
    for table in tables().values():
        if table.event is None:
            continue
        events = examples(table.name, 1)
        expected[table.name] = len(events)
        owner.read(
            *(Record(table.topics[0], 0, 100 * len(expected) + n, encode(table.event, e)) for n, e in enumerate(events))
        )
    owner.store()
    assert {name: len(offsets(store, name)) for name in expected} == expected
    (outcome,) = examples("task_outcome", 1)[:1]
    row = next(store.query("SELECT * FROM task_outcome ORDER BY _offset LIMIT 1").named_results())
    for name in ("task_id", "tenant_id", "status", "output", "attempts", "quality", "cost_usd_micros"):
        assert row[name] == outcome[name]
    assert round(row["finished_at"].timestamp() * 1e6) == outcome["finished_at"]


def test_a_record_read_again_is_stored_once(server, store):
    owner = Owner(store)
    owner.read(decided(1), decided(2))
    owner.store()
    owner.read(decided(1), decided(2), decided(4))
    owner.store()
    assert offsets(store) == [1, 2, 4]


@pytest.mark.parametrize(("first", "second"), [((0, 3), (0, 8)), ((0, 8), (0, 3)), ((0, 5), (0, 5))])
def test_two_owners_that_start_at_the_same_offset_store_each_record_once(server, store, first, second):
    asleep, awake = Owner(store), Owner(store)
    asleep.read(*map(decided, range(*first)))
    awake.read(*map(decided, range(*second)))
    asleep.store()
    awake.store()
    assert offsets(store) == list(range(max(first[1], second[1]) if second[1] > first[1] else first[1]))


def test_a_token_that_was_kept_without_its_rows_swallows_nothing(server, store):
    """ClickHouse notes the token of an insert before its rows; one that is killed in between has the token alone."""
    owner = Owner(store)
    owner.read(decided(5), decided(6))
    owner.store()
    store.command("ALTER TABLE task_decided DELETE WHERE _offset >= 5 SETTINGS mutations_sync = 2")
    again = Owner(store)
    again.read(decided(5), decided(6), decided(7))
    again.store()
    assert offsets(store) == [5, 6, 7]


def test_what_makes_no_sense_and_what_is_deleted_have_their_rows(server, store):
    owner = Owner(store)
    owner.read(Record("routing.log", 0, 0, b"\x00junk"), Record("routing.log", 0, 1, None, key=b"\xff"), decided(2))
    owner.store()
    rows = store.query("SELECT _offset, kind, payload, _key FROM other_record ORDER BY _offset").result_rows
    assert [row[:2] for row in rows] == [(0, "unreadable"), (1, "deleted")]
    assert rows[0][2] in ("\x00junk", b"\x00junk") and rows[1][3] == "\\xff"
    assert offsets(store) == [2]


def test_a_record_that_its_table_refuses_is_set_aside_and_the_others_are_stored(server, store):
    store.command("ALTER TABLE task_decided ADD CONSTRAINT fit CHECK task_id != 'poison'")
    owner = Owner(store)
    owner.read(decided(0), decided(1, "poison"), decided(2), decided(3, "poison"), decided(4))
    owner.store()
    owner.start()  # a crash before anything else was written
    owner.read(decided(1, "poison"), decided(3, "poison"), decided(5))
    owner.store()
    assert offsets(store) == [0, 2, 4, 5]
    assert offsets(store, "other_record") == [1, 3]
    assert [offset for offset, _ in owner.letters] == [1, 3]
    assert "fit" in store.query("SELECT reason FROM other_record LIMIT 1").first_row[0]


def test_a_field_more_in_a_schema_becomes_a_column(server, store):
    store.command("ALTER TABLE task_outcome DROP COLUMN quality")
    assert warehouse.furnish(server) == [
        "task_outcome ADD COLUMN IF NOT EXISTS `quality` Nullable(Float64) COMMENT "
        + _comment("task_outcome", "quality")
    ]
    assert warehouse.furnish(server) == []


def _comment(table: str, column: str) -> str:
    doc = next(c.doc for c in tables()[table].columns if c.name == column)
    return "'" + doc.replace("'", "\\'") + "'"


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_crashes_and_sleeping_owners_gives_one_row_a_record(server, store, seed):
    """Owners read on from where the warehouse says, store some, lose what they had in hand, or wake up late."""
    chance = random.Random(seed)
    topic = [decided(offset) for offset in range(60)]
    owners = [Owner(store)]
    at = [0]
    for _ in range(25):
        who = chance.randrange(len(owners))
        step = chance.choice(("read", "read", "store", "crash", "replace"))
        if step == "read":
            upto = at[who] + chance.randint(1, 8)
            owners[who].read(*topic[at[who] : upto])
            at[who] = min(upto, len(topic))
        elif step == "store":
            owners[who].store()
        elif step == "crash":
            at[who] = 0
            owners[who].start()
        elif len(owners) == 1:
            # The old one sleeps with what it has in hand; once it has woken and stored that, it learns of its end.
            owners.append(Owner(store))
            at.append(0)
            sleeper, _ = owners.pop(0), at.pop(0)
            new = owners[0]
            new.read(*topic[: chance.randint(0, 30)])
            if chance.random() < 0.5:
                sleeper.store()
                new.store()
            else:
                new.store()
                sleeper.store()
    owners[-1].start()
    owners[-1].read(*topic)
    owners[-1].store()
    assert offsets(store) == list(range(60))
