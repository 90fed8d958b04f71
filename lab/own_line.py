"""A line of the lab's own: its state folder, its ports, its processes; and the command line as an outsider uses it."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra import stack
from infra.settings import Settings, as_env
from lab.ports import free_ports

PORTS = 60
"""For the broker, its controller, Redis, and the metrics of up to five processes of each service."""


class OwnLine:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def up(self) -> None:
        """Starts the line, or starts it again after its supervisor was killed; returns when all is ready."""
        stack.up(self.settings, detach=True)

    def down(self) -> None:
        stack.down(self.settings)

    def processes(self) -> list[dict[str, Any]]:
        """Rows of `headway status`; the supervisor itself comes first."""
        found = stack.status(self.settings)
        return [{"name": "supervisor", "pid": found["pid"], "state": found["state"]}, *found["processes"]]

    def pid(self, name: str) -> int | None:
        return next((row["pid"] for row in self.processes() if row["name"] == name), None)

    def signal(self, name: str, number: int) -> int | None:
        """Sends a signal to one process; its pid, or None when it does not run at this moment."""
        pid = self.pid(name)
        if pid is not None:
            os.kill(pid, number)
        return pid

    def headway(self, *words: str, timeout_s: float = 180.0) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "gateway.cli", *words],
            env={**os.environ, **as_env(self.settings)},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )

    def verify(self, wait: str = "30s") -> dict[str, Any]:
        """The verdict of `headway verify` with its exit code as `exit_code`."""
        done = self.headway("verify", "--wait", wait, "--json")
        try:
            return {**json.loads(done.stdout), "exit_code": done.returncode}
        except json.JSONDecodeError:
            raise RuntimeError(f"headway verify gave no verdict: {done.stderr.strip()}") from None


def own_settings(state: Path, **over: Any) -> Settings:
    """Settings of a line in `state` on free ports."""
    port = free_ports(PORTS)
    values: dict[str, Any] = {
        "state_dir": str(state.absolute()),
        "kafka_port": port,
        "kafka_controller_port": port + 1,
        "redis_port": port + 2,
        "clickhouse_port": port + 3,
        "metrics_port": port + 6,
        "gateway_port": port + 4,
        "sinks": 0,  # what is measured is the line; the warehouse has measurements of its own
        "gateways": 0,  # and so has the gateway
        "joiners": 0,  # and the joiner
        "scorers": 0,  # which makes what this one learns from
        "monitors": 0,  # what goes wrong here is meant
        "labs": 0,
        "drain_s": 5.0,
    }
    return Settings(**values | over)


@contextmanager
def running(settings: Settings) -> Iterator[OwnLine]:
    """A fresh line without any data of an earlier run; it is taken down at the end, whatever happens."""
    with alone(settings.state):
        yield from _running(settings)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Two runs in one folder would take each other's line down, and spoil each other's figures."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"another run uses {folder}: wait for its end, or stop it")
        yield


def _running(settings: Settings) -> Iterator[OwnLine]:
    stack.down(settings)  # one that an interrupted run left behind
    shutil.rmtree(settings.state, ignore_errors=True)
    line = OwnLine(settings)
    previous = signal.signal(signal.SIGTERM, _leave)
    try:
        line.up()
        yield line
    finally:
        line.down()
        signal.signal(signal.SIGTERM, previous)


def _leave(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def until(condition: Any, timeout_s: float, every_s: float = 0.05) -> bool:
    """Waits for a condition; whether it came true within the time."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(every_s)
    return True
