"""The executor host on a real broker: what it takes, runs, stops, tells after a crash."""

import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.kafka import ensure_topics
from infra.settings import Settings
from schemas.trace import headers
from tests.support.executor import Dispatch, host_settings, hosts_at_work, now_us, running_host
from tests.support.running import running_broker, settings_in
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def settings(broker: Settings, tmp_path: Path) -> Settings:
    return host_settings(broker, tmp_path)


@pytest.fixture
def dispatch(settings: Settings) -> Iterator[Dispatch]:
    playing = Dispatch(settings)
    yield playing
    playing.close()


def test_it_runs_what_is_assigned_and_reports_it(settings: Settings, dispatch: Dispatch) -> None:
    dispatch.agent("runs")
    with running_host(settings):
        dispatch.await_instances("runs")
        dispatch.run("runs-1", "runs", task={"text": "Count the queues"})
        done = dispatch.await_result("runs-1")
        until(lambda: dispatch.hear() or dispatch.progress("runs-1"), what="progress")
    assert done["kind"] == "completed"
    assert "Count the queues" in done["output"]
    assert done["started_at"] <= done["finished_at"]
    assert done["key"] == b"runs"
    assert done["headers"] == headers("runs-1")
    (started,) = dispatch.progress("runs-1")
    assert (started["kind"], started["key"]) == ("started", b"session-runs-1")


def test_external_and_removed_agents_are_left_alone(settings: Settings, dispatch: Dispatch) -> None:
    dispatch.agent("outside", runner="external")
    dispatch.agent("inside")
    with running_host(settings):
        dispatch.await_instances("inside")
        dispatch.run("outside-1", "outside")
        dispatch.run("inside-1", "inside", instance=0)
        dispatch.await_result("inside-1")
        dispatch.agent("inside", removed=True)
        until(lambda: dispatch.hear() or not dispatch.heartbeats("inside")[-1]["instances"], what="a last heartbeat")
    assert dispatch.results("outside-1") == []
    assert dispatch.heartbeats("outside") == []


def test_a_cancel_reaches_running_work_within_a_second(settings: Settings, dispatch: Dispatch) -> None:
    dispatch.agent("cancels")
    with running_host(dataclasses.replace(settings, sim_speed=0.1)):
        dispatch.await_instances("cancels")
        assigned = dispatch.run("cancels-1", "cancels")
        dispatch.await_started("cancels-1")
        asked = time.monotonic()
        dispatch.cancel(assigned)
        result = dispatch.await_result("cancels-1")
        assert time.monotonic() - asked < 1.0
    assert (result["kind"], result["error"]) == ("cancelled", "no longer wanted")


def test_time_limits(settings: Settings, dispatch: Dispatch) -> None:
    dispatch.agent("limits")
    with running_host(dataclasses.replace(settings, sim_speed=0.1)):
        dispatch.await_instances("limits")
        dispatch.run("limits-late", "limits", deadline_at=now_us() - 1)
        dispatch.run("limits-long", "limits", timeout_ms=200)
        late, long = dispatch.await_result("limits-late"), dispatch.await_result("limits-long")
    assert (late["kind"], late["started_at"]) == ("expired", None)
    assert (long["kind"], long["retryable"], long["error"]) == ("failed", True, "timed out after 0.2 s")


def test_a_repeat_is_not_started_again(settings: Settings, dispatch: Dispatch) -> None:
    dispatch.agent("repeats")
    with running_host(dataclasses.replace(settings, sim_speed=5.0)):
        dispatch.await_instances("repeats")
        for _ in range(3):
            dispatch.run("repeats-1", "repeats")
        dispatch.await_result("repeats-1")
        dispatch.run("repeats-2", "repeats")
        dispatch.await_result("repeats-2")
    assert len(dispatch.results("repeats-1")) == 1


def test_hostile_messages_are_set_aside_and_work_goes_on(settings: Settings, dispatch: Dispatch) -> None:
    dispatch.agent("hostile")
    with running_host(settings):
        dispatch.await_instances("hostile")
        for payload in (b"", b"\x00\x00\x00\x00\x01\xff", b"not avro", b"\x00\x00\x00\xff\xff1234"):
            dispatch.producer.produce("tasks.assigned", payload, "hostile-0")
        dispatch.producer.produce("tasks.assigned", None, "hostile-0")
        dispatch.run("hostile-1", "hostile", task={"text": "after the bad ones"})
        unreadable = dispatch.run("hostile-2", "hostile")
        dispatch.send(
            "tasks.assigned", "hostile-0", "TaskAssigned", unreadable | {"task_id": "hostile-3", "task": b"?"}
        )
        assert dispatch.await_result("hostile-1")["kind"] == "completed"
        refused = dispatch.await_result("hostile-3")
        assert (refused["kind"], refused["retryable"]) == ("failed", False)

        def letters() -> bool:
            dispatch.hear()
            return len(dispatch.heard["dead.letters"]) == 5

        until(letters, what="five dead letters")
    letter = next(x for x in dispatch.heard["dead.letters"] if x["payload"] == b"not avro")
    assert (letter["service"], letter["topic"]) == ("executor", "tasks.assigned")
    assert letter["offset"] >= 0
    assert "0x6e" in letter["reason"]


def test_after_kill_9_what_was_in_hand_is_lost_and_nothing_else(settings: Settings, dispatch: Dispatch) -> None:
    """Long and short tasks finish out of order; the host dies with the long ones in hand."""
    dispatch.agent("dies")
    slow = dataclasses.replace(settings, sim_speed=5.0)  # light 1 s, test_run 12 s
    with running_host(slow) as first:
        dispatch.await_instances("dies")
        for n in range(4):
            dispatch.run(f"dies-long-{n}", "dies", instance=n, skill="test_run")
            dispatch.run(f"dies-short-{n}", "dies", instance=n)
        for n in range(4):
            assert dispatch.await_result(f"dies-short-{n}")["kind"] == "completed"
        dispatch.await_started(*[f"dies-long-{n}" for n in range(4)])
        first.kill()
        dispatch.run("dies-new", "dies")  # assigned while nobody is there
        with running_host(slow):
            for n in range(4):
                assert dispatch.await_result(f"dies-long-{n}")["kind"] == "lost"
            dispatch.await_instances("dies")
            dispatch.run("dies-after", "dies")
            assert dispatch.await_result("dies-after")["kind"] == "completed"
    for n in range(4):
        assert [r["kind"] for r in dispatch.results(f"dies-long-{n}")] == ["lost"]
        assert len([p for p in dispatch.progress(f"dies-long-{n}") if p["kind"] == "started"]) == 1
    # Its committed offset lies before the long ones, so short ones may be told as lost after their end: no harm.
    incarnations = {h["incarnation"] for h in dispatch.heartbeats("dies")}
    assert len(incarnations) == 2


def test_a_drain_loses_nothing(settings: Settings, dispatch: Dispatch) -> None:
    """On SIGTERM short work is finished, long work told as lost, and what comes meanwhile runs in the next life."""
    dispatch.agent("drains")
    slow = dataclasses.replace(settings, sim_speed=2.5, drain_s=8.0)  # light 2 s, test_run 24 s
    with running_host(slow) as first:
        dispatch.await_instances("drains")
        dispatch.run("drains-short", "drains")
        dispatch.run("drains-long", "drains", skill="test_run")
        dispatch.await_started("drains-short", "drains-long")
        assert first.terminate() == 0
        assert dispatch.await_result("drains-short")["kind"] == "completed"
        assert dispatch.await_result("drains-long")["kind"] == "lost"
    assert any(h["draining"] for h in dispatch.heartbeats("drains"))
    dispatch.run("drains-between", "drains")
    with running_host(slow):
        assert dispatch.await_result("drains-between")["kind"] == "completed"
        dispatch.await_instances("drains")
    for name in ("drains-short", "drains-long", "drains-between"):
        assert len(dispatch.results(name)) == 1


def test_instances_move_between_living_hosts_without_a_second_start(settings: Settings, dispatch: Dispatch) -> None:
    dispatch.agent("moves", instances=8)
    slow = dataclasses.replace(settings, sim_speed=5.0)  # documentation 4 s
    tasks = [f"moves-{n}" for n in range(8)]
    with running_host(slow):
        dispatch.await_instances("moves", 8)
        for n, task in enumerate(tasks):
            dispatch.run(task, "moves", instance=n, skill="documentation")
        dispatch.await_started(*tasks)
        with running_host(slow, 1):
            until(lambda: dispatch.hear() or hosts_at_work(dispatch, "moves", 8) == 2, 20, "both hosts at work")
            for task in tasks:
                assert dispatch.await_result(task)["kind"] == "completed"
            for n in range(8):
                dispatch.run(f"moves-later-{n}", "moves", instance=n)
            for n in range(8):
                assert dispatch.await_result(f"moves-later-{n}")["kind"] == "completed"
    for task in tasks:
        assert len(dispatch.results(task)) == 1
        assert len([p for p in dispatch.progress(task) if p["kind"] == "started"]) == 1
    assert len({dispatch.results(f"moves-later-{n}")[0]["host_id"] for n in range(8)}) == 2


def test_a_cancel_follows_work_whose_partition_has_moved(settings: Settings, dispatch: Dispatch) -> None:
    dispatch.agent("strays", instances=8)
    slow = dataclasses.replace(settings, sim_speed=0.1)
    with running_host(slow):
        dispatch.await_instances("strays", 8)
        runs = [dispatch.run(f"strays-{n}", "strays", instance=n) for n in range(8)]
        dispatch.await_started(*[run["task_id"] for run in runs])
        with running_host(slow, 1):
            until(lambda: dispatch.hear() or hosts_at_work(dispatch, "strays", 8, idle=True) == 2, 20, "a move")
            asked = time.monotonic()
            for run in runs:
                dispatch.cancel(run)
            for run in runs:
                assert dispatch.await_result(run["task_id"])["kind"] == "cancelled"
            assert time.monotonic() - asked < 1.0


def test_a_broker_restart_loses_nothing(tmp_path: Path) -> None:
    """Killed with work in hand, and away while it ends: the results arrive when it is back, each once."""
    alone = settings_in(tmp_path / "broker", sim_speed=2.5, sim_failure_rate=0.0)  # light 2 s
    with running_broker(alone) as broker:
        ensure_topics(alone)
        dispatch = Dispatch(alone)
        dispatch.agent("outage")
        with running_host(host_settings(alone, tmp_path, sim_speed=2.5)):
            dispatch.await_instances("outage")
            for n in range(4):
                dispatch.run(f"outage-{n}", "outage", instance=n)
            dispatch.await_started(*[f"outage-{n}" for n in range(4)])
            broker.signal(9)
            until(lambda: broker.reap() is not None, what="the end of the broker")
            with running_broker(alone):
                for n in range(4):
                    assert dispatch.await_result(f"outage-{n}", timeout_s=40)["kind"] == "completed"
                dispatch.await_instances("outage")
                dispatch.run("outage-after", "outage")
                assert dispatch.await_result("outage-after", timeout_s=30)["kind"] == "completed"
        for n in range(4):
            assert len(dispatch.results(f"outage-{n}")) == 1
        dispatch.close()


def test_an_outside_program_is_an_agent(broker: Settings, dispatch: Dispatch) -> None:
    program = Path(__file__).parents[2] / "docs" / "examples" / "outside_agent.py"
    command = [sys.executable, str(program), broker.bootstrap, "shouter"]
    with subprocess.Popen(command) as outside:
        try:
            dispatch.await_instances("shouter", 2)
            dispatch.run("shouter-1", "shouter", task={"text": "make this loud"})
            cancelled = dispatch.run("shouter-2", "shouter", instance=1)
            dispatch.cancel(cancelled)
            assert dispatch.await_result("shouter-1")["output"].startswith("MAKE THIS LOUD")
            assert dispatch.await_result("shouter-2")["kind"] == "cancelled"
            outside.terminate()
            assert outside.wait(10) == 0
        finally:
            outside.kill()
