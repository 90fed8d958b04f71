"""A task's whole life on the real broker: router, dispatcher and executor host as processes."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from urllib.request import urlopen

import psutil
import pytest

from infra import kafka, stack
from infra.metrics import port_offset
from infra.settings import Settings
from schemas.codec import decode_as
from tests.support.running import running_line, running_service, settings_in
from tests.support.tasks import Submitter
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def slow_line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A line whose agents take about two seconds and never fail, so that tests can step in while they work."""
    settings = settings_in(tmp_path_factory.mktemp("slow"), sim_speed=3.0, sim_failure_rate=0.0)
    with running_line(settings) as running:
        yield running


@pytest.fixture
def tasks(slow_line: Settings) -> Iterator[Submitter]:
    submitter = Submitter(slow_line)
    yield submitter
    submitter.close()


def pid_of(settings: Settings, name: str) -> int:
    def find() -> int:
        rows = {row["name"]: row for row in stack.status(settings)["processes"]}
        return rows[name]["pid"] or 0

    return until(find, 20, f"{name} has a pid")


def outcomes_of(settings: Settings, prefix: str) -> Counter[str]:
    events = (decode_as("TaskOutcome", m.value()) for m in kafka.read_all(settings, "tasks.outcomes"))
    return Counter(e["task_id"] for e in events if e["task_id"].startswith(prefix))


def test_a_task_ends_in_one_completed_outcome_that_tells_its_story(tasks):
    task_id = tasks.submit("plain", text="Say hello in one short line", tenant_id="acme", priority=3)
    outcome = tasks.outcome(task_id)
    assert outcome["status"] == "completed" and outcome["tenant_id"] == "acme" and outcome["priority"] == 3
    assert outcome["submitted_at"] <= outcome["started_at"] <= outcome["finished_at"]
    assert outcome["attempts"] == 1 and outcome["quality"] > 0.5 and outcome["output"]
    assert 0 < outcome["decided"]["propensity"] <= 1 and outcome["decided"]["complexity"] >= 0
    [judged] = until(lambda: tasks.of("evaluations", task_id), 5)
    assert judged["verdict"] == "accept"


def test_the_same_id_handed_in_twice_runs_once(tasks):
    task_id = tasks.submit("twice")
    tasks.submit("twice")
    tasks.outcome(task_id)
    tasks.submit("twice")
    tasks.outcome(tasks.submit("after"))
    assert len([a for a in tasks.of("tasks.assigned", task_id) if a["kind"] == "run"]) == 1
    assert outcomes_of(tasks.settings, task_id) == {task_id: 1}


def test_the_same_id_for_another_agent_is_still_the_same_task(tasks):
    """The agents' pools lie in different partitions, which know nothing of each other."""
    task_id = tasks.submit("fickle", agent_id="code-writer")
    for agent_id in ("doc-writer", "researcher", "generalist"):
        tasks.submit("fickle", agent_id=agent_id)
    tasks.outcome(task_id)
    tasks.outcome(tasks.submit("after-fickle"))
    assert outcomes_of(tasks.settings, task_id) == {task_id: 1}


def test_messages_at_the_size_limit_do_not_stop_the_line(tasks):
    big = tasks.outcome(tasks.submit("big", items=["x" * 60_000] * 14))
    assert big["status"] == "failed" and "split it" in big["error"]
    tasks.producer.produce("tasks.submitted", b"\x09" + b"x" * 999_000, tasks.prefix)
    tasks.producer.flush(5)
    assert tasks.outcome(tasks.submit("after-big"))["status"] == "completed"


def test_a_task_of_items_is_joined(tasks):
    task_id = tasks.submit("many", text="Greet politely", items=["Ann", "Bob", "Cleo"])
    outcome = tasks.outcome(task_id)
    assert outcome["status"] == "completed" and [i["status"] for i in outcome["items"]] == ["completed"] * 3
    assert all(name in outcome["output"] for name in ("Ann", "Bob", "Cleo"))


def test_an_expired_task_never_starts(tasks):
    task_id = tasks.submit("late", deadline_at=time.time_ns() // 1000 - 1)
    assert tasks.outcome(task_id)["status"] == "expired"
    assert tasks.of("tasks.progress", task_id) == []


def test_nonsense_gets_a_clear_refusal(tasks):
    outcome = tasks.outcome(tasks.submit("nobody", agent_id="code-riter"))
    assert outcome["status"] == "failed" and "code-writer" in outcome["error"]
    assert "priority" in tasks.outcome(tasks.submit("high", priority=99))["error"]


def test_a_message_that_makes_no_sense_is_set_aside_and_the_next_one_runs(tasks):
    tasks.producer.produce("tasks.submitted", b"\x00not avro at all", tasks.prefix)
    tasks.producer.flush(5)
    assert tasks.outcome(tasks.submit("next"))["status"] == "completed"
    letter = until(lambda: [d for d in tasks.of("dead.letters") if d["payload"] == b"\x00not avro at all"], 10)[0]
    assert letter["topic"] == "tasks.submitted" and letter["offset"] >= 0 and "schema id" in letter["reason"]


def test_a_cancel_reaches_a_running_agent_in_under_a_second(tasks):
    def cancelled_after_s(number: int) -> float:
        task_id = tasks.submit(f"stop-{number}", text="Write a function that parses csv", skill="test_run")
        tasks.started(task_id)
        asked = time.monotonic()
        tasks.cancel(task_id)
        until(lambda: [r for r in tasks.of("tasks.results", task_id) if r["kind"] == "cancelled"], 5)
        took_s = time.monotonic() - asked
        assert tasks.outcome(task_id)["status"] == "cancelled"
        return took_s

    # The machine may be busy with something else once; not three times.
    assert min(map(cancelled_after_s, range(3))) < 1.0


def test_what_the_line_does_stands_in_its_metrics(slow_line, tasks):
    def told(service: str, *names: str) -> bool:
        with urlopen(f"http://127.0.0.1:{slow_line.metrics_port + port_offset(service, 0)}/metrics") as answer:
            text = answer.read().decode()
        return all(f"\nheadway_{name}" in text for name in names)

    assert tasks.outcome(tasks.submit("counted", agent_id="doc-writer"))["status"] == "completed"
    lag = 'lag_records{partition="0",topic='
    until(lambda: told("router", 'decisions_total{agent_id="doc-writer"}', "unroutable_total", lag), 20)
    done = 'outcomes_total{agent_id="doc-writer",status="completed"}'
    judged = 'quality_bucket{agent_id="doc-writer"'
    written = 'events_written_total{topic="tasks.outcomes"}'
    until(lambda: told("dispatcher", done, judged, written, 'slots{pool="doc-writer"}', lag), 20)


@pytest.mark.parametrize("victim", ["router-0", "dispatcher-0", "executor-0"])
def test_a_service_killed_under_load_loses_and_doubles_nothing(slow_line, tasks, victim):
    ids = [tasks.submit(f"{victim}-{i}", text=f"Say hello {i}", tenant_id=f"t{i % 3}") for i in range(40)]
    tasks.started(ids[0])
    os.kill(pid_of(slow_line, victim), signal.SIGKILL)
    ids += [tasks.submit(f"{victim}-late-{i}", text=f"Say goodbye {i}") for i in range(20)]
    for task_id in ids:
        assert tasks.outcome(task_id, 60)["status"] == "completed"
    assert outcomes_of(slow_line, tasks.prefix) == dict.fromkeys(ids, 1)


def test_a_dispatcher_that_slept_through_its_replacement_writes_nothing(slow_line, tasks):
    """The zombie: stopped longer than its session, another worker takes its partitions, then it wakes up."""
    ids = [tasks.submit(f"zombie-{i}", text=f"Say hello {i}") for i in range(30)]
    tasks.started(ids[0])
    sleeper = psutil.Process(pid_of(slow_line, "dispatcher-0"))
    sleeper.suspend()
    try:
        with running_service(slow_line, "dispatcher", 1):
            for task_id in ids:
                tasks.outcome(task_id, 60)
            sleeper.resume()
            more = [tasks.submit(f"awake-{i}", text=f"Say goodbye {i}") for i in range(20)]
            for task_id in more:
                tasks.outcome(task_id, 60)
    finally:
        if sleeper.is_running():
            sleeper.resume()
    last = tasks.submit("last")
    assert tasks.outcome(last, 60)["status"] == "completed"
    assert outcomes_of(slow_line, tasks.prefix) == dict.fromkeys([*ids, *more, last], 1)
