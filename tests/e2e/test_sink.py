"""The sink in a running line: whatever dies, topics and tables hold the same, and the command line says so."""

import json
import os
import random
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import headway
from infra import stack, warehouse
from infra.settings import Settings, as_env
from tests.support.running import running_line, settings_in
from tests.support.tasks import Submitter
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stored_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with running_line(settings_in(tmp_path_factory.mktemp("stored"), sinks=2, sim_failure_rate=0.0)) as running:
        yield running


@pytest.fixture
def tasks(stored_line: Settings) -> Iterator[Submitter]:
    submitter = Submitter(stored_line)
    yield submitter
    submitter.close()


def asked(settings: Settings, *words: str) -> Any:
    return CliRunner(env=as_env(settings)).invoke(headway, words, catch_exceptions=False)


def account(settings: Settings) -> dict[str, Any]:
    """What `headway sink status` says once nothing of the topics' end is left to come."""

    def settled() -> dict[str, Any] | None:
        answer = asked(settings, "sink", "status", "--json")
        if answer.exit_code == 3:  # the warehouse is just starting again
            return None
        found: dict[str, Any] = json.loads(answer.output)
        # Heartbeats never end, so a few records are always on their way.
        return found if found["lag"] < 30 and found["rows"] > 0 else None

    return until(settled, 60, "everything is stored")


def pid_of(settings: Settings, name: str) -> int:
    def find() -> int:
        rows = [p for p in stack.status(settings)["processes"] if p["name"] == name and p["state"] == "ready"]
        return rows[0]["pid"] if rows else 0

    return until(find, 60, f"{name} ready")


def kill(settings: Settings, name: str) -> None:
    def kills() -> bool:
        try:
            os.kill(pid_of(settings, name), signal.SIGKILL)
        except ProcessLookupError:
            return False  # it has just ended by itself, which its state does not say yet
        return True

    until(kills, 60, f"{name} killed")


def test_every_record_is_one_row_whoever_is_killed(stored_line, tasks):
    chance = random.Random(7)
    ids = []
    for victim in ("sink-0", "warehouse", "sink-1", "warehouse", "sink-0"):
        ids += [tasks.submit(f"{victim}-{len(ids)}-{i}", text=f"Say hello {i}") for i in range(30)]
        kill(stored_line, victim)
        if chance.random() < 0.5:
            tasks.producer.produce("tasks.submitted", b"\x00no event", tasks.prefix)
            tasks.producer.flush(5)
    for task_id in ids:
        assert tasks.outcome(task_id, 60)["status"] == "completed"
    found = account(stored_line)
    assert (found["missing"], found["duplicates"]) == (0, 0)
    with warehouse.client(stored_line) as client:
        sql = "SELECT count(), uniqExact(task_id) FROM task_outcome WHERE startsWith(task_id, {prefix:String})"
        assert client.query(sql, parameters={"prefix": tasks.prefix}).first_row == (len(ids), len(ids))


def test_a_table_made_anew_has_the_same_rows_while_the_line_goes_on(stored_line, tasks):
    ids = [tasks.submit(f"before-{i}") for i in range(10)]
    for task_id in ids:
        tasks.outcome(task_id)
    account(stored_line)
    ids += [tasks.submit(f"meanwhile-{i}") for i in range(10)]
    answer = asked(stored_line, "rebuild", "task_outcome")
    assert answer.exit_code == 0, answer.output
    for task_id in ids:
        tasks.outcome(task_id)
    found = account(stored_line)
    assert (found["missing"], found["duplicates"]) == (0, 0)


def test_a_rollup_that_differs_from_its_tables_is_told_and_made_anew(stored_line, tasks):
    task_id = tasks.submit("rolled-up")
    tasks.outcome(task_id)
    assert account(stored_line)["differing"] == 0
    with warehouse.client(stored_line) as client:
        client.command(f"ALTER TABLE task_rollup DELETE WHERE task_id = '{task_id}' SETTINGS mutations_sync = 2")
    answer = asked(stored_line, "sink", "status")
    assert (answer.exit_code, "`headway rebuild task_rollup` makes it anew" in answer.output) == (1, True)
    assert asked(stored_line, "rebuild", "task_rollup").exit_code == 0
    assert account(stored_line)["differing"] == 0
    with warehouse.client(stored_line) as client:
        sql = f"SELECT status FROM task WHERE task_id = '{task_id}'"
        assert client.query(sql).result_rows == [("completed",)]


def test_rebuilding_what_is_no_table_names_those_there_are(stored_line):
    answer = asked(stored_line, "rebuild", "outcomes")
    assert answer.exit_code == 2 and "task_outcome" in answer.output


def test_an_insert_under_way_while_a_table_is_made_anew_is_not_lost(stored_line, tasks):
    """It has the old table in its hands and ends when the new one is in its place."""
    tasks.outcome(tasks.submit("before"))
    account(stored_line)
    with warehouse.client(stored_line) as client, warehouse.client(stored_line) as writer:
        client.command("CREATE TABLE late AS task_outcome")
        row = "* REPLACE ('late' AS task_id, arrayJoin(range(4)) + 1000000 AS _offset)"
        client.command(f"INSERT INTO late SELECT {row} FROM (SELECT * FROM task_outcome LIMIT 1)")
        slow = "INSERT INTO task_outcome SELECT * FROM late WHERE sleepEachRow(1.5) = 0"
        slow += " SETTINGS function_sleep_max_microseconds_per_block = 10000000"
        inserting = threading.Thread(target=writer.command, args=(slow,))
        inserting.start()
        under_way = "SELECT count() FROM system.processes WHERE query_kind = 'Insert' AND query LIKE '%late%'"
        until(lambda: client.query(under_way).first_row[0], 10, "the insert is under way")
        answer = asked(stored_line, "rebuild", "task_outcome")
        assert answer.exit_code == 0, answer.output
        inserting.join()
        assert client.query("SELECT count() FROM task_outcome WHERE task_id = 'late'").first_row == (4,)
