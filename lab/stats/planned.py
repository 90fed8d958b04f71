"""What was planned beside what came: the power of sequences looked at daily, and the units until their verdict."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lab.stats.simulations import batches, moments
from lab.stats.worlds import LOOKS, cuped, new_clusters
from processors.experiments import sequences
from processors.experiments.design import Question
from processors.experiments.distributions import Number
from processors.experiments.estimates import pooled_variance, welch
from processors.experiments.outlook import plan_of
from processors.experiments.proportions import cautious_variance

ALPHA = sequences.ALPHA
Bools = NDArray[np.bool_]
Pair = tuple[float, float]
"""Planned, and seen."""


def power_of_sequences(random: np.random.Generator, runs: int) -> Iterator[tuple[str, Pair]]:
    question = Question("mean", deviation=1.0, effect=0.15, units=2800, units_a_day=100)
    yield "means, 0.15 deviations", (plan_of(question).power, _proportion_of(_means(random, runs, 0.15)))
    question = Question("binary", 0.9, effect=0.03, units=5600, units_a_day=200)
    yield "shares, 90 % and 93 %", (plan_of(question).power, _proportion_of(_shares(random, runs, 100, 100)))
    split = {"control": 0.8, "b": 0.2}
    question = Question("binary", 0.9, effect=0.03, units=14_000, units_a_day=500, split=split)
    yield "the same, arms 80 : 20", (plan_of(question).power, _proportion_of(_shares(random, runs, 100, 400)))
    runs = max(1, runs // 5)  # each look is a whole estimate
    question = Question("mean", deviation=1.0, effect=0.12, units=2800, units_a_day=100, correlation=0.6)
    yield "skewed means with CUPED", (plan_of(question).power, cuped(50, 50, 0.12).verdicts(random, runs))
    clusters = Question(
        "mean", deviation=1, effect=0.2, units=2240, units_a_day=80, cluster_size=8, intraclass_correlation=0.2
    )
    seen = new_clusters(5, 0.2, 8).verdicts(random, runs)
    yield "10 new clusters of 8 a day", (plan_of(clusters).power, seen)


def units_until_verdict(random: np.random.Generator, runs: int) -> Pair:
    """Mean units, when an experiment is given up after four weeks."""
    planned = plan_of(Question("mean", deviation=1.0, effect=0.15, units=2800, units_a_day=100)).expected_units
    found = _means(random, runs, 0.15)
    days = np.where(found.any(axis=1), found.argmax(axis=1) + 1, LOOKS)
    return float(planned or 0), float(days.mean() * 100)


def _proportion_of(found: Bools) -> float:
    return float(found.any(axis=1).mean())


def _means(random: np.random.Generator, runs: int, effect: float) -> Bools:
    """For each experiment and day whether the sequence excludes zero; 50 units a day in each arm."""
    found = []
    counts = 50 * np.arange(1, LOOKS + 1, dtype=np.float64)
    for size in batches(runs):
        arms = [moments(random.normal(shift, 1, (size, LOOKS, 50)), counts) for shift in (effect, 0.0)]
        value, error, df = welch(*arms)
        found.append(_excludes_zero(value, error, df, counts, counts))
    return np.concatenate(found)


def _shares(random: np.random.Generator, runs: int, treated: int, control: int) -> Bools:
    """The same for 93 % beside 90 %, with the cautious error of the engine."""
    days = np.arange(1.0, LOOKS + 1)
    successes = [
        random.binomial(daily, rate, (runs, LOOKS)).cumsum(axis=1) for daily, rate in ((treated, 0.93), (control, 0.9))
    ]
    counts = [treated * days, control * days]
    parts = [cautious_variance(seen, count) for seen, count in zip(successes, counts, strict=True)]
    pooled = pooled_variance(parts[0], counts[0], parts[1], counts[1])
    error = np.sqrt(np.maximum(parts[0] + parts[1], pooled))
    value = successes[0] / counts[0] - successes[1] / counts[1]
    return _excludes_zero(value, error, counts[0] + counts[1] - 2, counts[0], counts[1])


def _excludes_zero(value: Number, error: Number, df: Number, treated: Number, control: Number) -> Bools:
    excludes: Bools = sequences.always_valid_p(value, error, df, sequences.mixing(treated, control)) <= ALPHA
    return excludes
