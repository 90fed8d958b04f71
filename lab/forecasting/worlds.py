"""Generated loads, each with its seed: what a line may see, from quiet weeks to a shift of level."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
DAY_S = 86_400


def _shape(t: Floats) -> Floats:
    """A working day: two peaks, quiet nights; weekends at half."""
    hour = t % DAY_S / 3600
    day = 20 + 60 * np.exp(-((hour - 9.5) ** 2) / 4) + 50 * np.exp(-((hour - 14.5) ** 2) / 5)
    weekday = (t // DAY_S + 3) % 7
    factor = np.where(weekday >= 5, 0.5, np.where(weekday <= 2, 1.2, 1.0))
    found: Floats = day * factor
    return found


def daily(t: Floats, random: np.random.Generator) -> Floats:
    return np.asarray(60 + 40 * np.sin(2 * np.pi * t / DAY_S) + random.normal(0, 6, len(t)))


def weekly(t: Floats, random: np.random.Generator) -> Floats:
    return _shape(t) + random.normal(0, 5, len(t))


def busy_counts(t: Floats, random: np.random.Generator) -> Floats:
    return random.poisson(_shape(t) / 3).astype(float)


def correlated(t: Floats, random: np.random.Generator) -> Floats:
    noise = np.empty(len(t))
    last = 0.0
    for i in range(len(t)):
        last = 0.9 * last + random.normal(0, 4)
        noise[i] = last
    return np.maximum(_shape(t) + noise, 0)


def trend(t: Floats, random: np.random.Generator) -> Floats:
    return np.asarray(_shape(t) + (t - t[0]) / DAY_S * 4 + random.normal(0, 5, len(t)))


def growing(t: Floats, random: np.random.Generator) -> Floats:
    return np.asarray(_shape(t) * np.exp((t - t[0]) / DAY_S * 0.04) * random.lognormal(0, 0.12, len(t)))


def shift(t: Floats, random: np.random.Generator) -> Floats:
    return np.asarray(_shape(t) + 60 * (np.arange(len(t)) > 0.7 * len(t)) + random.normal(0, 5, len(t)))


def outliers(t: Floats, random: np.random.Generator) -> Floats:
    spikes = np.where(random.random(len(t)) < 0.02, random.uniform(200, 900, len(t)), 0)
    return _shape(t) + random.normal(0, 5, len(t)) + spikes


def sparse(t: Floats, random: np.random.Generator) -> Floats:
    return random.poisson(_shape(t) / 500).astype(float)


def bursts(t: Floats, random: np.random.Generator) -> Floats:
    return np.asarray(np.where(random.random(len(t)) < 0.05, random.lognormal(3, 1, len(t)), 0.0))


def walk(t: Floats, random: np.random.Generator) -> Floats:
    return np.asarray(500 + np.cumsum(random.normal(0, 2, len(t))))


def noise(t: Floats, random: np.random.Generator) -> Floats:
    return np.asarray(random.gamma(4, 10, len(t)))


WORLDS: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {
    make.__name__.replace("_", " "): make
    for make in (daily, weekly, busy_counts, correlated, trend, growing, shift, outliers, sparse, bursts, walk, noise)
}
START_S = 1_772_409_600 + 6 * DAY_S  # Monday 2026-03-09 00:00 UTC would do as any other


def world(name: str, *, days: int, step_s: int, seed: int) -> tuple[Floats, Floats]:
    """Times in seconds and values."""
    t = START_S + np.arange(days * DAY_S // step_s, dtype=np.float64) * step_s
    return t, WORLDS[name](t, np.random.default_rng(seed))
