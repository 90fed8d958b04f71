"""One process under the supervisor: growing delays, whole groups ended, hangs noticed. The loop is turned by hand."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.stack import child as stack_child
from infra.stack.child import READY, RESTARTING, Child
from infra.stack.errors import StackError
from infra.stack.output import Output
from infra.stack.part import Part
from tests.support.waiting import until

Start = Callable[..., Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    children = []

    def _start(code: str, probe: Callable[[], bool] = lambda: True, silence_s: float = 60.0) -> Child:
        part = Part("part", (sys.executable, "-c", code), probe, 5.0)
        child = Child(part, Output("part", 0, 4, tmp_path, None), lambda _: None, silence_s)
        children.append(child)
        child.start()
        return child

    yield _start
    for child in children:
        child.signal(signal.SIGKILL)
        until(lambda child=child: child.reap() is not None)  # type: ignore[misc]


def tick_until(child: Child, condition: Callable[[], bool]) -> None:
    def turn() -> bool:
        child.tick()
        return condition()

    until(turn)


def test_delays_grow_while_it_keeps_dying_and_shrink_when_it_lived(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_child, "DELAYS_S", (0.0, 0.2, 0.4))
    child = start("import time; time.sleep(60)")
    tick_until(child, lambda: child.state == READY)
    delays = []
    for steady_s in (10.0, 10.0, 10.0, 10.0, 0.0):
        monkeypatch.setattr(stack_child, "STEADY_S", steady_s)
        child.signal(signal.SIGKILL)
        tick_until(child, lambda: child.state == RESTARTING)
        began = time.monotonic()
        tick_until(child, lambda: child.state == READY)
        delays.append(time.monotonic() - began)
    assert child.restarts == 5
    assert delays[0] < 0.3
    assert delays[1] >= 0.2
    assert delays[2] >= 0.4
    assert 0.4 <= delays[3] < 1
    assert delays[4] < 0.3


def test_death_before_the_first_answer_fails_the_start_with_its_last_lines(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack_child, "DELAYS_S", (0.0,))
    child = start("print('no such luck'); exit(3)", probe=lambda: False)
    with pytest.raises(StackError, match=r"(?s)part ended with code 3 3 times before it was ready.*no such luck"):
        tick_until(child, lambda: False)


def test_silent_process_is_killed(start: Start) -> None:
    answers = [True]
    child = start("import time; time.sleep(60)", probe=lambda: answers[0], silence_s=0.5)
    tick_until(child, lambda: child.state == READY)
    answers[0] = False
    tick_until(child, lambda: child.restarts == 1)


def test_what_it_started_ends_with_it(start: Start) -> None:
    child = start("import subprocess as s, time; print(s.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)")
    grandchild = int(until(lambda: [*child.output.tail])[0])
    assert psutil.pid_exists(grandchild)
    os.kill(child.row()["pid"], signal.SIGKILL)
    tick_until(child, lambda: child.restarts == 1)
    until(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE)
