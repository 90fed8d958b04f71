"""The record in the state folder: one supervisor at a time, leftovers ended, strangers left alone."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra import stack
from infra.settings import Settings
from infra.stack import record

COMMAND = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=str(tmp_path))


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(COMMAND)
    yield process
    process.kill()
    process.wait()


def row(process: "subprocess.Popen[bytes]", **over: Any) -> dict[str, Any]:
    created = psutil.Process(process.pid).create_time()
    values = {"name": "router-0", "pid": process.pid, "created": created, "command": COMMAND}
    return values | {"state": "ready", "restarts": 0} | over


def test_leftover_is_ended(settings: Settings, process: "subprocess.Popen[bytes]") -> None:
    record.write(settings, "ready", [row(process)])
    assert record.kill_leftovers(settings) == ["router-0"]
    assert process.wait(5) is not None


@pytest.mark.parametrize("over", [{"created": 1.0}, {"command": ["kafka"]}, {"pid": None}])
def test_process_with_a_recycled_pid_is_left_alone(
    settings: Settings, process: "subprocess.Popen[bytes]", over: dict[str, Any]
) -> None:
    record.write(settings, "ready", [row(process, **over)])
    assert record.kill_leftovers(settings) == []
    assert process.poll() is None


def test_lock_has_one_holder(settings: Settings) -> None:
    first = record.lock(settings)
    assert first is not None
    assert record.lock(settings) is None
    first.close()
    second = record.lock(settings)
    assert second is not None
    second.close()


def test_damaged_record_is_no_record(settings: Settings) -> None:
    record.path(settings).write_text("{")
    assert record.read(settings) is None
    assert record.kill_leftovers(settings) == []
    assert stack.status(settings)["state"] == "stopped"


def test_a_line_with_a_process_that_starts_again_is_not_ready(settings: Settings) -> None:
    row = {"name": "kafka", "pid": None, "created": 0.0, "command": [], "restarts": 1}
    for state, of_line in (("ready", "ready"), ("starting", "recovering"), ("restarting", "recovering")):
        record.write(settings, "ready", [row | {"state": state}])
        assert stack.status(settings)["state"] == of_line
    record.write(settings, "stopping", [row | {"state": "stopped"}])
    assert stack.status(settings)["state"] == "stopping"


def test_nothing_runs_and_nothing_is_stopped_in_an_empty_folder(settings: Settings) -> None:
    status = stack.status(settings)
    assert {process["state"] for process in status["processes"]} == {"stopped"}
    assert [process["name"] for process in status["processes"]] == [
        "kafka",
        "redis",
        "warehouse",
        "router-0",
        "dispatcher-0",
        "executor-0",
        "sink-0",
        "judge-0",
        "gateway-0",
        "joiner-0",
        "scorer-0",
        "monitor-0",
        "lab-0",
    ]
    assert not stack.down(settings)
