"""Storing on the real warehouse engine, with records made here: whatever order of crashes, one row a record."""

import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from infra import warehouse
from infra.settings import Settings
from infra.stack import warehouse_server
from infra.warehouse import rollups, rows
from infra.warehouse.errors import BadSql
from infra.warehouse.tables import tables
from schemas.codec import encode
from schemas.examples import examples
from streams.storing import Place, Storing
from tests.support.records import Record, decided
from tests.support.running import running_part, settings_in
from tests.support.waiting import until

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
        client.command(f"TRUNCATE TABLE {rollups.ROLLUP}")
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


FED = [
    ("tasks.submitted", "TaskSubmitted", {}),
    ("routing.decisions", "RoutingDecision", {}),
    ("dispatch.log", "DispatchRecord", {"phase": "running"}),
    ("evaluations", "Evaluation", {}),
    ("tasks.outcomes", "TaskOutcome", {}),
    ("dispatch.log", "DispatchRecord", {"phase": "done"}),
]
"""What is told of a task, and where."""


def told(tasks: range) -> dict[Place, list[Record]]:
    """The records of some tasks by partition, some of them told twice."""
    found: dict[Place, list[Record]] = {}
    for number in tasks:
        for topic, event, over in FED * (2 if number % 10 == 0 else 1):
            its = found.setdefault(Place(topic, 0), [])
            (table,) = (table for table in tables().values() if table.event == event)
            fields = examples(table.name, 1)[0] | over | {"task_id": f"t-{number}", "session_id": f"s-{number % 7}"}
            its.append(Record(topic, 0, len(its), encode(event, fields)))
    return found


def differing(store: Any) -> int:
    return sum(rollups.differing(store, table) for table in rollups.feeds())


def tasks_seen(store: Any) -> Any:
    return store.query("SELECT * FROM task ORDER BY ALL").result_rows


def test_a_row_that_a_crash_left_out_of_the_rollup_is_taken_over_when_it_is_read_again(server, store):
    topics = told(range(30))
    for records in topics.values():
        for record in records:
            table, row = rows.row_of(record)
            warehouse.insert(store, table, [row])  # stored, and then whoever did it was killed
    assert tasks_seen(store) == []
    owner = Owner(store, *topics)
    assert set(owner.starts.values()) == {0}
    for records in topics.values():
        owner.read(*records)
    owner.store()
    assert offsets(store, "task_outcome") == list(range(33))
    assert (len(tasks_seen(store)), differing(store)) == (30, 0)


def test_the_position_waits_until_the_rollup_has_the_rows(server, store):
    owner = Owner(store, Place("tasks.outcomes", 0))
    records = told(range(20))[Place("tasks.outcomes", 0)]
    owner.read(*records[:10])
    owner.store()
    owner.read(*records[10:])
    owner.store()  # too soon after the first for another roll-up
    where = "SELECT max(next_offset), max(rolled) FROM sink_position WHERE topic = 'tasks.outcomes'"
    assert store.query(where).result_rows == [(10, 10)]
    assert offsets(store, "task_outcome") == list(range(22))
    assert Owner(store, Place("tasks.outcomes", 0)).starts == {Place("tasks.outcomes", 0): 10}


def test_an_owner_that_meets_a_longer_insert_of_the_one_before_does_not_store_its_end_again(server, store):
    asleep, awake = Owner(store), Owner(store)
    asleep.read(*map(decided, range(8)))
    awake.read(*map(decided, range(3)))
    asleep.store()
    awake.store()
    awake.read(*map(decided, range(3, 10)))
    awake.store()
    assert offsets(store) == list(range(10))


TASKS = 1_500


class Mortal:
    """A warehouse that is killed at random moments and started again each time; after the last it stays."""

    def __init__(self, settings: Settings, chance: random.Random, times: int) -> None:
        self._settings, self._chance, self.left = settings, chance, times
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Mortal":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.left = 0
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while self.left:
            with self._running():
                self._over.wait(self._chance.uniform(0.02, 0.5))  # and then kill -9
            self.left = max(0, self.left - 1)
        with self._running():
            self._over.wait()

    def _running(self) -> Any:
        return running_part(warehouse_server.prepare(self._settings), self._settings.state / "log")

    def surely(self) -> Any:
        """Has something done by it, however often it dies meanwhile."""
        clients: list[Any] = []
        answers = warehouse_server.prepare(self._settings).probe

        def surely(act: Any) -> Any:
            while True:
                try:
                    if not clients:
                        until(answers, 60, "the warehouse is back")
                        clients.append(warehouse.client(self._settings))
                    return act(clients[0])
                except warehouse.TROUBLES as error:
                    clients.clear()
                    if isinstance(said := warehouse.spoken(error, self._settings), BadSql):
                        raise said from error

        return surely


def furnished(settings: Settings) -> bool:
    try:
        warehouse.furnish(settings)
    except warehouse.TROUBLES:
        return False
    return True


def test_a_warehouse_killed_again_and_again_has_each_row_once_and_a_rollup_that_agrees_with_its_rows(tmp_path):
    settings = settings_in(tmp_path, sinks=1)
    chance, topics = random.Random(0), told(range(TASKS))
    with Mortal(settings, random.Random(0), 6) as mortal:
        until(lambda: furnished(settings), 60, "every table is made")
        surely = mortal.surely()
        storing = Storing(surely, lambda message, reason: pytest.fail(reason))
        at, crashes = storing.begin(list(topics)), 0
        while mortal.left or any(at[place] < len(topics[place]) for place in topics):
            for place, records in topics.items():
                end = at[place] + chance.randint(0, 150)
                for record in records[at[place] : end]:
                    storing.take(record)
                at[place] = min(end, len(records))
            storing.store()
            if not crashes or (mortal.left and chance.random() < 0.1):  # the sink dies as well
                at = storing.begin(list(topics))
                crashes += 1
        at = storing.begin(list(topics))  # and has a last word after its last crash
        for place, records in topics.items():
            for record in records[at[place] :]:
                storing.take(record)
        storing.store()
        with warehouse.client(settings) as client:
            for name in rollups.feeds():
                wanted = [r.offset() for records in topics.values() for r in records if rows.row_of(r)[0] == name]
                assert offsets(client, name) == wanted, name
            assert differing(client) == 0
            before = tasks_seen(client)
            assert len(before) == TASKS
            rollups.remake(client)
            assert tasks_seen(client) == before
