"""The scale model: the same run every time, nothing lost or doubled whatever breaks, and the work of the dead done."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.settings import Settings
from lab.scale import agree
from lab.scale.fleet import simulate
from lab.scale.line import Line, Setup
from lab.scale.mix import MIX, SECOND, Kind, Phase, arrivals, attempt, divided
from lab.scale.report import table
from lab.scale.scenario import FOLDER, Injection, load
from lab.scale.tally import Tally
from processors.dispatch import Limits
from processors.scaling.autoscaler import Limits as Bounds
from streams.executor.agents.simulated import Simulated
from streams.executor.work import Permanent, Retryable
from tests.streams.executor.test_work import Told, work_with

WORK = (Kind("test_run", "runner", 0.5, 20.0), Kind("light", "helper", 0.5, 5.0))
SMALL = Setup(
    mix=WORK,
    sizes={"runner": 4, "helper": 2},
    zones=("",),
    hosts=3,
    limits=Limits(partitions=4, slots=2),
    scaling=None,
)


def run(setup: Setup, minutes: float = 3.0, per_minute: float = 30.0) -> tuple[Line, Tally]:
    line = Line(setup)
    tasks = arrivals([Phase(minutes, per_minute)], setup.mix, line.tally.begin, setup.seed)
    return line, line.run(tasks, minutes)


def test_the_same_arguments_give_the_same_result_byte_for_byte_in_another_process() -> None:
    words = [sys.executable, "-m", "lab.scale", "chaos", "--minutes", "1", "--agents", "20", "--seed", "3", "--json"]
    env = {**os.environ, "PYTHONHASHSEED": "1"}
    told = subprocess.run(words, env=env, capture_output=True, text=True, check=False, timeout=60).stdout
    scenario = load(FOLDER / "chaos.yaml").cut(1)
    assert json.dumps(simulate(scenario, 20, 3)) + "\n" == told
    assert simulate(scenario, 20, 4) != json.loads(told)


kinds = st.sampled_from(["kill", "delay", "failover"])
mishaps = st.builds(
    Injection,
    kind=kinds,
    first_minutes=st.floats(0.05, 1.5),
    every_minutes=st.none() | st.floats(0.3, 1.0),
    away_s=st.floats(1.0, 40.0),
    percent=st.floats(10.0, 100.0),
    delay_ms=st.floats(100.0, 15_000.0),
)
BOUNDS = Bounds(2, 1, 6, 0, 10, 30 * SECOND, 40 * SECOND)


@settings(max_examples=15)
@given(
    injections=st.lists(mishaps, max_size=3),
    failures=st.sampled_from([0.0, 0.3]),
    zones=st.sampled_from([("",), ("a", "b")]),
    queue_max=st.sampled_from([3, 1000]),
    scaling=st.sampled_from([None, BOUNDS]),
    seed=st.integers(0, 1000),
)
def test_every_task_has_one_outcome_whatever_is_killed_slow_or_failed_over(
    injections: list[Injection],
    failures: float,
    zones: tuple[str, ...],
    queue_max: int,
    scaling: Bounds | None,
    seed: int,
) -> None:
    limits = replace(SMALL.limits, queue_max=queue_max)
    more: dict[str, Any] = {"failures": failures, "zones": zones, "scaling": scaling, "limits": limits, "seed": seed}
    line, tally = run(replace(SMALL, hosts=4, injections=tuple(injections), **more), 1.5, 40.0)
    assert not tally.open
    assert not tally.doubled
    assert sum(tally.statuses.values()) == tally.handed_in > 0
    assert line.left() == 0
    assert not tally.hit


def test_the_work_of_killed_hosts_runs_elsewhere_within_the_lease_and_a_little() -> None:
    kill = Injection("kill", 1.0, 1.0, 40.0, 30.0, 0.0)
    _, tally = run(replace(SMALL, injections=(kill,)), 4.0)
    assert tally.kills >= 3
    assert len(tally.recovered) >= 3
    assert 0 < max(tally.recovered) <= 15 * SECOND
    assert tally.statuses == {"completed": tally.handed_in}


def test_a_host_that_is_back_before_its_lease_is_over_tells_what_it_lost_at_once() -> None:
    kill = Injection("kill", 1.0, 1.0, 2.0, 30.0, 0.0)
    _, tally = run(replace(SMALL, injections=(kill,)), 4.0)
    assert 0 < max(tally.recovered) < 5 * SECOND


def test_a_dispatcher_that_fails_over_goes_on_with_what_runs() -> None:
    _, tally = run(replace(SMALL, injections=(Injection("failover", 1.0, None, 8.0, 0.0, 0.0),)))
    assert tally.statuses == {"completed": tally.handed_in}
    assert tally.again == 0  # work in hand goes on, nothing starts twice
    longest = max(max(waits) for waits in tally.waits.values())
    assert 2 * SECOND < longest < 25 * SECOND


def test_more_instances_never_make_waits_longer() -> None:
    def p90(instances: int) -> int:
        _, tally = run(replace(SMALL, sizes={"runner": instances, "helper": instances}), 4.0, 40.0)
        waits = sorted(wait for of in tally.waits.values() for wait in of)
        return waits[len(waits) * 9 // 10]

    by_size = [p90(instances) for instances in (2, 4, 6, 10)]
    assert by_size == sorted(by_size, reverse=True)
    assert by_size[0] > 30 * SECOND > SECOND > by_size[-1]


def test_a_full_queue_refuses_and_urgent_tasks_go_first() -> None:
    limits = replace(SMALL.limits, queue_max=20)
    _, tally = run(replace(SMALL, limits=limits, sizes={"runner": 1, "helper": 1}), 6.0, 60.0)
    assert tally.statuses["refused"] > 50
    assert max(tally.waits[2]) < max(tally.waits[8])


def test_a_fleet_that_is_too_small_is_made_larger_and_its_new_instances_work() -> None:
    bounds = Bounds(2, 1, 40, 0, 50, 60 * SECOND, 120 * SECOND)
    line, tally = run(replace(SMALL, sizes={"runner": 1, "helper": 1}, scaling=bounds), 10.0, 60.0)
    assert any(change["after"] > change["before"] for change in tally.scalings)
    assert all(change["reason"] for change in tally.scalings)
    assert tally.busy["runner-5"] > 60 * SECOND
    assert line.left() == 0


def test_instances_are_divided_by_the_work_that_comes() -> None:
    sizes = divided(200, MIX)
    assert sum(sizes.values()) == 200
    assert sizes == {"code-writer": 71, "code-reviewer": 31, "test-runner": 79, "doc-writer": 16, "quick-helper": 3}
    assert sum(kind.share for kind in MIX) == pytest.approx(1.0)


def test_rates_scale_with_the_fleet_and_the_table_tells_the_targets() -> None:
    scenario = load(FOLDER / "steady_state.yaml").cut(2)
    few, many = simulate(scenario, 20, scaling=False), simulate(scenario, 80, scaling=False)
    assert many["handed_in"] == pytest.approx(4 * few["handed_in"], rel=0.2)
    assert "PASS  lost ≤ 0: 0" in table(few, "title", "about")
    assert few["cost_usd_micros"] > 0


async def test_an_attempt_takes_what_the_simulated_agent_of_the_line_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    failed = 0
    for number in range(30):
        slept.clear()
        work = work_with(Told(), settings=Settings(sim_speed=20.0, sim_failure_rate=0.5, sim_seed=7))
        work.assigned |= {"skill": "test_run", "task_id": f"t{number}", "attempt": 2}
        ours = attempt(MIX[2], f"t{number}", 2, 7, 0.5, 20.0)
        try:
            await Simulated().run(work)
            assert not ours.fails
        except (Retryable, Permanent) as error:
            failed += 1
            assert (ours.fails, ours.retryable) == (True, isinstance(error, Retryable))
        assert ours.takes_us == pytest.approx(sum(slept) * SECOND, abs=2)
    assert 5 < failed < 25


# --- agreement


def ran(wait_s: float, count: int = 100) -> Sequence[agree.Ran]:
    starts = [(n, int((n + wait_s) * SECOND)) for n in range(count)]
    return [agree.Ran(f"t{n}", n * SECOND, start, start + 2 * SECOND) for n, start in starts]


def test_a_model_that_is_a_tenth_of_a_second_off_agrees_and_one_that_is_far_off_does_not() -> None:
    assert all(one.holds for one in agree.compare(ran(1.0), ran(1.09), 10))
    apart = {one.figure for one in agree.compare(ran(1.0), ran(1.5), 10) if not one.holds}
    assert apart == {"wait_p50_s", "wait_p90_s"}


def test_the_planned_load_is_too_much_for_a_while_and_not_on_the_whole() -> None:
    tasks = agree.plan(agree.INSTANCES, 0)
    work_s = sum(task.kind.seconds / agree.SPEED for task in tasks)
    spans = [seconds for seconds, _ in agree.LOADS]
    assert 0.6 < work_s / agree.INSTANCES / sum(spans) < 0.95
    crest = [task for task in tasks if spans[0] * SECOND <= task.at < (spans[0] + spans[1]) * SECOND]
    assert sum(task.kind.seconds / agree.SPEED for task in crest) > agree.INSTANCES * spans[1]
