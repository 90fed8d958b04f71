"""Executor hosts follow what is asked of the fleet, on a real broker, and drop nothing on the way."""

import dataclasses
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.proof import verify
from infra import fleet, kafka
from infra.settings import Settings
from processors.placing import names
from schemas.codec import decode, encode
from tests.support.agents import agent
from tests.support.executor import Dispatch, host_settings, hosts_at_work, running_host
from tests.support.running import running_service
from tests.support.tasks import Submitter
from tests.support.waiting import until
from tests.support.world import decision, heartbeat, submission

pytestmark = pytest.mark.e2e

LONG = {"skill": "code_generation"}
"""A simulated task that takes about half a second here."""


@pytest.fixture
def settings(broker: Settings, tmp_path: Path) -> Settings:
    return host_settings(broker, tmp_path)


@pytest.fixture
def dispatch(settings: Settings) -> Iterator[Dispatch]:
    playing = Dispatch(settings)
    yield playing
    playing.close()


def strays(dispatch: Dispatch, agent_id: str, host_id: str) -> list[str]:
    of_host = [beat for beat in dispatch.heartbeats(agent_id) if beat["host_id"] == host_id]
    return [run["task_id"] for stray in of_host[-1]["strays"] for run in stray["running"]]


def here(dispatch: Dispatch, agent_id: str, host_id: str) -> list[str]:
    dispatch.hear()
    of_host = [beat for beat in dispatch.heartbeats(agent_id) if beat["host_id"] == host_id]
    return [one["instance_id"] for one in of_host[-1]["instances"]] if of_host else []


def test_as_many_instances_are_there_as_are_asked_for_and_those_that_go_finish(
    settings: Settings, dispatch: Dispatch
) -> None:
    dispatch.agent("sized", instances=3)
    with running_host(dataclasses.replace(settings, sim_speed=10.0)):
        dispatch.await_instances("sized", 3)
        fleet.scale(settings, "sized", lambda *_: {"": 6}, by="ana")
        until(lambda: here(dispatch, "sized", "host-0") == names("sized", "", 6), what="six instances")
        dispatch.run("sized-1", "sized", instance=5, **LONG)
        dispatch.await_started("sized-1")
        fleet.scale(settings, "sized", lambda *_: {"": 2}, by="ana")
        until(lambda: here(dispatch, "sized", "host-0") == names("sized", "", 2), what="two instances")
        assert strays(dispatch, "sized", "host-0") == ["sized-1"]
        assert dispatch.await_result("sized-1")["kind"] == "completed"
        fleet.scale(settings, "sized", lambda *_: {"": 0}, by="ana")
        until(lambda: here(dispatch, "sized", "host-0") == [], what="no instance")


def test_a_drained_host_gives_its_instances_away_and_finishes_what_it_has(
    settings: Settings, dispatch: Dispatch
) -> None:
    dispatch.agent("moved", instances=8)
    slow = dataclasses.replace(settings, sim_speed=8.0)
    with running_host(slow, 0), running_host(slow, 1):
        until(lambda: dispatch.hear() or hosts_at_work(dispatch, "moved", 8) == 2, 30, "both hosts at work")
        numbers = [int(name.rpartition("-")[2]) for name in here(dispatch, "moved", "host-1")]
        ids = [f"moved-{n}" for n in numbers]
        for task_id, number in zip(ids, numbers, strict=True):
            dispatch.run(task_id, "moved", instance=number, **LONG)
        dispatch.await_started(*ids)
        fleet.set_host(settings, "host-1", "drained", by="ana", reason="a kernel")
        until(lambda: len(here(dispatch, "moved", "host-0")) == 8, what="all instances with the other")
        ends = [dispatch.await_result(task_id) for task_id in ids]
        assert [(end["kind"], end["host_id"]) for end in ends] == [("completed", "host-1")] * len(ids)
        until(lambda: here(dispatch, "moved", "host-1") == [], what="nothing left")
        fleet.set_host(settings, "host-1", "open", by="ana")
        until(lambda: dispatch.hear() or hosts_at_work(dispatch, "moved", 8) == 2, 30, "both hosts at work again")
    assert [r["kind"] for r in dispatch.heard["tasks.results"] if r["task_id"] in ids] == ["completed"] * len(ids)


def test_a_cordoned_host_says_so_and_keeps_what_it_has(settings: Settings, dispatch: Dispatch) -> None:
    dispatch.agent("idle", instances=2)
    with running_host(settings):
        dispatch.await_instances("idle", 2)
        for state, draining in (("cordoned", True), ("open", False)):
            fleet.set_host(settings, "host-0", state, by="ana")  # type: ignore[arg-type]
            until(lambda d=draining: dispatch.hear() or dispatch.heartbeats("idle")[-1]["draining"] is d, what=state)  # type: ignore[misc]
            assert here(dispatch, "idle", "host-0") == names("idle", "", 2)


def test_instances_are_in_their_zones_and_stay_there_when_a_host_dies(settings: Settings, dispatch: Dispatch) -> None:
    zoned = dataclasses.replace(settings, zones=("a", "b"))
    dispatch.agent("zoned", instances=2)
    fleet.scale(zoned, "zoned", lambda *_: {"a": 1, "b": 2}, by="ana")
    with running_host(zoned, 0) as first, running_host(zoned, 1):
        until(lambda: here(dispatch, "zoned", "host-0") == names("zoned", "a", 1), 30, "zone a")
        until(lambda: here(dispatch, "zoned", "host-1") == names("zoned", "b", 2), 30, "zone b")
        first.kill()
        for zone, at in (("a", 0), ("b", 0)):
            dispatch.run(f"in-{zone}", "zoned", instance_id=names("zoned", zone, 1)[at])
        assert dispatch.await_result("in-b")["host_id"] == "host-1"
        assert here(dispatch, "zoned", "host-1") == names("zoned", "b", 2)
        with running_host(zoned, 0):  # back, it takes up what waited in its zone
            assert dispatch.await_result("in-a")["host_id"] == "host-0"


def told(settings: Settings, topic: str, event: str) -> list[dict[str, Any]]:
    read = (decode(message.value()) for message in kafka.read_all(settings, topic) if message.value())
    return [fields for name, fields in read if name == event]


@contextmanager
def beating(settings: Settings, agent_id: str) -> Iterator[None]:
    """An instance of an outside agent that takes work and never does it."""
    producer, over = kafka.producer(settings), threading.Event()

    def beat() -> None:
        while not over.wait(0.2):
            event = heartbeat(time.time_ns() // 1000, pool=agent_id, instances=1, host_id="outside")
            producer.produce("agents.heartbeats", encode("AgentHeartbeat", event), agent_id)
            producer.flush(5)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def introduce(settings: Settings, agent_id: str, **over: Any) -> None:
    producer = kafka.producer(settings)
    value = encode("AgentDefinition", agent(agent_id, f"{agent_id}_work", runner="external", **over))
    producer.produce("agents.registry", value, agent_id)
    producer.flush(5)


def test_a_host_that_beats_and_reads_nothing_is_found_by_probes_and_gets_no_work_until_it_answers(
    settings: Settings, dispatch: Dispatch, tmp_path: Path
) -> None:
    zoned = dataclasses.replace(settings, zones=("a", "b"), heartbeat_s=0.2, probe_s=3.0)
    (zoned.state / "log").mkdir()
    stuck, ill = tmp_path / "stuck", names("asked", "b", 2)
    count = iter(range(1_000))
    dispatch.agent("asked", instances=6)
    fleet.scale(zoned, "asked", lambda *_: {"a": 4, "b": 2}, by="ana")

    def steps(subject: str) -> list[str]:
        return [event["what"] for event in told(zoned, "fleet.events", "FleetEvent") if event["subject"] == subject]

    def given_to() -> str:
        """A task, done: the instance that did it; on a busy machine it may have been another's before."""
        task_id = f"asked-{next(count)}"
        dispatch.send("routing.decisions", "asked", "RoutingDecision", decision(submission(task_id), "asked"))
        return str(dispatch.await_result(task_id, "completed")["instance_id"])

    with running_host(zoned, 0), running_host(zoned, 1, stuck), running_service(zoned, "dispatcher", 0):
        dispatch.await_instances("asked", 6)
        until(lambda: {given_to() for _ in range(6)} & set(ill), 30, "work in zone b")
        stuck.touch()
        for name in ill:
            until(lambda one=name: "ejected" in steps(one), 60, "the host is found")  # type: ignore[misc]
            assert steps(name)[-4:] == ["ping", "ping", "ping", "ejected"]
        dispatch.await_instances("asked", 6)  # it beats all the time
        assert not {given_to() for _ in range(12)} & set(ill)
        stuck.unlink()
        for name in ill:
            until(lambda one=name: steps(one)[-3:] == ["verified", "verified", "well"], 30, "it is well")  # type: ignore[misc]
        until(lambda: {given_to() for _ in range(6)} & set(ill), 30, "work in zone b again")


def test_tasks_of_high_priority_of_an_agent_that_dies_are_done_by_the_primary(line: Settings) -> None:
    tasks, names_of = Submitter(line), iter(range(1_000))
    introduce(line, "fading")
    with beating(line, "fading"):

        def known() -> bool:
            """To the router, which refuses tasks for an agent it does not know."""
            probe = tasks.submit(f"probe-{next(names_of)}", agent_id="fading", priority=10)
            ended_or_given = [("tasks.outcomes", probe), ("tasks.assigned", probe)]
            until(lambda: any(tasks.of(*place) for place in ended_or_given), 10, "the probe is routed")
            tasks.cancel(probe)
            return bool(tasks.of("tasks.assigned", probe))

        until(known, 20, "the router knows the agent")
        urgent = [tasks.submit(f"urgent-{p}", skill="fading_work", priority=p) for p in (1, 2)]
        patient = tasks.submit("patient", skill="fading_work", priority=3)
        asked = tasks.submit("asked", agent_id="fading", priority=1)
        for task_id in urgent:
            until(lambda one=task_id: tasks.of("tasks.assigned", one), 10, "given to the agent")
    for task_id in urgent:
        outcome = tasks.outcome(task_id)
        assert (outcome["status"], outcome["agent_id"]) == ("completed", "generalist")
        runs = [run for run in tasks.of("tasks.assigned", task_id) if run["kind"] == "run"]
        assert [run["attempt"] for run in runs] == list(range(1, outcome["attempts"] + 1))
        assert runs[0]["agent_id"] == "fading" and runs[-1]["agent_id"] == "generalist"
    moved = [move for move in told(line, "task.commands", "TaskMoved") if move["from_pool"] == "fading"]
    assert sorted(move["task_id"] for move in moved) == urgent and "no instance of fading" in moved[0]["reason"]
    assert tasks.of("tasks.outcomes", patient) == [] == tasks.of("tasks.outcomes", asked)
    tasks.cancel(patient)
    tasks.cancel(asked)
    assert {tasks.outcome(one)["status"] for one in (patient, asked)} == {"cancelled"}
    with beating(line, "fading"):

        def steps() -> list[str]:
            events = told(line, "fleet.events", "FleetEvent")
            return list(dict.fromkeys(event["what"] for event in events if event["subject"] == "fading"))

        until(lambda: steps() == ["silent", "redistributed", "well"], 10, "the recovery is told")
    assert verify(line).holds
    introduce(line, "fading", removed=True)
    tasks.close()
