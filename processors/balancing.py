"""Which live instance of a pool gets the next task: the balancing algorithms, and the load score they can use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from processors.health import Health

_SMOOTHING = 0.2
"""Weight of the newest run in the moving means: about the last ten runs count."""


@dataclass(slots=True)
class Instance:
    """What the dispatcher knows of one instance. `running` holds its slots: the ids of the tasks it was given."""

    instance_id: str
    host_id: str = ""
    seen_at: int = 0
    draining: bool = False
    silent: bool = False
    """Whether work was taken from it for its host said nothing, and still does not."""
    offered: bool = False
    """Whether the pool has it among those that may have a free slot."""
    running: set[str] = field(default_factory=set)
    completed: int = 0
    failed: int = 0
    response_ms: float = 0.0
    error_rate: float = 0.0
    success_rate: float = 0.5
    """Share of runs that succeeded, pulled towards one half while there are few."""
    turn: float = 0.0
    """Credit of weighted round robin."""
    health: Health = field(default_factory=Health)

    def record(self, succeeded: bool, response_ms: float) -> None:
        """Learns from one finished run."""
        first = self.completed + self.failed == 0
        self.completed += succeeded
        self.failed += not succeeded
        self.success_rate = (self.completed + 1) / (self.completed + self.failed + 2)
        self.response_ms = response_ms if first else self.response_ms + _SMOOTHING * (response_ms - self.response_ms)
        self.error_rate += _SMOOTHING * ((not succeeded) - self.error_rate)


def load_score(tasks: float, completion: float, response_s: float, error_rate: float) -> float:
    """Load of an agent or instance: 0 is idle and flawless, 100 and more is full."""
    return tasks * 10 + (1 - completion) * 50 + min(response_s / 60, 10) * 5 + error_rate * 100


def load_of(instance: Instance) -> float:
    runs = instance.completed + instance.failed
    completion = instance.completed / runs if runs else 1.0
    return load_score(len(instance.running), completion, instance.response_ms / 1000, instance.error_rate)


def capacity_of(instance: Instance) -> float:
    return max(0.0, 100 - load_of(instance))


def _round_robin(available: Sequence[Instance], complexity: float) -> Instance:
    return available[0]


def _weighted_round_robin(available: Sequence[Instance], complexity: float) -> Instance:
    """Smooth weighted round robin: turns in proportion to the success rate, never in bursts."""
    total = 0.0
    for instance in available:
        instance.turn += instance.success_rate
        total += instance.success_rate
    chosen = max(available, key=lambda i: i.turn)
    chosen.turn -= total
    return chosen


def _least_connections(available: Sequence[Instance], complexity: float) -> Instance:
    return min(available, key=lambda i: len(i.running))


def _adaptive(available: Sequence[Instance], complexity: float) -> Instance:
    """Least (load × mean response); an instance that has not run yet counts with the mean of the others."""
    known = [i.response_ms for i in available if i.response_ms]
    usual = sum(known) / len(known) if known else 1.0
    return min(available, key=lambda i: (len(i.running) + 1) * (i.response_ms or usual))


def _load_score(available: Sequence[Instance], complexity: float) -> Instance:
    """Least loaded of those whose capacity exceeds the task's complexity (0–1 as 0–100), else least loaded of all."""
    able = [i for i in available if capacity_of(i) > complexity * 100] or available
    return min(able, key=load_of)


BALANCERS: dict[str, Callable[[Sequence[Instance], float], Instance]] = {
    "round_robin": _round_robin,
    "weighted_round_robin": _weighted_round_robin,
    "least_connections": _least_connections,
    "adaptive": _adaptive,
    "load_score": _load_score,
}
"""By name: (available instances, never empty; complexity of the task) → the instance. Who got work longest ago comes
first, and goes before an equal one.
"""
