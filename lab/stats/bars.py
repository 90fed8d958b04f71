"""The promises of the statistics, each with what the simulations measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np

from lab.stats import simulations as simulated

SIGMAS = 3
"""How far a rate that is exactly at its bar may be measured above it: chance takes it further once in a thousand."""


@dataclass(frozen=True)
class Bar:
    promise: str
    bar: str
    measured: str
    passed: bool


def bars(seed: int, runs: int) -> Iterator[Bar]:
    """Each as soon as it is measured. Every subject has its own generator, so one can change alone."""
    subjects = (_looks, _sample_ratio, _fixed, _power, _cuped, _clusters, _several, _bandit, _engine)
    for subject, child in zip(subjects, np.random.SeedSequence(seed).spawn(len(subjects)), strict=True):
        yield from subject(np.random.default_rng(child), runs)


def exact(rate: float, runs: int, bar: float = 0.05) -> bool:
    """Whether a rate that should be `bar` at most can be it, given this many simulations."""
    return rate <= bar + SIGMAS * sqrt(bar * (1 - bar) / runs)


def _looks(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    for name, draw in simulated.OUTCOMES.items():
        sequence, naive = simulated.daily_looks(random, runs, draw)
        yield Bar(f"A/A, {simulated.LOOKS} daily looks, sequence, {name}", "≤ 5 %", f"{sequence:.2%}", sequence <= 0.05)
        yield Bar(f"The same, t-test at each look: must fail, {name}", "> 5 %", f"{naive:.2%}", naive > 0.05)
    for name, draw in simulated.OUTCOMES.items():
        sequence, _ = simulated.daily_looks(random, runs, draw, daily=(10, 90))
        yield Bar(f"A/A, the same looks, sequence, arms 10 : 90, {name}", "≤ 5 %", f"{sequence:.2%}", sequence <= 0.05)


def _sample_ratio(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    runs *= 10  # these are rare, and cheap
    sequential, once, daily = simulated.sample_ratio_alarms(random, runs)
    yield Bar("SRM false alarms, sequential, daily looks", "≤ 0.1 %", f"{sequential:.3%}", sequential <= 0.001)
    yield Bar("SRM false alarms, chi-square, one look", "≤ 0.1 %", f"{once:.3%}", exact(once, runs, 0.0005))
    yield Bar("The same, chi-square at each look: why there is the other", "> 0.05 %", f"{daily:.3%}", daily > once)
    finds = simulated.sample_ratio_finds(random, runs // 10)
    yield Bar("SRM of 53 : 47 found in 28 days of 400 units", "≥ 80 %", f"{finds:.1%}", finds >= 0.8)


def _fixed(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    for name, rate in simulated.fixed_tests(random, runs).items():
        yield Bar(f"A/A, one look, {name}", "≤ 5 %", f"{rate:.2%}", exact(rate, runs))


def _power(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    for name, (known, seen) in simulated.power_gaps(random, runs).items():
        text = f"{seen:.1%}, textbook {known:.1%}"
        yield Bar(f"Power, {name}", "within 2 points", text, abs(seen - known) <= 0.02)


def _cuped(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    for correlation in (0.3, 0.6, 0.9):
        cut, errors = simulated.cuped(random, runs, correlation)
        gap = abs(cut - correlation**2)
        yield Bar(
            f"CUPED, correlation {correlation}: variance cut",
            f"{correlation**2:.0%} ± 1 point",
            f"{cut:.1%}",
            gap < 0.01,
        )
        yield Bar(f"CUPED, correlation {correlation}: A/A, one look", "≤ 5 %", f"{errors:.2%}", exact(errors, runs))


def _clusters(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    for crossed, name in ((False, "24 clusters, assigned whole"), (True, "24 clusters in both arms")):
        robust, naive = simulated.clusters(random, runs, crossed=crossed)
        yield Bar(f"A/A, {name}, robust", "≤ 5 %", f"{robust:.2%}", exact(robust, runs))
        yield Bar(f"A/A, {name}, naive: must fail", "> 10 %", f"{naive:.2%}", naive > 0.1)


def _several(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    rate = simulated.family_errors(random, runs)
    yield Bar("Five null comparisons, any found after Holm", "≤ 5 %", f"{rate:.2%}", exact(rate, runs))


def _bandit(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    covered, bias, plain = simulated.bandit(random, runs)
    yield Bar(
        "Thompson sampling, weighted interval covers", "95 % ± 1", f"{covered:.1%}", exact(1 - covered, runs, 0.06)
    )
    yield Bar("The same, bias; of the plain mean", "smaller", f"{bias:+.4f}; {plain:+.4f}", abs(bias) < abs(plain))


def _engine(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    runs = max(1, runs // 10)  # each is 14 full analyses
    winners, invalid = simulated.verdicts(random, runs)
    yield Bar("A/A, whole engine, 2 metrics, 14 looks: a winner", "≤ 5 %", f"{winners:.2%}", winners <= 0.05)
    yield Bar("The same: invalid", "≤ 0.1 %", f"{invalid:.2%}", exact(invalid, runs, 0.001))
