"""Runs the rounds: feeds the line, strikes it as planned, waits until nothing is open, and lets the topics testify."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from infra.definitions import AGENT, load
from infra.settings import Settings
from infra.stack import AlreadyRunning, StackError
from lab.chaos.feeding import Feeder
from lab.chaos.load import tasks
from lab.chaos.plan import Fault
from lab.chaos.recovery import Recovery
from lab.chaos.watching import Watcher
from lab.own_line import OwnLine, until

RECOVERY_BAR_S = 10.0
SETTLE_S = 90.0
"""How long after its last task a round may need until every task has its outcome; then what is open is stuck."""
_HEALED_S = 60.0
LAG_MAX = 50
"""Records that are always on their way: heartbeats and states of pools never end."""
_WARM_UP = 50
_ROUND_ZERO = 0


@dataclass
class Strike:
    fault: Fault
    recovery: Recovery
    ended: int = 0
    """Tasks that ended during an outage."""


@dataclass
class RoundResult:
    number: int
    strikes: list[Strike] = field(default_factory=list)
    tasks: int = 0
    settle_s: float = 0.0
    """From the last submission to the last outcome."""
    stuck: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    verdict: dict[str, Any] = field(default_factory=dict)
    """Of `headway verify`, over all rounds so far."""
    account: dict[str, Any] = field(default_factory=dict)
    """Of `headway sink status`, over all rounds so far; empty without a warehouse."""
    stored_s: float = 0.0
    """From the last outcome until everything was stored and counted."""

    @property
    def holds(self) -> bool:
        exact = not any(self.account.get(name) for name in ("missing", "duplicates", "differing"))
        return exact and not (self.stuck or self.lost or self.duplicated) and self.verdict.get("exit_code") == 0

    @property
    def quick(self) -> bool:
        return all(within_bar(strike) for strike in self.strikes)


def within_bar(strike: Strike) -> bool:
    seconds = strike.recovery.seconds
    return seconds is not None and seconds <= RECOVERY_BAR_S


class Campaign:
    def __init__(self, line: OwnLine, seed: int, rate: float, tell: Callable[[str], None]) -> None:
        self._line = line
        self._settings: Settings = line.settings
        self._seed = seed
        self._rate = rate
        self._tell = tell
        self._agents = sorted(load(AGENT, self._settings))
        self._watcher = Watcher(self._settings)
        self._resurrections: list[threading.Thread] = []

    def close(self) -> None:
        self._watcher.close()

    def warm_up(self) -> None:
        """A little work that is not hurt, so that every process has started in earnest."""
        self._feed(_ROUND_ZERO, _WARM_UP, lambda: False).join()
        if not until(lambda: not self._watcher.open(), SETTLE_S):
            raise RuntimeError(f"the line does not work before any harm: {len(self._watcher.open())} tasks are open")

    def round(self, number: int, faults: list[Fault], count: int) -> RoundResult:
        result = RoundResult(number)
        struck = threading.Event()

        def unseen() -> bool:
            return not struck.is_set() or any(s.recovery.missing for s in result.strikes)

        feeder = self._feed(number, count, unseen)
        began = time.monotonic()
        for fault in faults:
            time.sleep(max(0.0, began + fault.at_s - time.monotonic()))
            result.strikes.append(self._strike(fault))
        struck.set()
        feeder.join()
        ended = time.monotonic()
        for thread in self._resurrections:
            thread.join()
        until(lambda: not self._watcher.open(), SETTLE_S)
        result.tasks, result.settle_s = feeder.sent, time.monotonic() - ended
        self._testify(result)
        for strike in result.strikes:
            self._tell(f"  {strike.fault}: {told(strike)}")
            if strike.fault.kind == "outage":
                self._tell(f"  {strike.ended} tasks ended meanwhile")
        return result

    def _feed(self, number: int, count: int, go_on: Callable[[], bool]) -> Feeder:
        plans = tasks(self._seed, number, self._agents)
        feeder = Feeder(self._settings, plans, count, self._rate, self._watcher.accept, go_on)
        feeder.start()
        return feeder

    def _strike(self, fault: Fault) -> Strike:
        pid = self._await_pid(fault.target)
        if fault.kind == "outage":
            before = len(self._watcher.ledger.outcomes)
            recovery = self._watcher.strike(fault.target, lambda: os.kill(pid, signal.SIGKILL))
            self._hold_down(fault.target, time.monotonic() + fault.pause_s)
            return Strike(fault, recovery, len(self._watcher.ledger.outcomes) - before)
        number = signal.SIGKILL if fault.kind == "kill" else signal.SIGSTOP
        recovery = self._watcher.strike(fault.target, lambda: os.kill(pid, number))
        if fault.kind == "pause":
            threading.Timer(fault.pause_s, self._watcher.wake, [pid]).start()
        elif fault.target == "supervisor":
            thread = threading.Thread(target=self._resurrect)
            thread.start()
            self._resurrections = [thread]
        return Strike(fault, recovery)

    def _hold_down(self, target: str, until_s: float) -> None:
        """Kills a process whenever it is there, until that time."""
        while time.monotonic() < until_s:
            with suppress(ProcessLookupError):  # gone in the moment between
                self._line.signal(target, signal.SIGKILL)
            time.sleep(0.05)

    def _await_pid(self, target: str) -> int:
        """The process may be dead from the strike before."""
        for _ in range(600):
            pid = self._line.pid(target)
            if pid is not None:
                return pid
            time.sleep(0.05)
        raise RuntimeError(f"{target} has not run for 30 s")

    def _resurrect(self) -> None:
        """What an init system does: the line is started again, until it stays."""
        for attempt in count(1):
            try:
                self._line.up()
                return
            except AlreadyRunning:  # the killed one's lock is still held for a moment
                time.sleep(0.1)
            except StackError as error:
                self._tell(f"  up failed: {error}")
                if attempt == 5:
                    raise

    def _testify(self, result: RoundResult) -> None:
        """First our own count, then the proof that the line offers, then whether all processes are back."""
        result.stuck = self._watcher.open()
        result.duplicated = self._watcher.ledger.repeated
        result.verdict = self._line.verify()
        result.lost = list(result.verdict["lost_ids"])
        result.duplicated = sorted({*result.duplicated, *result.verdict["duplicated_ids"]})
        if self._settings.sinks:
            began = time.monotonic()
            result.account = self._stored()
            result.stored_s = time.monotonic() - began
        if not until(lambda: all(row["state"] == "ready" for row in self._line.processes()), _HEALED_S):
            raise RuntimeError(f"processes are not back: {self._line.processes()}")

    def _stored(self) -> dict[str, Any]:
        """Topics against tables, once all but what has just come is stored."""
        found: dict[str, Any] = {}

        def settled() -> bool:
            done = self._line.headway("sink", "status", "--json")
            found.clear()
            found.update(json.loads(done.stdout) if done.returncode in (0, 1) else {})
            return bool(found) and found["lag"] < LAG_MAX

        if not until(settled, SETTLE_S, 1.0):
            raise RuntimeError(f"the sink does not catch up: {found.get('lag', 'no answer')} records are to come")
        del found["partitions"], found["rollup"]
        return found


def told(strike: Strike) -> str:
    recovery = strike.recovery
    if recovery.seconds is None:
        places = ", ".join(f"{stage} {partition}" for stage, partition in sorted(recovery.missing))
        return f"no recovery seen in {places}"
    first_s = max(0.0, (recovery.first_at or 0.0) - recovery.counts_from)
    stage, partition = recovery.slowest or ("", 0)
    every = f"in every partition after {recovery.seconds:.1f} s (last: {stage} {partition})"
    return f"first work after {first_s:.1f} s, {every}"
