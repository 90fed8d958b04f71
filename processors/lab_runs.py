"""Runs of the lab: one at a time is running, the others wait, and each comes to one end, whoever asks what how often
and whoever dies meanwhile. State is the newest record of each run; what changes is handed back to be written.
"""

from collections.abc import Iterable
from typing import Any, Literal

from processors.balancing import BALANCERS
from schemas.events import LabAsked, LabCommand, LabPlan, LabReport, LabRun, LabSeries

AGENTS_MIN, AGENTS_MAX = 20, 10_000
MINUTES_MIN = 0.1
SEED_MAX = 2**31 - 1
WAITING_MAX = 10
"""Runs that wait; one more is refused."""
KEPT_MAX = 100
"""Runs that are over and remembered; the oldest are forgotten."""
STARTS_MAX = 2
"""A run whose lab process died is started anew, as the same arguments give the same result; once, for it may be what
kills it."""
OVER = ("ended", "stopped", "failed")
FULL = f"{WAITING_MAX} runs wait already: stop one of them, or ask again when some are over."
DIED = "The lab process died twice while it ran: try a smaller fleet or fewer minutes, or look into the log of the lab."


def problem_of(asked: LabAsked) -> str:
    """Why this cannot be run, whatever the scenario says; empty when it can."""
    if not AGENTS_MIN <= asked["agents"] <= AGENTS_MAX:
        return f"A fleet has {AGENTS_MIN} to {AGENTS_MAX:,} instances, not {asked['agents']:,}."
    if asked["minutes"] is not None and not asked["minutes"] >= MINUTES_MIN:
        return f"A run takes {MINUTES_MIN} simulated minutes at least, not {asked['minutes']:g}."
    if asked["balancer"] is not None and asked["balancer"] not in BALANCERS:
        return f"There is no balancer {asked['balancer']!r}; there are {', '.join(BALANCERS)}."
    return ""


class Runs:
    def __init__(self, known: Iterable[LabRun] = ()) -> None:
        self.known = {run["run_id"]: run for run in known}

    @property
    def running(self) -> LabRun | None:
        return next((run for run in self.known.values() if run["state"] == "running"), None)

    def waiting(self) -> list[LabRun]:
        """In the order in which they are run."""
        return sorted((run for run in self.known.values() if run["state"] == "waiting"), key=_asked)

    def take_over(self, now: int) -> list[LabRun]:
        """From a process that is gone: what it had running waits again, or has failed."""
        changed = []
        for run in [run for run in self.known.values() if run["state"] == "running"]:
            if run["starts"] < STARTS_MAX:
                changed.append(self._set(run, state="waiting", **_NOTHING_YET))
            else:
                changed.append(self._over(run, "failed", now, DIED))
        return changed

    def give_back(self) -> list[LabRun]:
        """The process ends as it was told to, and nothing is wrong with the run: it waits, as if never started."""
        run = self.running
        return [] if run is None else [self._set(run, state="waiting", starts=run["starts"] - 1, **_NOTHING_YET)]

    def start(self, command: LabCommand, plan: LabPlan | None, problem: str, now: int) -> list[LabRun]:
        """`plan`: what the scenario comes to; null: it cannot be run, `problem` says why. A repeat changes nothing."""
        asked = command["asked"]
        if asked is None or command["run_id"] in self.known:
            return []
        run: LabRun = {
            "run_id": command["run_id"],
            "asked": asked,
            "plan": plan,
            "asked_at": command["at"],
            "asked_by": command["by"],
            "state": "waiting",
            "starts": 0,
            "started_at": None,
            "over_at": None,
            "reason": "",
            "simulated_minutes": 0.0,
            "handed_in": 0,
            "series": None,
            "report": None,
        }
        if plan is None:
            return [self._over(run, "failed", now, problem)]
        if len(self.waiting()) >= WAITING_MAX:
            return [self._over(run, "failed", now, FULL)]
        return [self._set(run)]

    def stop(self, command: LabCommand, now: int) -> list[LabRun]:
        """One that is over stays as it is; of one that nobody knows nothing is remembered."""
        run = self.known.get(command["run_id"])
        if run is None or run["state"] in OVER:
            return []
        return [self._over(run, "stopped", now, f"Stopped by {command['by']}.")]

    def next(self, now: int) -> LabRun | None:
        """The one to be run now, which counts as running from here on; null while one runs or none waits."""
        waiting = self.waiting()
        if self.running is not None or not waiting:
            return None
        run = waiting[0]
        return self._set(run, state="running", starts=run["starts"] + 1, started_at=now)

    def progressed(self, minutes: float, handed_in: int, series: LabSeries | None) -> list[LabRun]:
        """How far the one that runs has come."""
        run = self.running
        if run is None:
            return []
        return [self._set(run, simulated_minutes=minutes, handed_in=handed_in, series=series)]

    def ended(self, report: LabReport, now: int) -> list[LabRun]:
        run = self.running
        if run is None or run["plan"] is None:
            return []
        done = {**run, "report": report, "simulated_minutes": run["plan"]["minutes"], "handed_in": report["handed_in"]}
        return [self._over(done, "ended", now)]  # type: ignore[arg-type]

    def failed(self, reason: str, now: int) -> list[LabRun]:
        run = self.running
        return [] if run is None else [self._over(run, "failed", now, reason)]

    def forget(self) -> list[str]:
        """Ids of those that are no longer remembered."""
        over = sorted((run for run in self.known.values() if run["state"] in OVER), key=_asked)
        gone = [run["run_id"] for run in over[: max(0, len(over) - KEPT_MAX)]]
        for run_id in gone:
            del self.known[run_id]
        return gone

    def _over(self, run: LabRun, state: Literal["ended", "stopped", "failed"], now: int, reason: str = "") -> LabRun:
        return self._set(run, state=state, over_at=now, reason=reason)

    def _set(self, run: LabRun, **changes: Any) -> LabRun:
        changed: LabRun = {**run, **changes}  # type: ignore[typeddict-item]
        self.known[run["run_id"]] = changed
        return changed


_NOTHING_YET: dict[str, Any] = {"started_at": None, "simulated_minutes": 0.0, "handed_in": 0, "series": None}


def _asked(run: LabRun) -> tuple[int, str]:
    return run["asked_at"], run["run_id"]
