"""Planning from the tasks that ended lately: the same figures as the command, and words where nothing can be told."""

import math
from dataclasses import asdict
from typing import Any

import pytest

from gateway import planning
from gateway.planning import Planned, plan, value_of
from gateway.server.recent import Task
from infra.warehouse.exposed import _KNOWN_BEFORE, _OUTCOME, COLUMNS
from processors.experiments import line
from processors.experiments.design import Question
from processors.experiments.metrics import parse
from processors.experiments.outlook import plan_of

NOW = 1_790_000_000_000_000


def task(number: int, **over: Any) -> Task:
    values: dict[str, Any] = {
        "task_id": f"t-{number}",
        "session_id": f"s-{number // 2}",
        "tenant_id": "acme",
        "parent_id": None,
        "redrive_of": None,
        "text": "x",
        "items": 0,
        "priority": 5,
        "submitted_at": NOW - planning.DAY_US + number * 1000,
        "agent_id": "a",
        "skill": None,
        "state": "completed" if number % 10 else "failed",
        "started_at": NOW - planning.DAY_US + number * 1000 + 10_000,
        "finished_at": NOW - planning.DAY_US + number * 1000 + 20_000 + number % 7 * 1000,
    }
    return Task(**values | over)


def asked(spec: str = "completed:binary", **over: Any) -> Planned:
    values: dict[str, Any] = {
        "metric": parse(spec, COLUMNS),
        "split": {"control": 0.5, "b": 0.5},
        "unit": "session",
        "cluster": None,
        "traffic": 1.0,
        "comparisons": 1,
        "sequential": False,
        "days": 14.0,
        "effect": None,
        "power": None,
        "baseline": None,
        "deviation": None,
        "units_a_day": None,
    }
    return Planned(**values | over)


TASKS = [task(number) for number in range(800)]


def test_what_is_told_is_what_the_command_would_reckon() -> None:
    told = plan(asked(unit="task", effect=0.05), TASKS, NOW)
    question = Question("binary", 0.9, effect=0.05, mode="fixed", units_a_day=800, counted="tasks")
    wanted = asdict(plan_of(question))
    assert told["needed"] == wanted | {"deviation": pytest.approx(wanted["deviation"])}
    assert told["sentences"][0] == wanted["sentences"][0]
    assert told["least"]["found"] == "effect"
    assert told["least"]["units"] == 14 * 800


def test_traffic_is_counted_in_units_and_by_the_share_that_takes_part() -> None:
    assert plan(asked(), TASKS, NOW)["seen"]["units_a_day"] == 400
    assert plan(asked(traffic=0.25), TASKS, NOW)["seen"]["units_a_day"] == 100
    assert plan(asked(unit="tenant"), TASKS, NOW)["seen"] is None  # one tenant: nothing varies
    told = plan(asked(units_a_day=1000.0, days=3.0), TASKS, NOW)
    assert told["least"]["units"] == 3000


def test_a_least_effect_is_found_with_the_power_that_was_asked_for() -> None:
    told = plan(asked("completion_ms:mean:lower", unit="task", sequential=True, power=0.9), TASKS, NOW)
    assert told["least"]["effect"] < 0
    assert 0.9 <= told["least"]["power"] < 0.93


@pytest.mark.parametrize(
    ("over", "tasks", "said"),
    [
        ({}, [], "No task has ended yet"),
        ({"spec": "tokens:mean"}, TASKS, "What tokens was lately is not in memory"),
        ({"spec": "redone:binary:lower"}, TASKS, "the same value throughout"),
        ({"effect": 0.5}, TASKS, "A share of 1.4 is impossible"),
        ({"days": 0.01}, TASKS, "too few for any verdict"),
    ],
)
def test_what_cannot_be_planned_is_told_in_words(over: dict[str, Any], tasks: list[Task], said: str) -> None:
    told = plan(asked(**over), tasks, NOW)
    assert said in told["why_none"]
    assert "--" not in told["why_none"]


def test_what_is_given_needs_no_earlier_tasks() -> None:
    told = plan(asked("completion_ms", deviation=100.0, effect=-10.0), [], NOW)
    assert told["needed"]["units"] > 1000
    assert (told["why_none"], told["seen"], told["needed"]["days"]) == (None, None, None)


def test_each_column_that_a_metric_can_be_is_known_or_said_to_be_unknown() -> None:
    one = task(1, quality=0.5, attempts=2, cost_usd_micros=7)
    unknown = {name for name in COLUMNS if math.isnan(value_of(one, name))}
    assert unknown == {"tokens", *_KNOWN_BEFORE}
    assert {*_OUTCOME, *_KNOWN_BEFORE, "tasks"} == set(COLUMNS)
    assert all(not math.isnan(value_of(one, parse(spec, COLUMNS).column)) for spec in line.METRICS)


def test_a_value_is_what_the_warehouse_would_say() -> None:
    cancelled, redone = task(1, state="cancelled"), task(1, redos=1)
    assert math.isnan(value_of(cancelled, "completed"))
    assert math.isnan(value_of(task(1, items=3), "routing_success"))
    assert [value_of(redone, name) for name in ("completed", "routing_success", "redone")] == [1, 0, 1]
    assert [value_of(task(1), name) for name in ("wait_ms", "run_ms", "completion_ms")] == [10, 11, 21]
    assert math.isnan(value_of(task(0), "completion_ms"))
