"""The supervisor's record in the state folder: its lock, its list of processes, the end of what a killed one left.

A pid alone proves nothing, for the kernel gives it out again: a process is ours when the time it was created and its
command line are those on record.
"""

import fcntl
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import psutil

from infra.settings import Settings

CLOCK_SLACK_S = 2.0  # the creation time moves by this much when the system clock is set
GONE_S = 10.0


FILE = "stack.json"


def path(settings: Settings) -> Path:
    return settings.state / FILE


def logs(settings: Settings) -> Path:
    return settings.state / "log"


def lock(settings: Settings) -> IO[str] | None:
    """The lock of the state folder, held as long as the file is open; None when another supervisor holds it."""
    settings.state.mkdir(parents=True, exist_ok=True)
    file = (settings.state / "stack.lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def write(settings: Settings, state: str, processes: list[dict[str, Any]], error: str | None = None) -> None:
    """Replace the record in one step: a reader sees the old one or the new one."""
    me = psutil.Process()
    record = {
        "pid": me.pid,
        "created": me.create_time(),
        "command": me.cmdline(),
        "state": state,
        "error": error,
        "processes": processes,
    }
    draft = path(settings).with_suffix(".draft")
    draft.write_text(json.dumps(record, indent=1))
    draft.replace(path(settings))


def read(settings: Settings) -> dict[str, Any] | None:
    return read_in(settings.state)


def read_in(folder: Path) -> dict[str, Any] | None:
    """The record of a state folder, of whichever line."""
    try:
        record = json.loads((folder / FILE).read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    return record if isinstance(record, dict) else None


def alive(row: dict[str, Any]) -> psutil.Process | None:
    """The process of a row (pid, created, command) when it is still that one."""
    with suppress(psutil.Error, TypeError):
        process = psutil.Process(row["pid"])
        same_age = abs(process.create_time() - row["created"]) < CLOCK_SLACK_S
        # The end only: a child that was just started still has the shim before its command.
        same_command = process.cmdline()[-len(row["command"]) :] == row["command"]
        if same_age and same_command and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None


def kill_leftovers(settings: Settings) -> list[str]:
    """End what a killed supervisor's record still shows alive; the names. Call it with the lock held."""
    record = read(settings)
    rows = record["processes"] if record else []
    left = [(row["name"], process) for row in rows if (process := alive(row))]
    for _, process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs([process for _, process in left], timeout=GONE_S)
    return [name for name, _ in left]


def await_gone(process: psutil.Process, timeout_s: float) -> bool:
    """True when the process has ended within the time, a zombie counting as ended."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        with suppress(psutil.NoSuchProcess, ChildProcessError):
            if process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.05)
                continue
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)  # ours when we started it detached
        return True
    return False
