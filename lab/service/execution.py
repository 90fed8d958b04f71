"""A run in a process of its own, at low priority so that the line is not disturbed; it dies with us."""

import json
import os
import signal
import subprocess
import sys
import threading
from typing import Any, NamedTuple

from infra.settings import Settings, as_env
from infra.stack.child import SHIM
from schemas.events import LabAsked, LabReport, LabSeries

NICE = "15"
MEMORY_BYTES = 4 << 30
"""Of address space. Ten thousand instances take less than one GiB."""
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


class Progress(NamedTuple):
    minutes: float
    handed_in: int
    series: LabSeries | None


class Over(NamedTuple):
    report: LabReport | None
    problem: str
    """Why there is no report, and what to do."""


class Execution:
    def __init__(self, settings: Settings, asked: LabAsked, text: str) -> None:
        """`text`: the scenario."""
        self._cpu_s = settings.lab_cpu_s
        self._said: dict[str, Any] = {}
        shim = (sys.executable, "-I", "-S", SHIM, str(os.getpid()), "nice", "-n", NICE)
        self._process = subprocess.Popen(
            (*shim, sys.executable, "-m", "lab.service.child"),
            env={**os.environ, **as_env(settings), **_ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        limits = {"cpu_s": self._cpu_s, "memory_bytes": MEMORY_BYTES}
        self._thread = threading.Thread(target=self._hear, args=(json.dumps([asked, text, limits]),), daemon=True)
        self._thread.start()

    def progress(self) -> Progress | None:
        """The newest; null when it was told already."""
        step = self._said.pop("progress", None)
        return Progress(**step) if step else None

    def over(self) -> Over | None:
        """Null while it goes on."""
        if self._process.poll() is None or self._thread.is_alive():
            return None
        if "report" in self._said:
            return Over(self._said["report"], "")
        return Over(None, self._said.get("problem") or self._died(self._process.returncode))

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._thread.join()

    def _hear(self, told: str) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            with self._process.stdin as stdin:
                stdin.write(told)
            with self._process.stdout as stdout:
                for line in stdout:
                    self._said |= json.loads(line)
        except (OSError, ValueError):
            return  # it died while it spoke: its exit code says more

    def _died(self, code: int) -> str:
        if code == -signal.SIGXCPU:
            return (
                f"It took more than {self._cpu_s:,.0f} seconds of the processor: take fewer minutes or instances, or "
                "raise lab_cpu_s."
            )
        if code == -signal.SIGKILL:
            return "Its process was killed, perhaps for want of memory: take fewer minutes or instances."
        return f"Its process ended with {code} and no report; the log of the lab tells more (`headway logs lab-0`)."
