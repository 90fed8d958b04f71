"""The promises of the statistics, each with what the simulations measured."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import sqrt

import numpy as np

from lab.stats import bandits, planned, worlds
from lab.stats import simulations as simulated

SIGMAS = 3
"""How far a rate that is exactly at its bar may be measured above it: chance takes it further once in a thousand."""


@dataclass(frozen=True)
class Bar:
    promise: str
    bar: str
    measured: str
    passed: bool


def bars(seed: int, runs: int, processes: int = 1) -> Iterator[Bar]:
    """In order, each subject as soon as it is measured. Every one has its own generator, by its name, so one can change
    alone."""
    with ProcessPoolExecutor(processes) as pool:
        waiting = [pool.submit(measured, name, seed, runs) for name in SUBJECTS]
        for subject in waiting:
            yield from subject.result()


def measured(name: str, seed: int, runs: int) -> list[Bar]:
    """The bars of one subject."""
    return list(SUBJECTS[name](np.random.default_rng([seed, *name.encode()]), runs))


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


def _engine(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    runs = max(1, runs // 10)  # each is 14 full analyses
    winners, invalid = simulated.verdicts(random, runs)
    yield Bar("A/A, whole engine, 2 metrics, 14 looks: a winner", "≤ 5 %", f"{winners:.2%}", winners <= 0.05)
    yield Bar("The same: invalid", "≤ 0.1 %", f"{invalid:.2%}", exact(invalid, runs, 0.001))


def _world(name: str, random: np.random.Generator, runs: int) -> Iterator[Bar]:
    rate = worlds.NULLS[name].verdicts(random, runs)
    yield Bar(f"A/A, {worlds.LOOKS} daily looks, sequence, {name}", "≤ 5 %", f"{rate:.2%}", rate <= 0.05)


def _guardrail(name: str, random: np.random.Generator, runs: int) -> Iterator[Bar]:
    rate = worlds.GUARDRAILS[name].stops(random, runs)
    yield Bar(f"A/A, a guardrail stops an arm, {name}", "≤ 5 %", f"{rate:.2%}", rate <= 0.05)


def _planned(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    for name, (known, seen) in planned.power_of_sequences(random, runs):
        text = f"{seen:.1%}, planned {known:.1%}"
        yield Bar(f"Power, 28 daily looks, {name}", "within 3 points", text, abs(seen - known) <= 0.03)
    known, seen = planned.units_until_verdict(random, runs)
    text = f"{seen:,.0f}, planned {known:,.0f}"
    yield Bar("Mean units until the verdict of a sequence", "within 3 %", text, abs(seen / known - 1) <= 0.03)


def _bandit(name: str, random: np.random.Generator, runs: int) -> Iterator[Bar]:
    bandit = bandits.BANDITS[name]
    seen = bandits.seen(random, runs, bandit)
    if not bandit.drift:  # where means move, that of an arm is an average over the time in which it was chosen
        covered = f"{seen.means_cover:.1%}"
        yield Bar(f"Bandit, {name}: interval of a mean covers", "≥ 94 %", covered, seen.means_cover >= 0.94)
        biases = f"{seen.bias:.4f}; {seen.plain_bias:.4f}"
        yield Bar("The same, greatest bias of a mean; of a plain one", "smaller", biases, seen.bias < seen.plain_bias)
    covered = f"{seen.effects_cover:.1%}"
    yield Bar(f"Bandit, {name}: interval of an effect covers", "≥ 94 %", covered, seen.effects_cover >= 0.94)
    missed = f"{seen.sequences_miss:.2%}"
    yield Bar("The same, sequence at any batch misses", "≤ 5 %", missed, seen.sequences_miss <= 0.05)


def _logged(random: np.random.Generator, runs: int) -> Iterator[Bar]:
    for name in ("2 arms, 30 % and 40 %", "4 arms, 30 to 50 %"):
        sequential, once = bandits.false_mismatches(random, runs, bandits.BANDITS[name])
        shown = f"{sequential:.3%}"
        yield Bar(f"SRM false alarms by propensity, at any look, {name}", "≤ 0.1 %", shown, sequential <= 0.001)
        yield Bar("The same, single look", "≤ 0.1 %", f"{once:.3%}", once <= 0.001)
    runs = max(1, runs // 10)
    finds, _ = bandits.false_mismatches(random, runs, bandits.Bandit((0.3, 0.3), size=1000, lost=0.1))
    yield Bar("A tenth of an arm lost, found in 20,000 units", "≥ 80 %", f"{finds:.1%}", finds >= 0.8)


SUBJECTS: dict[str, Callable[[np.random.Generator, int], Iterator[Bar]]] = {
    "looks": _looks,
    **{f"world {name}": partial(_world, name) for name in worlds.NULLS},
    **{f"guardrail {name}": partial(_guardrail, name) for name in worlds.GUARDRAILS},
    "sample ratio": _sample_ratio,
    "fixed": _fixed,
    "power": _power,
    "planned": _planned,
    "cuped": _cuped,
    "clusters": _clusters,
    "several": _several,
    **{f"bandit {name}": partial(_bandit, name) for name in bandits.BANDITS},
    "logged": _logged,
    "engine": _engine,
}
"""What is simulated, in the order of the page."""
