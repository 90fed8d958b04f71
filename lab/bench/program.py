"""A server that runs as long as a `with` block, outside any line: the broker of all rounds, a peer's Redis."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from infra.stack.child import SHIM
from infra.stack.part import Part
from lab.own_line import until

_START_S = 60.0


@contextmanager
def program(part: Part) -> Iterator[None]:
    if part.probe():
        raise RuntimeError(f"another {part.name} answers already on the port it was to have: is a benchmark running?")
    command = [sys.executable, "-I", "-S", SHIM, str(os.getpid()), *part.command]  # it ends with us, whatever happens
    env = {**os.environ, **part.env}
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        if not until(lambda: process.poll() is not None or part.probe(), _START_S) or process.poll() is not None:
            raise RuntimeError(f"{part.name} did not start: {' '.join(part.command[-2:])}")
        yield
    finally:
        process.terminate()
        try:
            process.wait(part.stop_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
