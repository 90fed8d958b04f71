"""Simulated experiments whose truth is known. Each function returns how often, or by how much, something was so.

They call the formulas of `processors.experiments`, on arrays of experiments where these take arrays. Pure: the random
generator comes in.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from processors.experiments import sample_ratio, sequences
from processors.experiments.analysis import analyze
from processors.experiments.covariates import adjusted, variance_cut
from processors.experiments.distributions import Floats, Ints, student_two_sided
from processors.experiments.estimates import (
    Estimate,
    difference,
    mean_of,
    pooled_variance,
    quantile_of,
    ratio_of,
    welch,
)
from processors.experiments.metrics import Metric
from processors.experiments.multiplicity import holm
from processors.experiments.planning import power_of_means, power_of_proportions
from processors.experiments.proportions import score_p
from processors.experiments.ranks import mann_whitney
from processors.experiments.report import Plan
from processors.experiments.rows import Rows

ALPHA = 0.05
LOOKS = 28
UNITS_A_DAY = 50
"""In each variant: the first look is at `sequences.UNITS_MIN`, the earliest at which there is a verdict."""
BATCH = 500
"""Experiments simulated at once: bounds the memory."""

Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

OUTCOMES: dict[str, Draw] = {
    "normal": lambda random, shape: random.normal(size=shape),
    "lognormal, sigma 1": lambda random, shape: random.lognormal(0, 1, size=shape),
    "5 % successes": lambda random, shape: random.binomial(1, 0.05, size=shape).astype(np.float64),
}


def daily_looks(
    random: np.random.Generator, runs: int, draw: Draw, daily: tuple[int, int] = (UNITS_A_DAY, UNITS_A_DAY)
) -> tuple[float, float]:
    """A/A experiments looked at every day: the share in which the confidence sequence, and the share in which a t-test,
    ever sees a difference. `daily` units come to each arm."""
    sequence = naive = 0
    counts = [units * np.arange(1, LOOKS + 1, dtype=np.float64) for units in daily]
    for size in batches(runs):
        arms = [moments(draw(random, (size, LOOKS, units)), n) for units, n in zip(daily, counts, strict=True)]
        effect, error, df = welch(*arms)
        naive += ever(student_two_sided(effect / error, df) <= ALPHA)
        parts = [variance / n for (_, variance, n) in arms]
        pooled = pooled_variance(parts[0], counts[0], parts[1], counts[1])
        error = np.sqrt(np.maximum(error**2, pooled))
        p = sequences.always_valid_p(effect, error, df, sequences.mixing(*counts))
        sequence += ever(p <= ALPHA)
    return sequence / runs, naive / runs


def sample_ratio_alarms(random: np.random.Generator, runs: int) -> tuple[float, float, float]:
    """Sound assignments: false alarms of the sequential test looked at daily, of chi-square looked at once at the end,
    and of chi-square looked at daily."""
    split = (0.5, 0.3, 0.2)
    sequential = once = daily = 0
    for size in batches(runs):
        counts = random.multinomial(200, split, size=(size, LOOKS)).cumsum(axis=1)
        sequential += ever(sample_ratio.sequential_p(counts, split) < sample_ratio.SEQUENTIAL_ALARM)
        alarms = sample_ratio.chi_square_p(counts, split) < sample_ratio.CHI_SQUARE_ALARM
        once += int(np.count_nonzero(alarms[:, -1]))
        daily += ever(alarms)
    return sequential / runs, once / runs, daily / runs


def sample_ratio_finds(random: np.random.Generator, runs: int) -> float:
    """How often 28 daily looks find that the split is 53 : 47 instead of even, with 400 units a day."""
    found = 0
    for size in batches(runs):
        counts = random.multinomial(400, (0.53, 0.47), size=(size, LOOKS)).cumsum(axis=1)
        found += ever(sample_ratio.sequential_p(counts, (0.5, 0.5)) < sample_ratio.SEQUENTIAL_ALARM)
    return found / runs


def power_gaps(random: np.random.Generator, runs: int) -> dict[str, tuple[float, float]]:
    """Textbook power and simulated power of fixed-horizon tests."""
    found = {}
    for effect, units in ((0.2, 100), (0.2, 300), (0.2, 500)):
        known = power_of_means(effect, 1.0, units)
        seen = 0
        for size in batches(runs):
            arms = [random.normal(shift, 1, size=(size, units)) for shift in (effect, 0.0)]
            moments = [(values.mean(axis=1), values.var(axis=1, ddof=1), units) for values in arms]
            value, error, df = welch(*moments)
            seen += int(np.count_nonzero(student_two_sided(value / error, df) <= ALPHA))
        found[f"t-test, effect {effect:g} deviations, {units} units a variant"] = (known, seen / runs)
    for control, treated, units in ((0.10, 0.12, 3841), (0.05, 0.08, 1000)):
        known = power_of_proportions(control, treated, units)
        p = score_p(random.binomial(units, treated, runs), units, random.binomial(units, control, runs), units)
        found[f"proportions {control:.0%} and {treated:.0%}, {units:,} units"] = (known, float(np.mean(p <= ALPHA)))
    return found


def cuped(random: np.random.Generator, runs: int, correlation: float, units: int = 500) -> tuple[float, float]:
    """Mean cut of the variance, and how often the adjusted test sees a difference that is none."""
    cuts, found = 0.0, 0
    noise = np.sqrt(1 - correlation**2)
    for _ in range(runs):
        before = random.normal(size=2 * units)
        after = correlation * before + noise * random.normal(size=2 * units)
        raw = _arms(after, units)
        better = adjusted(raw, before[:, np.newaxis])
        effect = difference(better[0], better[1])
        cuts += variance_cut(difference(raw[0], raw[1]), effect)
        found += effect.p <= ALPHA
    return cuts / runs, found / runs


def clusters(random: np.random.Generator, runs: int, *, crossed: bool) -> tuple[float, float]:
    """A/A experiments on 24 clusters of 5 to 60 units, of which a fifth of the variance is the clusters' own: how often
    the robust and the naive test see a difference. `crossed`: units are assigned, and react to their arm by cluster."""
    robust = naive = 0
    for _ in range(runs):
        owners = np.repeat(np.arange(24), random.integers(5, 61, size=24))
        arm = random.integers(0, 2, size=len(owners)) if crossed else random.permutation(24)[owners] % 2
        shared = random.normal(0, 0.5, size=(24, 2 if crossed else 1))
        values = random.normal(size=len(owners)) + shared[owners, arm if crossed else 0]
        units = np.arange(len(owners))
        for key, label in (("robust", owners), ("naive", units)):
            arms = [mean_of(values[arm == i], units[arm == i], label[arm == i]) for i in (1, 0)]
            seen = difference(arms[0], arms[1]).p <= ALPHA
            robust, naive = (robust + seen, naive) if key == "robust" else (robust, naive + seen)
    return robust / runs, naive / runs


def fixed_tests(random: np.random.Generator, runs: int, units: int = 400) -> dict[str, float]:
    """A/A experiments looked at once: how often each kind of test sees a difference."""
    seen = dict.fromkeys(("Mann-Whitney U", "ratio", "median", "quantile 0.9"), 0)
    owners = np.arange(2 * units)
    halves = owners[:units], owners[units:]
    for _ in range(runs):
        values = random.lognormal(0, 1, size=2 * units)
        below = np.asarray(random.poisson(5, size=2 * units) + 1, dtype=np.float64)
        above = below * random.beta(2, 6, size=2 * units)
        seen["Mann-Whitney U"] += mann_whitney(values[:units], values[units:])[1] <= ALPHA
        arms = [ratio_of(above[half], below[half], half, half) for half in halves]
        seen["ratio"] += difference(arms[0], arms[1]).p <= ALPHA
        for name, share in (("median", 0.5), ("quantile 0.9", 0.9)):
            arms = [quantile_of(values[half], share, half, half) for half in halves]
            seen[name] += difference(arms[0], arms[1]).p <= ALPHA
    return {name: count / runs for name, count in seen.items()}


def family_errors(random: np.random.Generator, runs: int) -> float:
    """Five correlated comparisons without any difference: how often Holm finds one."""
    z = 0.7 * random.normal(size=(runs, 1)) + np.sqrt(0.51) * random.normal(size=(runs, 5))
    p = student_two_sided(z, 1e9)
    return float(np.mean([min(holm(row.tolist(), ALPHA).p) <= ALPHA for row in p]))


def verdicts(random: np.random.Generator, runs: int, looks: int = 14) -> tuple[float, float]:
    """A/A experiments through the whole engine, looked at daily: how often there was ever a winner, ever `invalid`."""
    winners = invalid = 0
    plan = Plan([Metric("spend", "mean", "spend"), Metric("paid", "binary", "paid")])
    for _ in range(runs):
        days = [_day(random, day) for day in range(looks)]
        arms, paid, spend = (np.concatenate(column) for column in zip(*days, strict=True))
        words = set()
        for look in range(1, looks + 1):
            until = look * 2 * UNITS_A_DAY
            columns = {"spend": spend[:until], "paid": paid[:until]}
            words.add(analyze(Rows(("control", "b"), np.arange(until), arms[:until], columns), plan).verdict)
        winners += "winner" in words
        invalid += "invalid" in words
    return winners / runs, invalid / runs


def _day(random: np.random.Generator, day: int) -> tuple[Ints, Floats, Floats]:
    size = 2 * UNITS_A_DAY
    paid = random.binomial(1, 0.2, size).astype(np.float64)
    return random.integers(0, 2, size), paid, paid * random.lognormal(1, 1, size)


def _arms(values: Floats, units: int) -> list[Estimate]:
    owners = np.arange(len(values))
    return [mean_of(values[half], owners[half], owners[half]) for half in (slice(units, None), slice(0, units))]


def moments(drawn: Floats, counts: Floats) -> tuple[Any, Any, Any]:
    """Mean, sample variance and count of each experiment at each look."""
    means = drawn.sum(axis=2).cumsum(axis=1) / counts
    squares = (drawn**2).sum(axis=2).cumsum(axis=1)
    # Never quite zero: with no success yet in either arm there is no difference to be sure of.
    return means, np.maximum((squares - counts * means**2) / (counts - 1), 1e-12), counts


def ever(seen: Any) -> int:
    return int(np.count_nonzero(np.any(seen, axis=1)))


def batches(runs: int) -> Iterator[int]:
    for start in range(0, runs, BATCH):
        yield min(BATCH, runs - start)
