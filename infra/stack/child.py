"""One process under the supervisor: started, read, probed, restarted with growing delays, stopped.

`tick` is called by the supervisor's one loop, which does all starting and stopping: the kernel ends a child when the
thread that started it ends. Two threads help each process: one reads its lines, one probes it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from infra.stack.errors import StackError
from infra.stack.output import Output
from infra.stack.part import Part

STARTING, READY, RESTARTING, STOPPED = "starting", "ready", "restarting", "stopped"

DELAYS_S = (0.0, 0.5, 1.0, 2.0, 5.0)  # before the first restart, the second, ...
STEADY_S = 10.0  # a process that lived this long starts again at the first delay
START_S = 60.0  # a start without an answer after this is taken for a hang
TRIES_MAX = 3  # deaths before the first answer after which the whole start has failed
SHIM = str(Path(__file__).with_name("shim.py"))


class Child:
    def __init__(self, part: Part, output: Output, tell: Callable[[str], None], silence_s: float) -> None:
        """`silence_s`: how long a process that was ready may give no answer before it is killed and restarted."""
        self.part = part
        self.output = output
        self.state = STOPPED
        self.restarts = 0
        self._tell = tell
        self._silence_s = silence_s
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._created = 0.0
        self._started = self._heard = 0.0
        self._quick_deaths = 0
        self._start_at = 0.0
        self._was_ready = False

    def row(self) -> dict[str, Any]:
        """What the list of processes says of this one."""
        process = self._process
        return {
            "name": self.part.name,
            "pid": process.pid if process else None,
            "created": self._created if process else None,
            "command": list(self.part.command),
            "state": self.state,
            "restarts": self.restarts,
        }

    def start(self) -> None:
        command = [sys.executable, "-I", "-S", SHIM, str(os.getpid()), *self.part.command]
        process = subprocess.Popen(
            command,
            env={**os.environ, **self.part.env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the supervisor, which stops all in order
        )
        self._process = process
        self._created = psutil.Process(process.pid).create_time()
        self._started = self._heard = time.monotonic()
        self.state = STARTING
        self._reader = threading.Thread(target=self._read, args=(process,), daemon=True)
        self._reader.start()
        threading.Thread(target=self._probe, args=(process,), daemon=True).start()

    def tick(self) -> None:
        """Notice a death or a hang, restart when the delay is over. Raises `StackError` when the first start fails."""
        now = time.monotonic()
        if self._process is None:
            if self.state == RESTARTING and now >= self._start_at:
                self.start()
            return
        code = self.reap()
        if code is not None:
            self._died(code, now)
        elif now - self._heard > (self._silence_s if self.state == READY else max(START_S, self._silence_s)):
            self._tell(f"{self.part.name} gave no sign of life for {now - self._heard:.0f} s: killed")
            self.signal(signal.SIGKILL)
            self._heard = now

    def signal(self, number: int) -> None:
        """SIGKILL goes to everything the process started, any other signal to itself."""
        process = self._process
        if process is None:
            return
        send = os.killpg if number == signal.SIGKILL else os.kill
        with suppress(ProcessLookupError, PermissionError):
            send(process.pid, number)

    def reap(self) -> int | None:
        """The exit code when it has ended, and then whatever it had started is ended too."""
        process = self._process
        if process is None:
            self.state = STOPPED
            return 0
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self.signal(signal.SIGKILL)  # before its pid, which is the group's, can be given to a stranger
        code = process.wait()
        if self._reader:
            self._reader.join(timeout=1.0)  # its last lines belong before what is said of its end
        self._process = None
        self.state = STOPPED
        return code

    def _died(self, code: int, now: float) -> None:
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        lived = now - self._started
        if not self._was_ready and self._quick_deaths + 1 >= TRIES_MAX:
            raise StackError(self.failure(f"{self.part.name} {how} {TRIES_MAX} times before it was ready"))
        if lived >= STEADY_S:
            self._quick_deaths = 0
        delay = DELAYS_S[min(self._quick_deaths, len(DELAYS_S) - 1)]
        self._quick_deaths += 1
        self.restarts += 1
        self._start_at = now + delay
        self.state = RESTARTING
        self._tell(f"{self.part.name} {how} after {lived:.0f} s: restart {self.restarts} in {delay:.1f} s")

    def failure(self, what: str) -> str:
        """An error's text: what happened, with the last lines the process wrote."""
        lines = [f"  {line}" for line in self.output.tail] or ["  (it wrote nothing)"]
        return "\n".join([f"{what}. Its last lines:", *lines])

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in lines:
                self.output.line(line.rstrip("\n"))

    def _probe(self, process: subprocess.Popen[str]) -> None:
        while self._process is process:
            if self.part.probe() and self._process is process:
                self._heard = time.monotonic()
                if self.state == STARTING:
                    self.state = READY
                    self._was_ready = True
            time.sleep(0.1 if self.state == STARTING else 1.0)
