"""The local stack on real processes. The services are stand-ins, for here only the supervisor is on trial."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis

from infra import kafka, stack
from infra.settings import Settings, as_env
from infra.stack.part import kafka_answers
from tests.support.running import STAND_IN, running_line, settings_in, start_line
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

NAMES = ["kafka", "redis", "router-0", "dispatcher-0", "executor-0", "gateway-0", "gateway-1"]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = settings_in(tmp_path_factory.mktemp("stack"), watchdog_s=3.0, gateways=2)
    with running_line(settings, STAND_IN) as running:
        yield running


def row(settings: Settings, name: str) -> dict[str, Any]:
    return next(row for row in stack.status(settings)["processes"] if row["name"] == name)


def kill_and_await_restart(settings: Settings, name: str, number: int = signal.SIGKILL) -> float:
    """Seconds from the signal to the next process's first answer."""
    before = row(settings, name)
    began = time.monotonic()
    os.kill(before["pid"], number)

    def restarted() -> bool:
        now = row(settings, name)
        return bool(now["restarts"] > before["restarts"] and now["pid"] != before["pid"] and now["state"] == "ready")

    until(restarted, 20, f"restart of {name}")
    return time.monotonic() - began


def write(settings: Settings, value: str) -> None:
    producer = kafka.producer(settings)
    producer.produce("tasks.progress", key="stack", value=value)
    assert producer.flush(20) == 0


def values(settings: Settings) -> list[str]:
    return [(message.value() or b"").decode() for message in kafka.read_all(settings, "tasks.progress")]


def test_status_lists_every_process(up: Settings) -> None:
    status = stack.status(up)
    assert status["state"] == "ready"
    assert [process["name"] for process in status["processes"]] == NAMES
    for process in status["processes"]:
        assert process["state"] == "ready"
        assert process["rss_mb"] > 1
        assert psutil.pid_exists(process["pid"])


@pytest.mark.parametrize("detach", [True, False])
def test_second_up_is_refused_and_names_the_first(up: Settings, detach: bool) -> None:
    with pytest.raises(stack.AlreadyRunning, match=rf"pid {stack.status(up)['pid']}\b"):
        stack.up(up, detach=detach)


@pytest.mark.parametrize("name", ["router-0", "gateway-1"])
def test_killed_service_is_back_at_once(up: Settings, name: str) -> None:
    assert kill_and_await_restart(up, name) < 3


def test_killed_redis_is_back_with_its_data(up: Settings) -> None:
    redis.Redis.from_url(up.redis).set("before", "kill")
    time_s = kill_and_await_restart(up, "redis")
    assert time_s < 3
    assert redis.Redis.from_url(up.redis).get("before") == b"kill"


def test_killed_broker_is_back_within_seconds_with_its_data(up: Settings) -> None:
    write(up, "before the broker was killed")
    assert kill_and_await_restart(up, "kafka") < 20  # about 7 s when nothing else runs
    assert "before the broker was killed" in values(up)
    write(up, "after the broker was killed")


@pytest.mark.parametrize("name", ["dispatcher-0", "gateway-0"])
def test_hung_service_is_killed_and_restarted(up: Settings, name: str) -> None:
    kill_and_await_restart(up, name, signal.SIGSTOP)
    assert f"{name} gave no sign of life" in (up.state / "log" / "stack.log").read_text()


def test_log_file_holds_what_a_process_said(up: Settings) -> None:
    assert "executor 0 starts" in (up.state / "log" / "executor-0.log").read_text()


def test_killed_supervisor_leaves_nothing_and_the_next_goes_on_with_the_data(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    first = start_line(settings, STAND_IN)
    write(settings, "kept")
    redis.Redis.from_url(settings.redis).set("kept", "yes")
    assert "kept" in values(settings)
    # Both hand what they acknowledged to the kernel first, so that it outlives the process.
    pids = [process["pid"] for process in stack.status(settings)["processes"]]
    first.kill()
    first.wait()
    until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 5, "all children gone")
    assert stack.status(settings)["state"] == "stopped"

    with running_line(settings, STAND_IN):
        assert "kept" in values(settings)
        assert redis.Redis.from_url(settings.redis).get("kept") == b"yes"
        pids = [process["pid"] for process in stack.status(settings)["processes"]]
        assert stack.down(settings)
        assert not any(psutil.pid_exists(pid) for pid in pids)
        assert not stack.down(settings)


def test_foreground_shows_named_lines_and_stops_in_order(broker: Settings, tmp_path: Path) -> None:
    settings = replace(settings_in(tmp_path), kafka_bootstrap=broker.bootstrap)
    call = "from infra.settings import load_settings; from infra import stack; stack.up(load_settings())"
    process = subprocess.Popen(
        [sys.executable, "-c", call],
        env={**os.environ, **as_env(settings)},
        cwd=STAND_IN,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    shown = []
    for line in process.stdout:
        shown.append(line)
        if "processes are ready" in line:
            process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    text = "".join(shown)
    assert "router-0     | router 0 starts\n" in text
    assert "executor-0   | executor 0 stops\n" in text
    assert "kafka" not in text
    assert stack.status(settings)["state"] == "stopped"


def test_taken_port_is_named_with_its_setting(broker: Settings, tmp_path: Path) -> None:
    settings = replace(settings_in(tmp_path), kafka_bootstrap=broker.bootstrap)
    refusal = rf"port {settings.redis_port} .*HEADWAY_REDIS_PORT"
    with socket.create_server(("127.0.0.1", settings.redis_port)), pytest.raises(stack.StackError, match=refusal):
        stack.up(settings, detach=True)
    assert stack.status(settings)["state"] == "stopped"


def test_service_that_cannot_start_is_told_with_its_last_lines(
    broker: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "streams").mkdir()
    (tmp_path / "streams" / "__main__.py").write_text("raise SystemExit('no such luck')")
    (tmp_path / "streams" / "__init__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    settings = replace(settings_in(tmp_path), kafka_bootstrap=broker.bootstrap)
    with pytest.raises(stack.StackError, match=r"(?s)-0 ended with code 1 3 times .*no such luck"):
        stack.up(settings, detach=True)
    assert stack.status(settings)["state"] == "stopped"


def test_mistake_in_an_agent_file_is_told_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "my-agent.md").write_text("no front matter")
    with pytest.raises(stack.StackError, match=r"my-agent\.md:1"):
        stack.up(settings_in(tmp_path / "state", agents_dir=str(tmp_path)), detach=True)


def test_unreachable_outside_kafka_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka, "ANSWER_S", 1.0)
    settings = settings_in(tmp_path)
    settings = replace(settings, kafka_bootstrap=f"127.0.0.1:{settings.kafka_port}")
    assert not kafka_answers(settings.kafka_port)
    with pytest.raises(kafka.KafkaUnreachable, match=settings.bootstrap):
        kafka.ensure_topics(settings)
