"""The lab on a real broker: runs that are started, watched and stopped, and processes that die."""

import dataclasses
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner, Result

from gateway.cli import headway
from gateway.lab import NOBODY
from infra import kafka
from infra.registry import Registry
from infra.settings import Settings, as_env
from lab.ports import free_ports
from processors.lab_runs import OVER
from tests.support.lab import YAML, following, lab_process, new_id, seen, send, start, stop
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

LONG = {"scenario": "soak", "minutes": None}
"""Takes many minutes of a processor."""


@pytest.fixture
def known(broker: Settings) -> Iterator[Registry]:
    with following(broker) as registry:
        yield registry


def own(broker: Settings, **over: float) -> Settings:
    """Several processes at once need ports of their own."""
    return dataclasses.replace(broker, metrics_port=free_ports(20), **over)


def children(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def test_a_run_is_done_once_however_often_it_is_asked_for_and_tells_what_it_found(
    broker: Settings, known: Registry
) -> None:
    one, two = new_id(), new_id()
    with lab_process(own(broker)):
        send(broker, start(one), start(one), start(two, seed=1))
        ended = seen(known, one, lambda run: run["state"] in OVER, "the first is over")
        other = seen(known, two, lambda run: run["state"] in OVER, "the second is over")
        assert known.lab_scenarios.keys() == {"burst", "chaos", "soak", "steady_state", "stress"}
    report = ended["report"]
    assert (ended["state"], ended["starts"], ended["simulated_minutes"], ended["reason"]) == ("ended", 1, 2.0, "")
    assert report is not None and other["report"] is not None
    assert report["handed_in"] == sum(report["outcomes"].values()) > 900
    assert (report["lost"], report["doubled"], report["left"]) == (0, 0, 0)
    assert {target["target"] for target in report["targets"]} >= {"lost ≤ 0", "throughput_per_minute ≥ 500"}
    assert ended["series"] is not None
    assert (ended["series"]["step_minutes"], len(ended["series"]["completed"])) == (1, 2)
    assert ended["plan"] is not None and ended["plan"]["load"] == [{"minutes": 2.0, "per_minute": 500.0}]
    assert other["report"] != report, "another seed"
    assert (other["started_at"] or 0) >= (ended["over_at"] or 0), "one at a time"


def test_a_run_is_watched_stopped_and_gives_way_to_the_next(broker: Settings, known: Registry) -> None:
    one, two = new_id(), new_id()
    with lab_process(own(broker)) as process:
        send(broker, start(one, **LONG), start(two))
        early = seen(known, one, lambda run: run["simulated_minutes"] > 0, "it gets on")
        later = seen(known, one, lambda run: run["simulated_minutes"] > early["simulated_minutes"], "and further")
        assert later["series"] is not None and sum(later["series"]["completed"]) > 0
        assert later["handed_in"] > early["handed_in"] > 0
        assert known.lab_runs[two]["state"] == "waiting"
        (child,) = children(process.pid)
        assert child.nice() == 15
        send(broker, stop(one))
        stopped = seen(known, one, lambda run: run["state"] in OVER, "it is stopped")
        assert (stopped["state"], stopped["reason"], stopped["report"]) == ("stopped", "Stopped by ben.", None)
        assert not child.is_running()
        assert seen(known, two, lambda run: run["state"] in OVER, "the next is over")["state"] == "ended"
        send(broker, stop(two), start(one, **LONG))
        third = new_id()
        send(broker, start(third))
        seen(known, third, lambda run: run["state"] == "ended", "what came after them")
        assert known.lab_runs[one] == stopped and known.lab_runs[two]["state"] == "ended"


def test_a_run_whose_process_dies_is_started_anew_by_another_and_its_child_is_gone(
    broker: Settings, known: Registry
) -> None:
    run_id, waits = new_id(), new_id()
    with lab_process(own(broker)) as first:
        until(lambda: kafka.members(broker, kafka.LAB_GROUP) == 1, 30, "the first is a member")
        send(broker, start(run_id, **LONG), start(waits))
        seen(known, run_id, lambda run: run["simulated_minutes"] > 0, "it gets on")
        (child,) = children(first.pid)
        with lab_process(own(broker)):
            until(lambda: kafka.members(broker, kafka.LAB_GROUP) == 2, 30, "both are members")
            far = known.lab_runs[run_id]["simulated_minutes"] + 10
            on = seen(known, run_id, lambda run: run["simulated_minutes"] > far, "it goes on though another came")
            assert on["starts"] == 1
            first.send_signal(signal.SIGKILL)
            again = seen(known, run_id, lambda run: run["starts"] == 2, "it is started anew")
            assert again["state"] == "running"
            until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 10, "the child is gone")
            send(broker, stop(run_id))
            assert seen(known, waits, lambda run: run["state"] in OVER, "the next is over")["state"] == "ended"
            assert known.lab_runs[run_id]["state"] == "stopped"
    until(lambda: kafka.members(broker, kafka.LAB_GROUP) == 0, 30, "nobody is there")


def test_a_lab_that_is_told_to_end_gives_its_run_back(broker: Settings, known: Registry) -> None:
    run_id = new_id()
    with lab_process(own(broker)):
        send(broker, start(run_id, **LONG))
        seen(known, run_id, lambda run: run["simulated_minutes"] > 0, "it gets on")
    given_back = seen(known, run_id, lambda run: run["state"] == "waiting", "it waits")
    assert (given_back["starts"], given_back["simulated_minutes"]) == (0, 0.0)
    with lab_process(own(broker)):
        assert seen(known, run_id, lambda run: run["state"] == "running", "it runs")["starts"] == 1
        send(broker, stop(run_id))
        seen(known, run_id, lambda run: run["state"] == "stopped", "it is stopped")


def test_what_cannot_be_run_says_why(broker: Settings, known: Registry) -> None:
    asked = {
        new_id(): ({"scenario": "mine", "text": YAML + "speed: 2\n"}, "mine:6: unknown key `speed`"),
        new_id(): ({"scenario": "storm"}, "There is no scenario 'storm'; there are burst, chaos"),
        new_id(): ({"agents": 10**7}, "A fleet has 20 to 10,000 instances"),
        new_id(): ({"balancer": "dice"}, "There is no balancer 'dice'; there are round_robin"),
        new_id(): (LONG, "It took more than 4 seconds of the processor"),
        new_id(): ({"scenario": "mine", "text": YAML}, ""),
    }
    with lab_process(own(broker, lab_cpu_s=4.0)):
        send(broker, *(start(run_id, **what) for run_id, (what, _) in asked.items()))
        for run_id, (what, said) in asked.items():
            over = seen(known, run_id, lambda run: run["state"] in OVER, f"{what} is over")
            assert over["state"] == ("failed" if said else "ended")
            assert over["reason"].startswith(said)


def test_the_command_line_runs_shows_and_stops(broker: Settings, known: Registry, tmp_path: Path) -> None:
    def call(*words: str) -> Result:
        return CliRunner().invoke(headway, ["lab", *words], env=as_env(broker))

    mine = tmp_path / "mine.yaml"
    mine.write_text(YAML, encoding="utf-8")
    with lab_process(own(broker)):
        until(lambda: kafka.members(broker, kafka.LAB_GROUP) == 1, 30, "somebody is there")
        until(lambda: len(known.lab_scenarios) == 5, 30, "the scenarios are known")
        done = call("run", str(mine), "--agents", "40", "--no-scaling", "--wait")
        assert done.exit_code == 0, done.output
        assert "All 1 targets hold." in done.output and "40 instances" in done.output
        missed = call("run", "stress", "--minutes", "1", "--wait", "--json")
        found = json.loads(missed.stdout)
        assert (missed.exit_code, found["state"]) == (1, "ended")
        assert not all(target["holds"] for target in found["report"]["targets"])
        long = call("run", "soak")
        run_id = long.stdout.strip()
        assert (long.exit_code, known.lab_runs[run_id]["asked"]["agents"]) == (0, 200)
        seen(known, run_id, lambda run: run["state"] == "running", "it runs")
        assert "running" in call().output
        assert f"{run_id} is stopped." in call("stop", run_id[:8]).output
        assert "is over: stopped" in call("stop", run_id).output
        bad = call("run", "storm")
        assert (bad.exit_code, "There is no scenario storm; there are burst" in bad.output) == (2, True)
        mine.write_text(YAML + "speed: 2\n", encoding="utf-8")
        assert "mine:6: unknown key `speed`" in call("run", str(mine)).output
    shown = call("show", run_id)
    assert "soak in the lab" in shown.output and "Stopped by" in shown.output
    assert json.loads(call("show", run_id, "--json").stdout)["state"] == "stopped"
    until(lambda: kafka.members(broker, kafka.LAB_GROUP) == 0, 30, "nobody is there")
    refused = call("run", "burst")
    assert (refused.exit_code, NOBODY in refused.output) == (1, True)
    assert NOBODY in call("list").output
