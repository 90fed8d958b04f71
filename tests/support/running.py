"""Brokers and whole lines for tests, on free ports, in a folder of their own; they die with the test run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra import stack
from infra.settings import Settings, as_env
from infra.stack import broker
from infra.stack.child import READY, SHIM, Child
from infra.stack.output import Output
from infra.stack.part import Part
from lab.ports import free_ports
from tests.support.waiting import until

STAND_IN = Path(__file__).parent / "stand_in"  # a folder whose `streams` package only answers on its metrics port
PORTS = 40


def settings_in(folder: Path, **over: Any) -> Settings:
    """Settings with all ports free, made for tests: quick simulated agents, quick retries, small heap."""
    port = free_ports(PORTS)
    values: dict[str, Any] = {
        "state_dir": str(folder),
        "kafka_port": port,
        "kafka_controller_port": port + 1,
        "redis_port": port + 2,
        "metrics_port": port + 6,
        "gateway_port": port + 4,
        "clickhouse_port": port + 3,
        "sinks": 0,  # who needs the warehouse asks for it, or for a gateway
        "gateways": 0,
        "joiners": 0,
        "scorers": 0,
        "monitors": 0,
        "labs": 0,
        "kafka_heap_mb": 256,
        "sim_speed": 2000.0,
        "retry_base_s": 0.1,
        "retry_cap_s": 1.0,
        "heartbeat_s": 0.5,
        "lease_s": 3.0,
        "primary_after_s": 4.0,
        "drain_s": 5.0,
    }
    return Settings(**values | over)


@contextmanager
def running_part(part: Part, log: Path) -> Iterator[Child]:
    """One process of the stack, alone."""
    child = Child(part, Output(part.name, 0, 0, log, None), print, 60.0)
    child.start()
    try:
        until(lambda: child.state == READY or child.reap() is not None, 60, f"{part.name} ready")
        assert child.state == READY, child.failure(f"{part.name} ended")
        yield child
    finally:
        child.signal(9)
        until(lambda: child.reap() is not None, 10, f"{part.name} gone")
        child.output.close()


@contextmanager
def running_broker(settings: Settings) -> Iterator[Child]:
    with running_part(broker.prepare(settings), Path(settings.state_dir) / "log") as child:
        yield child


def start_line(settings: Settings, folder: Path | None = None) -> "subprocess.Popen[bytes]":
    """A supervisor as `up` runs it, ready. Its services are those of `folder`, else the real ones."""
    log = settings.state / "log" / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", SHIM, str(os.getpid()), sys.executable, "-m", "infra.stack"],
            env={**os.environ, **as_env(settings)},
            cwd=folder,
            stdout=said,
            stderr=said,
        )
    until(lambda: process.poll() is not None or stack.status(settings)["state"] == "ready", 90, "line ready")
    assert process.returncode is None, log.read_text()
    return process


@contextmanager
def running_line(settings: Settings, folder: Path | None = None) -> Iterator[Settings]:
    process = start_line(settings, folder)
    try:
        yield settings
    finally:
        stack.down(settings)
        process.wait(10)


@contextmanager
def running_service(settings: Settings, service: str, index: int) -> Iterator["subprocess.Popen[bytes]"]:
    """One more process of a service, outside the supervisor."""
    with (settings.state / "log" / f"{service}-{index}.txt").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams", service, "--index", str(index)],
            env={**os.environ, **as_env(settings)},
            stdout=said,
            stderr=said,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)
