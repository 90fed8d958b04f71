"""Gray failure: an instance that is alive and does worse than its peers at the same work. It is left out for a while,
then tried with one task at a time, and works on when that goes well.

What all instances of a pool suffer from is no instance's fault, and a task that can succeed nowhere is none either.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from math import sqrt
from statistics import median
from typing import Literal, NamedTuple

RUNS = 10
"""Of an instance, the newest, that it is judged by."""
PEER_RUNS_MIN = 10
"""Of its peers together; below, nothing is known of what is usual."""
FAILURES_IN_A_ROW = 3
FAILURES_MIN = 5
SLOW = 3.0
"""Times the usual time of such work, in the median, is too slow."""
SLOW_RUNS_MIN = 8
SLOW_BY_MS = 500.0
"""By less nobody is disturbed."""
OUT_US = 30_000_000
OUT_MAX_US = 600_000_000
"""So long it is left out: the first time, and at most; each further time doubles it."""
TRIALS = 2
"""Runs that have to go well before it is trusted again."""
_KINDS_MAX = 200
_TIMES = 15

Change = Literal["ejected", "trial", "well"]


class Run(NamedTuple):
    succeeded: bool
    times_usual: float
    """How long it took, by what is usual for such work in this pool; only of what succeeded."""
    response_ms: float


@dataclass(slots=True)
class Health:
    """Of one instance."""

    recent: deque[Run] = field(default_factory=lambda: deque(maxlen=RUNS))
    state: Literal["well", "out", "trial"] = "well"
    until: int = 0
    """Of one that is out: when it is tried."""
    since_at: int = 0
    reason: str = ""
    times: int = 0
    """How often it was left out, until it has been well for long."""
    trials: int = 0
    """Runs of the trial that went well."""


class Peers:
    """The instances of a pool together: what is usual among them. Each step costs the same however many there are."""

    def __init__(self) -> None:
        self.ill = 0
        """Those that are out or tried."""
        self._runs = 0
        self._failures = 0
        """Of all that their instances remember."""
        self._ms: dict[str, deque[float]] = {}
        """By kind of work, the newest times."""

    def judge(self, one: Health, kind: str, succeeded: bool, response_ms: float, live: int, now: int) -> Change | None:
        """Takes in a run of one of `live` instances."""
        run = Run(succeeded, self._times_usual(kind, response_ms) if succeeded else 1.0, response_ms)
        self._remember(one, run)
        if one.state == "trial":
            bad = not succeeded or _is_slow([run])
            one.trials = 0 if bad else one.trials + 1
            if bad:
                return self._leave_out(one, f"its trial {'was slow' if succeeded else 'failed'}", now)
            return self._trust(one, now) if one.trials >= TRIALS else None
        if one.state == "well" and self._may_go(live) and (reason := self._worse(one.recent)):
            return self._leave_out(one, reason, now)
        return None

    def wake(self, one: Health, now: int) -> Change | None:
        """Lets time pass for one that is out."""
        if one.state != "out" or now < one.until:
            return None
        one.state, one.trials = "trial", 0
        return "trial"

    def forget(self, one: Health) -> None:
        """It is gone: what it did counts no more, and it stands in nobody's way."""
        self.ill -= one.state != "well"
        self._runs -= len(one.recent)
        self._failures -= sum(not run.succeeded for run in one.recent)
        one.recent.clear()
        one.state, one.reason, one.times = "well", "", 0

    def _times_usual(self, kind: str, response_ms: float) -> float:
        times = self._ms.pop(kind, None) or deque(maxlen=_TIMES)
        usual = median(times) if times else response_ms
        times.append(response_ms)
        self._ms[kind] = times
        if len(self._ms) > _KINDS_MAX:
            del self._ms[next(iter(self._ms))]
        return response_ms / usual if usual > 0 else 1.0

    def _remember(self, one: Health, run: Run) -> None:
        if len(one.recent) == RUNS:
            self._failures -= not one.recent[0].succeeded
            self._runs -= 1
        one.recent.append(run)
        self._failures += not run.succeeded
        self._runs += 1

    def _may_go(self, live: int) -> bool:
        """A pool is never left with less than two thirds of its instances: then the fault is hardly theirs."""
        return live > 1 and self.ill < max(1, live // 3)

    def _worse(self, recent: Collection[Run]) -> str | None:
        """In what way one does worse than its peers, in words."""
        failed = sum(not run.succeeded for run in recent)
        runs, of_theirs = self._runs - len(recent), self._failures - failed
        if runs < PEER_RUNS_MIN:
            return None
        share = of_theirs / runs
        # Three deviations beyond what chance does to as many runs of a peer.
        usual = len(recent) * share + 3 * sqrt(len(recent) * share * (1 - share))
        in_a_row = len(recent) >= FAILURES_IN_A_ROW and not any(r.succeeded for r in list(recent)[-FAILURES_IN_A_ROW:])
        if (failed >= FAILURES_MIN and failed > usual) or (in_a_row and not of_theirs):
            return f"{failed} of its last {len(recent)} attempts failed, of its peers' {of_theirs} of {runs}"
        done = [run for run in recent if run.succeeded]
        if len(done) >= SLOW_RUNS_MIN and _is_slow(done):
            times = median(run.times_usual for run in done)
            return f"its last {len(done)} attempts took {times:.1f} times as long as usual"
        return None

    def _leave_out(self, one: Health, reason: str, now: int) -> Change:
        if one.state == "well":
            self.ill += 1
            one.since_at = now
            one.times = one.times if now < one.until + OUT_MAX_US else 0
        one.times += 1
        one.state, one.reason = "out", reason
        one.until = now + min(OUT_MAX_US, OUT_US * 2 ** min(one.times - 1, 10))
        return "ejected"

    def _trust(self, one: Health, now: int) -> Change:
        self.ill -= 1
        one.state, one.reason, one.since_at = "well", "", now
        self._runs -= len(one.recent)
        self._failures -= sum(not run.succeeded for run in one.recent)
        one.recent.clear()  # what it did when it was ill says nothing about now
        return "well"


def _is_slow(runs: Collection[Run]) -> bool:
    late = [run.response_ms - run.response_ms / run.times_usual for run in runs if run.times_usual > 0]
    return bool(late) and median(run.times_usual for run in runs) > SLOW and median(late) > SLOW_BY_MS
