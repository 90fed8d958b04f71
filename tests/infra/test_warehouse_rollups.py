"""The rollup on the real engine: whatever comes twice, late or in any order, it says what the tables say."""

import random
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from infra import warehouse
from infra.settings import Settings
from infra.warehouse import rollups, rows
from infra.warehouse.tables import MIGRATIONS, tables
from schemas.codec import encode
from tests.gateway.events import example
from tests.support.records import Record
from tests.support.warehouse import every_example, running_warehouse, store

NOON = (int(time.time()) - 86_400) * 1000
"""When the first event came [ms]."""
VIEWS = {
    "task": "*",
    "task_queue": "*",
    "orchestrator_state": "orchestrator_id, current_load, session_ids",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_warehouse(tmp_path_factory.mktemp("rollups")) as settings:
        with warehouse.client(settings) as client:
            for name in VIEWS:
                client.command(_plain(name))
        yield settings


@pytest.fixture
def client(server: Settings) -> Iterator[Client]:
    with warehouse.client(server) as found:
        for name in (*tables(), rollups.ROLLUP, "sink_position"):
            found.command(f"TRUNCATE TABLE {name}")
        found.command(f"SYSTEM STOP MERGES {rollups.ROLLUP}")
        yield found
        found.command(f"SYSTEM START MERGES {rollups.ROLLUP}")


def _plain(name: str) -> str:
    """A view as it was before there was a rollup: joined from the tables. It is the reference."""
    text = (MIGRATIONS / "0002_views.sql").read_text(encoding="utf-8")
    found = re.search(rf"CREATE OR REPLACE VIEW {name} \(.*?;\n", text, re.DOTALL)
    assert found
    return found[0].replace(f"VIEW {name}", f"VIEW plain_{name}", 1).rstrip(";\n")


def asked(client: Client, name: str, prefix: str = "") -> list[str]:
    sql = f"SELECT {VIEWS[name]} FROM {prefix}{name} ORDER BY ALL"
    return bytes(client.raw_query(sql, fmt="JSONEachRow")).decode().splitlines()


class Told:
    """A record that came at a time of our choice."""

    def __init__(self, topic: str, offset: int, at: int, event: str, fields: dict[str, Any]) -> None:
        self.table, self.at = next(t.name for t in tables().values() if t.event == event), at
        record = Record(topic, 0, offset, encode(event, fields))
        record._fields["timestamp"] = (1, at)
        self.offset, self.row = offset, rows.row_of(record)[1]  # type: ignore[arg-type]


def events_of(chance: random.Random, task: str, session: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What may be told of a task, in a random selection; some of it twice and not alike."""
    who: dict[str, Any] = {"task_id": task, "session_id": session}
    often = lambda: range(chance.choice((0, 1, 1, 1, 2)))  # noqa: E731
    micros = lambda: NOON * 1000 + chance.randrange(10**9)  # noqa: E731
    for _ in often():
        fields = {"text": f"Say {chance.random()}", "priority": chance.randint(1, 10), "submitted_at": micros()}
        fields |= {"items": ["a"] * chance.randint(0, 2), "redrive_of": chance.choice((None, "before"))}
        yield "tasks.submitted", "TaskSubmitted", example("TaskSubmitted", 0, **who, **fields)
    for _ in often():
        fields = {"agent_id": chance.choice((None, "code-reviewer", "tester")), "decided_at": micros()}
        fields |= {"refusal": chance.choice((None, None, "nobody can")), "confidence": chance.random()}
        yield "routing.decisions", "RoutingDecision", example("RoutingDecision", 0, **who, **fields)
    for _ in often():
        fields = {"status": chance.choice(("completed", "failed", "refused", "expired")), "finished_at": micros()}
        fields |= {"agent_id": chance.choice((None, "tester")), "error": chance.choice((None, "", "no"))}
        fields |= {"quality": chance.choice((None, 0.5)), "started_at": chance.choice((None, micros()))}
        yield "tasks.outcomes", "TaskOutcome", example("TaskOutcome", 0, **who, **fields)
    for attempt in range(chance.randint(0, 3)):
        fields = {"attempt": attempt + 1, "quality": chance.random(), "verdict": chance.choice(("accept", "redo"))}
        yield "evaluations", "Evaluation", example("Evaluation", 0, **who, **fields)
    for phase in ("cancel_requested", "queued", "running", "done"):
        if chance.random() < 0.5:
            fields = {"phase": phase, "retries": chance.randint(0, 3), "instance_id": chance.choice((None, "i-1"))}
            yield "dispatch.log", "DispatchRecord", example("DispatchRecord", 0, **who, **fields)


def history(chance: random.Random, tasks: int) -> list[Told]:
    """The events of some tasks, a millisecond apart, in the order in which they came."""
    told = []
    for number in range(tasks):
        at = NOON + chance.randrange(10**7) * 1000
        for event in events_of(chance, f"t-{number}", f"s-{number % 3}"):
            at += chance.randint(1, 9)
            told.append((at, *event))
    return [
        Told(topic, offset, at, event, fields)
        for offset, (at, topic, event, fields) in enumerate(sorted(told, key=lambda t: t[0]))
    ]


@pytest.mark.parametrize("seed", range(2))
def test_the_views_say_what_the_tables_say_whatever_comes_twice_and_in_whatever_order(client, seed):
    chance = random.Random(seed)
    told = history(chance, 25)
    for table in sorted({one.table for one in told}):
        warehouse.insert(client, table, [one.row for one in told if one.table == table])
    store_pools(client)
    parts = [(one.table, one.offset) for one in told] * 2
    chance.shuffle(parts)
    for size in iter(lambda: chance.randint(1, 12), None):
        for table in rollups.feeds():
            offsets = [offset for name, offset in parts[:size] if name == table]
            if offsets:
                rollups.take_over(client, table, f"_offset IN ({', '.join(map(str, offsets))})")
        parts = parts[size:]
        if not parts:
            break
    pieces = f"SELECT count() FROM system.parts WHERE active AND table = '{rollups.ROLLUP}'"
    assert client.query(pieces).result_rows[0][0] > 20, "what is not merged yet is to be read rightly as well"
    for name in VIEWS:
        assert asked(client, name) == asked(client, name, "plain_"), name
    client.command(f"SYSTEM START MERGES {rollups.ROLLUP}")
    client.command(f"OPTIMIZE TABLE {rollups.ROLLUP} FINAL")
    for name in VIEWS:
        assert asked(client, name) == asked(client, name, "plain_"), name


def store_pools(client: Client) -> None:
    for offset, at in enumerate((NOON * 1000, NOON * 1000 + 5 * 10**8)):
        fields = example("PoolStatus", 0, at=at, waiting=offset)
        row = Told("pools.status", offset, NOON, "PoolStatus", fields).row
        warehouse.insert(client, "pool_status", [row])
    definition = example("AgentDefinition", 0, updated_at=NOON * 1000 - 1)
    warehouse.insert(client, "agent_definition", [Told("agents.registry", 0, NOON, "AgentDefinition", definition).row])


def test_one_task_and_the_newest_are_found_among_pieces_that_are_not_merged(client):
    """The indexes must not hide the piece of a task that decides."""
    chance = random.Random(9)
    told = history(chance, 60)
    for table in sorted({one.table for one in told}):
        warehouse.insert(client, table, [one.row for one in told if one.table == table])
        if table in rollups.feeds():
            rollups.take_over(client, table)
    middle = f"toDateTime64({NOON / 1000 + 500}, 6, 'UTC')"
    for where in ("task_id = 't-7'", "session_id = 's-1'", f"submitted_at > {middle}", "status = 'completed'"):
        sql = "SELECT task_id, session_id, text, status, submitted_at, quality FROM {} WHERE " + where + " ORDER BY ALL"
        assert client.query(sql.format("task")).result_rows == client.query(sql.format("plain_task")).result_rows, where
        assert client.query(sql.format("task")).result_rows, where


def damage(client: Client) -> None:
    client.command(f"SYSTEM START MERGES {rollups.ROLLUP}")  # else nothing is deleted
    client.command(f"ALTER TABLE {rollups.ROLLUP} DELETE WHERE task_id = 't-1' SETTINGS mutations_sync = 2")
    client.command(
        f"INSERT INTO {rollups.ROLLUP} (task_id, session_id, newest, ended) "
        f"SELECT 'never', 's', now(), (toUInt64({NOON}) * 1048576, 'completed', now64(6), 0, 0)"
    )


def filled(client: Client) -> None:
    told = history(random.Random(3), 30)
    for table in sorted({one.table for one in told}):
        own = [one for one in told if one.table == table]
        warehouse.insert(client, table, [one.row for one in own])
    positions = {(topic, 0): 10**6 for topic in tables_topics()}
    made = [[topic, partition, end] for (topic, partition), end in positions.items()]
    client.insert("sink_position", made, column_names=["topic", "partition", "next_offset"])


def tables_topics() -> set[str]:
    return {topic for table in rollups.feeds() for topic in tables()[table].topics}


def differences(client: Client) -> dict[str, int]:
    return {table: rollups.differing(client, table) for table in rollups.feeds()}


def test_what_was_stored_before_there_was_a_rollup_is_taken_over_once(server, client):
    filled(client)
    assert asked(client, "task") == []
    assert [done for done in warehouse.furnish(server) if "task_rollup" in done] == [
        f"task_rollup of {topic}/0" for topic in sorted(tables_topics())
    ]
    assert asked(client, "task") == asked(client, "task", "plain_") != []
    assert set(differences(client).values()) == {0}
    assert warehouse.furnish(server) == []


def test_a_difference_is_seen_and_making_the_rollup_anew_ends_it(server, client):
    filled(client)
    warehouse.furnish(server)
    assert set(differences(client).values()) == {0}
    damage(client)
    found = differences(client)
    assert found["task_outcome"] >= 1
    assert sum(found.values()) > 1
    rollups.remake(client)
    assert set(differences(client).values()) == {0}
    assert asked(client, "task") == asked(client, "task", "plain_")


def test_what_is_stored_and_not_yet_due_is_no_difference(server, client):
    filled(client)
    client.command("TRUNCATE TABLE sink_position")
    assert set(differences(client).values()) == {0}


def test_the_questions_say_the_same_of_tasks_and_of_tables(server, client):
    store(server, every_example())
    store(server, every_example())
    for name in VIEWS:
        assert asked(client, name) == asked(client, name, "plain_"), name


def test_every_cell_and_column_of_the_rollup_is_explained(client):
    where = f"database = currentDatabase() AND table = '{rollups.ROLLUP}' AND comment = ''"
    assert client.query(f"SELECT name FROM system.columns WHERE {where}").result_rows == []
