"""What an agent's pools say of its load, and one score of it: above 1 more instances are needed, below 0 fewer do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from schemas.events import PoolStatus, ScalingSignal


class Scale(NamedTuple):
    """From `low`, below which a measure asks for fewer instances, to `high`, above which it asks for more."""

    low: float
    high: float
    weight: float

    def of(self, value: float) -> float:
        """0 at the low end, 1 at the high end."""
        return (value - self.low) / (self.high - self.low)

    def weighed(self, value: float) -> float:
        """As a part of the composite; no single measure counts for more than twice its range."""
        return self.weight * min(2.0, max(-1.0, self.of(value)))


LOAD = Scale(0.3, 0.8, 0.0)
"""Work there is as a share of the slots that are wanted. It has no weight: it decides beside the others."""
QUEUE = Scale(20, 100, 0.4)
WAIT_S = Scale(5, 30, 0.3)
CPU = Scale(0.3, 0.7, 0.2)
UTILISATION = Scale(0.3, 0.8, 0.2)
"""Beside the CPU, with which it shares a weight: an agent that waits for a model is busy without one."""
ERRORS = Scale(0.01, 0.05, 0.1)


@dataclass(frozen=True, slots=True)
class Pools:
    """All pools of one agent at one moment."""

    arrived: int
    """Attempts that ever came: those done, at work and waiting."""
    waiting: int
    running: int
    slots: int
    instances: int
    oldest_wait_s: float
    response_s: float
    error_rate: float
    quiet_us: int
    """Since a pool that has work told anything."""


def seen(statuses: Iterable[PoolStatus], now: int) -> Pools:
    """A pool tells its state when something happens, so what waits has waited on since."""
    every = list(statuses)
    slots = sum(s["slots"] for s in every)
    ages = (s["oldest_wait_ms"] / 1e3 + max(0, now - s["at"]) / 1e6 for s in every if s["waiting"])
    return Pools(
        sum(s["completed"] + s["failed"] + s["running"] + s["waiting"] for s in every),
        sum(s["waiting"] for s in every),
        sum(s["running"] for s in every),
        slots,
        sum(s["instances"] for s in every),
        max(ages, default=0.0),
        _mean(every, [s["mean_response_ms"] / 1e3 for s in every]),
        _mean(every, [s["error_rate"] for s in every]),
        max((max(0, now - s["at"]) for s in every if s["waiting"] or s["running"]), default=0),
    )


def _mean(statuses: list[PoolStatus], values: list[float]) -> float:
    """By slots; a pool without any counts as one with a single one."""
    weights = [max(1, s["slots"]) for s in statuses]
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights) if weights else 0.0


class Score(NamedTuple):
    value: float
    signals: list[ScalingSignal]


def score(pools: Pools, load: float, cpu: float | None = None, *, eases: bool = True) -> Score:
    """The load, or the composite of all measures, whichever asks for more: so more are wanted when either does, and
    fewer when both do. `cpu`: use of the processors of its hosts, where that is known; `eases`: whether more instances
    would meet others that have room."""
    busy = pools.running / pools.slots if pools.slots else 0.0
    measured = [
        ("queue", float(pools.waiting), QUEUE),
        ("wait_s", pools.oldest_wait_s, WAIT_S),
        ("utilisation", busy, UTILISATION),
        ("errors", pools.error_rate, ERRORS),
    ]
    composite = sum(scale.weighed(value) for _, value, scale in measured)
    if cpu is not None:
        measured.append(("cpu", cpu, CPU))
        if eases and busy >= UTILISATION.low:  # else it is what others do that keeps them busy
            composite += max(0.0, CPU.weighed(cpu) - UTILISATION.weighed(busy))
    told: list[ScalingSignal] = [
        {"name": name, "value": round(value, 4), "score": round(min(1.0, max(0.0, scale.of(value))), 4)}
        for name, value, scale in [("load", load, LOAD), *measured]
    ]
    return Score(round(max(LOAD.of(load), composite), 4), told)
