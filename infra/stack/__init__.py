"""The local stack: Kafka, Redis and our services on this machine under one supervisor; `up`, `down`, `status`."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from infra.settings import Settings, as_env
from infra.stack import plan, record
from infra.stack.child import READY, STOPPED
from infra.stack.errors import AlreadyRunning, StackError
from infra.stack.supervisor import Supervisor

__all__ = ["AlreadyRunning", "StackError", "down", "elsewhere", "logs", "status", "up"]

RECOVERING = "recovering"
DETACHED_S = 150.0  # for a first start with slow disks; 10 s are usual
STOP_EXTRA_S = 45.0  # beyond drain_s: the bounds of all processes together


def up(settings: Settings, detach: bool = False, on_ready: Callable[[], None] | None = None) -> None:
    """Start the line.

    In the foreground it shows the lines of all processes and returns after Ctrl-C, SIGTERM or `down`, when everything
    has stopped; `on_ready` is called in a thread once all is ready. Detached it returns as soon as all is ready.
    Raises `AlreadyRunning`, or `StackError` with the last lines of what failed; nothing is left running then.
    """
    if not settings.state.exists():
        plan.check_ports(settings)  # before there is a folder, which would stay behind a refusal
    if detach:
        _up_detached(settings)
    else:
        _hold(settings, lambda: Supervisor(settings, console=True, on_ready=on_ready).run())


def down(settings: Settings) -> bool:
    """Stop the line, services first, and wait until nothing of it runs. False when it was not running."""
    if not settings.state.exists():
        return False
    running = _supervisor(settings)
    if running is not None:
        running.terminate()
        if not record.await_gone(running, settings.drain_s + STOP_EXTRA_S):
            running.kill()  # its children die with it
            record.await_gone(running, record.GONE_S)
    held = record.lock(settings)
    if held is not None:
        with held:
            record.kill_leftovers(settings)
    return running is not None


def status(settings: Settings) -> dict[str, Any]:
    """{"state", "pid", "processes": [{"name", "pid", "state", "restarts", "rss_mb"}]} of the line in this state folder.

    state of the line: starting, ready (all processes are), recovering (one of them starts again), stopping or stopped.
    State of a process: starting (runs, does not answer yet), ready (answers), restarting (died, waits for its next
    start), stopped.
    """
    running = _supervisor(settings)
    found = record.read(settings) if running else None
    if running is None or found is None:
        names = plan.names(settings)
        rows = [{"name": name, "pid": None, "state": STOPPED, "restarts": 0, "rss_mb": 0.0} for name in names]
        return {"state": STOPPED, "pid": None, "processes": rows}
    rows = [_shown(row) for row in found["processes"]]
    whole = all(row["state"] == READY for row in rows)
    state = RECOVERING if found["state"] == READY and not whole else found["state"]
    return {"state": state, "pid": running.pid, "processes": rows}


def elsewhere(settings: Settings) -> Path | None:
    """The state folder of another line that holds the ports of these settings."""
    return plan.holding_line(plan.taken_ports(settings))


def logs(settings: Settings) -> Path:
    """The folder of the log files, one a process (`kafka.log`), and `stack.log` with what the supervisor did."""
    return record.logs(settings)


def supervise(settings: Settings) -> None:
    """Be the supervisor of a detached line: no terminal, log files only."""
    _hold(settings, lambda: Supervisor(settings, console=False).run())


def _hold(settings: Settings, run: Callable[[], None]) -> None:
    held = record.lock(settings)
    if held is None:
        raise AlreadyRunning(f"the line in {settings.state} runs already{_as_pid(settings)}; `headway down` stops it")
    with held:
        run()


def _up_detached(settings: Settings) -> None:
    held = record.lock(settings)
    if held is None:
        raise AlreadyRunning(f"the line in {settings.state} runs already{_as_pid(settings)}; `headway down` stops it")
    held.close()
    log = record.logs(settings) / "supervisor.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as said:
        process = _spawn(settings, said)
    try:
        _await_ready(settings, process, log)
    except KeyboardInterrupt:
        down(settings)
        raise


def _await_ready(settings: Settings, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + DETACHED_S
    while time.monotonic() < until:
        if process.poll() is not None:
            last_words = log.read_text(errors="replace").strip()
            raise StackError(last_words or f"the supervisor ended with code {process.returncode}; see {log}")
        now = status(settings)
        if now["pid"] == process.pid and now["state"] == "ready":
            return
        time.sleep(0.05)
    slow = [row["name"] for row in status(settings)["processes"] if row["state"] != "ready"]
    down(settings)
    raise StackError(f"not ready after {DETACHED_S:.0f} s: {', '.join(slow)}; see {record.logs(settings)}")


def _spawn(settings: Settings, said: IO[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "infra.stack"],
        env={**os.environ, **as_env(settings)},
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        start_new_session=True,
    )


def _supervisor(settings: Settings) -> Any:
    """The running supervisor of this state folder, or None."""
    found = record.read(settings)
    return record.alive(found) if found and found["state"] != STOPPED else None


def _as_pid(settings: Settings) -> str:
    running = _supervisor(settings)
    return f" (pid {running.pid})" if running else ""


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    process = record.alive(row)
    rss = process.memory_info().rss / 1_048_576 if process else 0.0
    return {key: row[key] for key in ("name", "pid", "state", "restarts")} | {"rss_mb": round(rss, 1)}
