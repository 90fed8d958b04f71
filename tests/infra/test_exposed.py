"""The tasks of an experiment, out of a real warehouse: each once, with its outcome, and the same at every asking."""

from typing import Any

import numpy as np
import pytest

from infra import warehouse
from infra.warehouse.exposed import COLUMNS, Asked, exposed
from processors.experiments.assignment import bucket
from tests.gateway.events import example
from tests.processors.experiments.test_assignment import VECTORS
from tests.support.warehouse import running_warehouse, store

START = 1_790_000_000_000_000
ARMS = ["control", "b"]


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    with running_warehouse(tmp_path_factory.mktemp("exposed")) as made:
        yield made


def decided(task_id: str, arm: str | None, **over: Any) -> Any:
    exposures = [{"experiment": "quick", "arm": arm, "unit": f"unit of {task_id}", "propensity": 0.5}] if arm else []
    decision = example("RoutingDecision", 0, task_id=task_id, session_id="s", tenant_id="t", skill="work")
    return "RoutingDecision", decision | {"decided_at": START + 1, "exposures": exposures} | over


def ended(task_id: str, status: str = "completed", ms: int = 100, **over: Any) -> Any:
    outcome = example("TaskOutcome", 0, task_id=task_id, session_id="s", tenant_id="t", skill="work", status=status)
    times = {"submitted_at": START, "started_at": START + 1_000, "finished_at": START + ms * 1_000}
    return "TaskOutcome", outcome | times | {"items": [], "redos": 0, "cost_usd_micros": 2_000_000} | over


EVER = 4_000_000_000_000_000


def asked(settings: Any, started_at: int = START, to_at: int = EVER, columns: Any = COLUMNS) -> Any:
    with warehouse.client(settings) as client:
        return exposed(client, Asked("quick", ARMS, "session", columns, "tenant_id", started_at, to_at))


def empty(settings: Any) -> None:
    with warehouse.client(settings) as client:
        for table in ("routing_decision", "task_outcome"):
            client.command(f"TRUNCATE TABLE {table}")


def test_each_task_is_there_once_with_what_became_of_it(settings):
    empty(settings)
    store(
        settings,
        [
            decided("done", "control"),
            decided("done", "b"),  # a second decision on one task: the first counts
            ended("done", ms=250),
            ended("done", ms=900),
            decided("poor", "b"),
            ended("poor", redos=1),
            decided("failed", "b"),
            ended("failed", "failed"),
            decided("open", "b"),
            decided("elsewhere", None),
            ended("elsewhere"),
        ],
    )
    found = asked(settings)
    arms = sorted(zip(found.arm.tolist(), found.columns["completion_ms"].tolist(), strict=True))
    assert [arm for arm, _ in arms] == [0, 1, 1, 1]
    assert arms[0] == (0, 250.0)
    of = {name: values[found.arm == 1] for name, values in found.columns.items()}
    assert sorted(of["completed"][np.isfinite(of["completed"])]) == [0, 1]
    assert sorted(of["routing_success"][np.isfinite(of["routing_success"])]) == [0, 0]
    assert np.isnan(of["completion_ms"]).sum() == 2
    assert np.nanmax(of["cost_usd"]) == 2
    assert set(found.columns) == set(COLUMNS)
    assert len(set(found.unit.tolist())) == 4


def test_usual_times_come_from_before_the_experiment(settings):
    empty(settings)
    store(settings, [ended("before-1", ms=100), ended("before-2", ms=300)])
    with warehouse.client(settings) as client:
        newest = client.query("SELECT toUnixTimestamp64Milli(max(_at)) FROM task_outcome").result_rows[0][0]
    store(settings, [decided("t", "b"), decided("u", "b", skill="new")])
    found = asked(settings, started_at=(int(newest) + 1) * 1_000)
    assert sorted(found.columns["usual_ms"].tolist(), key=str) == [200.0, pytest.approx(np.nan, nan_ok=True)]
    assert found.columns["before_ms"].tolist() == [200.0, 200.0]


def test_the_same_range_gives_the_same_data_whatever_came_later_and_other_data_another_hash(settings):
    empty(settings)
    events = [event for n in range(50) for event in (decided(f"t{n}", ARMS[n % 2]), ended(f"t{n}", ms=n + 1))]
    store(settings, events)
    with warehouse.client(settings) as client:
        newest = client.query("SELECT toUnixTimestamp64Milli(max(_at)) FROM task_outcome").result_rows[0][0]
    until = (int(newest) + 1) * 1_000
    first = asked(settings, to_at=until)
    assert len(first.arm) == 50
    store(settings, [decided("late", "b")])  # takes longer than the millisecond that is the end of the range
    assert asked(settings, to_at=until).data_hash == first.data_hash
    assert asked(settings).data_hash != first.data_hash
    assert len(asked(settings).arm) == 51


def test_the_arm_of_a_unit_can_be_found_in_sql(settings):
    place = "reinterpretAsUInt64(reverse(substring(SHA256({text:String}), 1, 8))) % 10000"
    with warehouse.client(settings) as client:
        for kind, name, unit, expected in VECTORS:
            text = {"text": f"{kind}/{name}/{unit}"}
            assert client.query(f"SELECT {place}", parameters=text).result_rows == [(expected,)]
            assert bucket(kind, name, unit) == expected
