"""What is passed over is quiet, the rest is simulated, and both together are the whole scenario, weighed as it came."""

import random
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.scale.compare import compare, table
from lab.scale.fleet import simulate
from lab.scale.mix import Phase
from lab.scale.passing import AHEAD, BEHIND, FIRST, LONGEST, WINDOW, Mishap, Passing, alike
from lab.scale.scenario import FOLDER, load
from lab.scale.tally import Minute, Stretch, Tally
from lab.scale.weighing import Waits, weighed

COOLDOWN = 10.0


def minute(chance: random.Random, rate: float, waiting: int = 0) -> Minute:
    """One of a steady state: what ends and runs is as many as come, but for chance."""
    ended, running = (max(0, round(chance.gauss(rate, rate**0.5))) for _ in range(2))
    return Minute(200, waiting, running, ended, 1000)


def passed(passing: Passing, length: float, seen: Any, resized: frozenset[int] = frozenset()) -> list[Stretch]:
    """Runs a scenario to its end; `seen` tells the minute that ends at a time."""
    stretches = []
    while (at := passing.simulated + passing.passed + 1) < length:
        stretch = passing.minute(seen(at), ["a"] if passing.simulated in resized else [])
        stretches += [stretch] if stretch else []
    return stretches


phases = st.lists(
    st.builds(Phase, st.floats(0.5, 300.0), st.sampled_from([0.0, 100.0, 5000.0])), min_size=1, max_size=5
)
mishaps = st.lists(
    st.builds(lambda at, away: Mishap(at, at + away), st.floats(0.0, 600.0), st.floats(0.1, 5.0)), max_size=8
)


@settings(max_examples=200)
@given(phases, mishaps, st.frozensets(st.integers(0, 80), max_size=4), st.booleans(), st.integers(0, 100))
def test_nothing_is_passed_over_that_is_near_a_mishap_another_load_or_another_size(
    loads: list[Phase], hurt: list[Mishap], resized: frozenset[int], is_noisy: bool, seed: int
) -> None:
    chance, length = random.Random(seed), sum(phase.minutes for phase in loads)
    ends = [sum(phase.minutes for phase in loads[: n + 1]) for n in range(len(loads))]

    def seen(at: float) -> Minute:
        rate = next(phase.per_minute for phase, end in zip(loads, ends, strict=True) if at <= end)
        return minute(chance, rate * chance.choice([1.0, 1.5] if is_noisy else [1.0]))

    passing = Passing(loads, hurt, COOLDOWN)
    stretches = passed(passing, length, seen, resized)
    assert sum(stretch.minutes for stretch in stretches) == passing.passed
    assert 0 <= length - passing.simulated - passing.passed <= 1  # the last minute is simulated and asks nobody
    before = 0
    changes: list[float] = [0.0]  # in the scenario's time
    for stretch in stretches:
        opens = stretch.after + before
        closes = opens + stretch.minutes
        before += stretch.minutes
        at_most = sum(s.minutes for s in stretches if s.after < stretch.after)
        changes = [n + 1 + sum(s.minutes for s in stretches if s.after <= n) for n in resized if n < stretch.after]
        assert at_most == opens - stretch.after
        assert all(opens - at > COOLDOWN for at in changes)
        assert all(end + COOLDOWN < opens or closes + AHEAD <= end for end in (0.0, *ends))
        assert all(one.over + BEHIND <= opens or closes + AHEAD <= one.begins for one in hurt)
        assert 1 <= stretch.minutes <= LONGEST
        assert len(stretch.like) >= FIRST
        assert all(earlier < later <= stretch.after for earlier, later in pairwise((*stretch.like, stretch.after)))


def test_a_steady_day_is_a_handful_of_windows_and_stretches_that_double() -> None:
    chance = random.Random(1)
    passing = Passing([Phase(1440, 5000.0)], [], COOLDOWN)
    stretches = passed(passing, 1440, lambda at: minute(chance, 5000.0))
    lengths = [stretch.minutes for stretch in stretches]
    assert lengths[:6] == [10, 20, 40, 80, 160, 240]
    assert all(later.after - earlier.after == WINDOW for earlier, later in pairwise(stretches))
    assert passing.simulated < 60
    assert sum(stretch.tasks for stretch in stretches) == pytest.approx(5000 * passing.passed)


def test_a_full_queue_is_steady_and_one_that_grows_shrinks_or_jumps_is_not() -> None:
    chance = random.Random(2)

    def minutes_passed(waiting: Any) -> int:
        passing = Passing([Phase(300, 2000.0)], [], 0.0)
        passed(passing, 300, lambda at: minute(chance, 2000.0, round(waiting(at))))
        return passing.passed

    assert minutes_passed(lambda at: 3000 + chance.gauss(0, 10)) > 200
    assert minutes_passed(lambda at: 100 * at) == 0
    assert minutes_passed(lambda at: 60_000 - 70 * at) == 0
    assert minutes_passed(lambda at: 3000 if at // 5 % 2 else 2000) == 0


def test_what_follows_a_mishap_needs_no_ten_minutes_again_unless_it_has_changed_something() -> None:
    chance = random.Random(3)
    hurt = [Mishap(60.0 * n, 60.0 * n + 1) for n in (1, 2, 3)]
    same = Passing([Phase(240, 5000.0)], hurt, 0.0)
    passed(same, 240, lambda at: minute(chance, 5000.0))
    other = Passing([Phase(240, 5000.0)], hurt, 0.0)
    after: list[int] = []

    def seen(at: float) -> Minute:
        after.extend([other.simulated] if at > 60 else [])
        return minute(chance, 5000.0 if at <= 60 else 6000.0)

    stretches = passed(other, 240, seen)
    assert same.simulated < other.simulated
    assert {min(stretch.like) >= after[0] for stretch in stretches if stretch.after > after[0]} == {True}


@given(st.integers(0, 10_000), st.integers(1, 5000), st.integers(3, 60), st.integers(3, 60))
def test_minutes_are_alike_whichever_are_called_known(seed: int, rate: int, known: int, newest: int) -> None:
    chance = random.Random(seed)
    ours, theirs = ([minute(chance, rate) for _ in range(count)] for count in (known, newest))
    if not alike(ours, theirs):
        assert not alike(theirs, ours)
    twice = [m._replace(ended=2 * m.ended + 100) for m in theirs]
    assert not alike(ours, twice)


@given(st.lists(st.tuples(st.integers(0, 10**9), st.integers(1, 5)), min_size=1, max_size=50))
def test_a_wait_that_counts_more_often_counts_as_if_it_had_come_so_often(found: list[tuple[int, int]]) -> None:
    values, times = (
        np.array(part, dtype) for part, dtype in zip(zip(*found, strict=True), (np.int64, float), strict=True)
    )
    repeated = np.repeat(values, times.astype(int))
    assert Waits(values, times).quantiles() == Waits(repeated, np.ones(len(repeated))).quantiles()


def test_a_stretch_counts_as_the_minutes_that_stand_for_it() -> None:
    tally = Tally(0, end=3 * 60_000_000)
    for number in range(3):
        tally.marks.append(tally.counts(0))
        tally.statuses.update({"completed": 100, "failed": number})
        tally.waits[5].extend([number] * 100)
        tally.cost_usd_micros += 1000
        tally.minutes.append(Minute(200, number, 50, 100, 0))
    tally.marks.append(tally.counts(0))
    tally.handed_in = 303
    plain = weighed(tally)
    assert (plain.handed_in, plain.counts) == (303, tally.counts(0) + Counter())
    tally.passed.append(Stretch(3, 10, 1010.0, (0, 2)))
    with_it = weighed(tally)
    assert with_it.counts["status", "completed"] == 300 + 1000
    assert with_it.counts["status", "failed"] == 3 + 10
    assert with_it.counts["cost", "usd_micros"] == 3000 + 10_000
    assert with_it.handed_in == 303 + 1010
    assert list(np.bincount(with_it.waits[5].values, with_it.waits[5].weights)) == pytest.approx([600, 100, 600])
    assert [m.waiting for m in with_it.minutes] == [0, 1, 2, *[0, 2] * 5]
    assert tally.scenario_us(170_000_000) == 170_000_000
    assert tally.scenario_us(180_000_000) == 780_000_000


def test_a_quick_run_tells_nearly_the_same_says_so_and_has_all_mishaps() -> None:
    scenario = replace(load(FOLDER / "chaos.yaml").cut(100), targets=load(FOLDER / "chaos.yaml").targets)
    whole, quick = simulate(scenario, 40), simulate(scenario, 40, quick=True)
    assert whole["passed_over_minutes"] == 0
    assert quick["passed_over_minutes"] > 20
    assert quick["simulated_minutes"] + quick["passed_over_minutes"] == whole["simulated_minutes"] == 100
    assert quick["kills"] == whole["kills"] == 6
    assert len(quick["minutes"]["completed"]) == len(whole["minutes"]["completed"]) == 100
    assert (quick["lost"], quick["doubled"], quick["left"]) == (0, 0, 0)
    assert quick["throughput_per_minute"] == pytest.approx(whole["throughput_per_minute"], rel=0.05)
    assert quick["utilisation"] == pytest.approx(whole["utilisation"], rel=0.05)
    assert quick["cost_usd_micros"] == pytest.approx(whole["cost_usd_micros"], rel=0.05)
    assert quick == simulate(scenario, 40, quick=True)


def test_what_is_too_far_apart_is_told() -> None:
    found: dict[str, Any] = {
        "throughput_per_minute": 500.0,
        "utilisation": 0.5,
        "wait_p50_s": 10.0,
        "wait_p99_s": 20.0,
        "refused": 0.0,
        "errors": 0.0,
        "cost_usd_micros": 1_000_000,
        "instances": {"last": 200},
        "spread": 0.02,
        "recovery_max_s": None,
    }
    assert all(row.holds for row in compare(found, {**found, "throughput_per_minute": 504.0, "wait_p50_s": 10.9}))
    apart = {
        row.figure for row in compare(found, {**found, "wait_p50_s": 11.1, "recovery_max_s": 10.0}) if not row.holds
    }
    assert apart == {"wait_p50_s", "recovery_max_s"}
    assert table(compare(found, {**found, "utilisation": 0.6})).count("DIFFERS") == 1
