"""The lab for tests: its processes, commands to it, and runs as small as a test wants them."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

from infra import kafka
from infra.registry import LAB_RUNS, LAB_SCENARIOS, Registry
from infra.settings import Settings, as_env
from schemas.codec import encode
from schemas.events import LabCommand, LabRun
from schemas.examples import examples
from tests.support.waiting import until

COMMANDS = "lab.commands"
ENDED: Any = examples("lab_run", 2)[0]
YAML = """\
about: a short try
load:
  - {minutes: 2, per_minute: 500}
targets:
  lost: {at_most: 0}
"""


def start(run_id: str, **over: Any) -> LabCommand:
    """A burst of two minutes, unless it is said otherwise."""
    asked = ENDED["asked"] | {"minutes": 2.0, "seed": 0} | over
    made = {"event_id": f"{run_id}/start", "run_id": run_id, "kind": "start", "asked": asked, "at": _now(), "by": "ana"}
    return cast(LabCommand, made)


def stop(run_id: str) -> LabCommand:
    made = {"event_id": f"{run_id}/stop", "run_id": run_id, "kind": "stop", "asked": None, "at": _now(), "by": "ben"}
    return cast(LabCommand, made)


def run(run_id: str | None = None, **over: Any) -> LabRun:
    """One that has ended."""
    return cast(LabRun, ENDED | {"run_id": run_id or new_id(), "asked_at": _now()} | over)


def new_id() -> str:
    return uuid.uuid4().hex[:12]


def send(settings: Settings, *commands: LabCommand) -> None:
    producer = kafka.producer(settings)
    for one in commands:
        producer.produce(COMMANDS, encode("LabCommand", one), one["run_id"].encode())
    assert producer.flush(10) == 0


def write(settings: Settings, *runs: LabRun) -> None:
    """As the lab writes them."""
    producer = kafka.producer(settings)
    for one in runs:
        producer.produce(LAB_RUNS, encode("LabRun", one), one["run_id"].encode())
    assert producer.flush(10) == 0


def forget(settings: Settings, *run_ids: str) -> None:
    producer = kafka.producer(settings)
    for run_id in run_ids:
        producer.produce(LAB_RUNS, None, run_id.encode())
    assert producer.flush(10) == 0


@contextmanager
def lab_process(settings: Settings) -> Iterator["subprocess.Popen[bytes]"]:
    """A member of the lab's group, or about to be one."""
    folder = settings.state / "log"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"lab-{new_id()}.txt").open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.service"],
            env={**os.environ, **as_env(settings)},
            stdout=said,
            stderr=said,
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def following(settings: Settings) -> Iterator[Registry]:
    known = Registry(settings, (LAB_SCENARIOS, LAB_RUNS))
    try:
        known.wait_ready()
        yield known
    finally:
        known.close()


def seen(known: Registry, run_id: str, fits: Callable[[LabRun], bool], what: str, timeout_s: float = 40) -> LabRun:
    """The run once it is so."""
    until(lambda: run_id in known.lab_runs and fits(known.lab_runs[run_id]), timeout_s, what)
    return known.lab_runs[run_id]


def _now() -> int:
    return time.time_ns() // 1000
