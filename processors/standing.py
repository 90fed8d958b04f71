"""What the pools say of every agent of a registry, in columns, so that all are weighed in one pass."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from schemas.events import PoolStatus

PRIOR_RUNS, PRIOR_SUCCESS = 5, 0.8
"""Experience of an agent that has none: as if 4 of 5 runs had succeeded."""

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def experience(status: PoolStatus | None) -> float:
    """Share of runs that succeeded, pulled towards PRIOR_SUCCESS while there are few."""
    done, failed = (status["completed"], status["failed"]) if status else (0, 0)
    return (done + PRIOR_RUNS * PRIOR_SUCCESS) / (done + failed + PRIOR_RUNS)


def wait_ms(status: PoolStatus | None, sent: int = 0) -> float:
    """How long a task that joins the queue now is expected to wait, `sent` having joined since; an agent not heard of
    has nothing to do."""
    if status is None:
        return 0.0
    before = status["waiting"] + status["running"] + sent
    return max(0, before + 1 - status["slots"]) * status["mean_response_ms"] / max(1, status["slots"])


class Standing:
    """A record replaces the one before it and is never changed, so only those that are new are read."""

    def __init__(self, ids: Sequence[str]) -> None:
        count = len(ids)
        self._ids = ids
        self._seen: list[PoolStatus | None] = [None] * count
        self._sent = [0] * count
        """Tasks it was given since its newest report."""
        self.experience: Floats = np.full(count, experience(None))
        self.runs: Floats = np.zeros(count)
        self.mean_ms: Floats = np.zeros(count)
        self.load: Floats = np.zeros(count)
        """0–100."""
        self.takes: Flags = np.ones(count, np.bool_)
        """Whether its queue takes another task."""
        self.gone: Flags = np.zeros(count, np.bool_)
        """Whether it had instances and has no live one."""
        self.wait_ms: Floats = np.zeros(count)
        self.errors: Floats = np.zeros(count)
        """Share of its newest attempts that failed."""

    def refresh(self, pools: Mapping[str, PoolStatus]) -> None:
        seen = self._seen
        for place, agent_id in enumerate(self._ids):
            status = pools.get(agent_id)
            if status is not seen[place]:
                seen[place] = status
                self._read(place, status)

    def note(self, place: int) -> None:
        """A task goes there: whoever comes next waits for it too, though no report says so yet."""
        self._sent[place] += 1
        self.wait_ms[place] = wait_ms(self._seen[place], self._sent[place])

    def of(self, place: int) -> PoolStatus | None:
        return self._seen[place]

    def _read(self, place: int, status: PoolStatus | None) -> None:
        self._sent[place] = 0
        self.experience[place] = experience(status)
        self.wait_ms[place] = wait_ms(status)
        self.runs[place] = status["completed"] + status["failed"] if status else 0
        self.mean_ms[place] = status["mean_response_ms"] if status else 0.0
        self.load[place] = min(100.0, max(0.0, status["load_score"])) if status else 0.0
        self.gone[place] = status is not None and status["instances"] == 0
        self.takes[place] = not status or (status["waiting"] < status["waiting_max"] and status["instances"] > 0)
        self.errors[place] = status["error_rate"] if status else 0.0
