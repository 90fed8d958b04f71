"""Whether a size will change soon is judged by how its scores scatter, and rather too often than not often enough."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.scale.mix import Phase
from lab.scale.passing import Passing
from lab.scale.settled import FEWEST, GROWS_AFTER, Score, Sizes
from tests.lab.test_scale_passing import COOLDOWN, minute

ROW = 21


def seen(scores: list[float], *, grows: bool = True, shrinks: bool = True) -> Sizes:
    sizes = Sizes(ROW)
    for score in scores:
        sizes.look({"a": Score(score, grows, shrinks)})
    return sizes


def scores(seed: int, mean: float, deviation: float, count: int) -> list[float]:
    chance = random.Random(seed)
    return [chance.gauss(mean, deviation) for _ in range(count)]


def rows(found: list[float], length: int, edge: float, sign: int) -> int:
    """How often so many looks in a row are beyond the edge; what follows a change is another row."""
    ended, now = 0, 0
    for score in found:
        now = now + 1 if sign * (score - edge) > 0 else 0
        if now == length:
            ended, now = ended + 1, 0
    return ended


@settings(max_examples=200, derandomize=True)  # what comes is a matter of chance
@given(st.integers(0, 10_000), st.floats(-0.15, 1.2), st.floats(0.01, 0.3), st.integers(20, 400))
def test_what_is_expected_is_no_less_than_what_comes(seed: int, mean: float, deviation: float, known: int) -> None:
    coming = scores(seed + 1, mean, deviation, 5000)
    changes = rows(coming, ROW, 0.0, -1) + rows(coming, GROWS_AFTER, 1.0, 1)
    expected = seen(scores(seed, mean, deviation, known)).expected(5000)
    assert changes <= 3 * expected + 3, "by chance a few more, and by a bad estimate thrice as many"


@pytest.mark.parametrize(
    ("mean", "is_settled"),
    [(0.4, True), (0.0, True), (-0.02, True), (-0.06, False), (-0.3, False), (0.9, False), (1.3, False)],
)
def test_the_edges_of_the_dead_band_are_where_sizes_change(mean: float, is_settled: bool) -> None:
    assert (seen(scores(1, mean, 0.08, 1000)).expected(8640) <= 0.5) == is_settled


def test_what_a_bound_holds_does_not_change() -> None:
    low, high = scores(1, -0.3, 0.05, 50), scores(1, 1.5, 0.05, 50)
    assert seen(low).expected(100) > 1 > seen(low, shrinks=False).expected(100)
    assert seen(high).expected(100) > 1 > seen(high, grows=False).expected(100)


def test_a_few_looks_and_those_of_another_size_prove_nothing() -> None:
    quiet = scores(1, 0.4, 0.01, 100)
    assert seen(quiet[: FEWEST - 1]).expected(1) > 0.5 > seen(quiet).expected(1000)
    sizes = seen(quiet)
    sizes.forget(["a"])
    assert sizes.expected(1) > 0.5
    sizes = seen(quiet)
    sizes.forget()
    assert sizes.expected(1) > 0.5


def test_minutes_are_not_passed_over_while_the_autoscaler_may_take_instances_away() -> None:
    def passed(mean: float) -> int:
        chance = random.Random(5)
        passing = Passing([Phase(600, 5000.0)], [], COOLDOWN, Sizes(ROW))
        while passing.simulated + passing.passed < 600:
            looks = [{"a": Score(chance.gauss(mean, 0.08), grows=True, shrinks=True)} for _ in range(2)]
            passing.minute(minute(chance, 5000.0), looks=looks)
        return passing.passed

    assert passed(0.2) > 500
    assert passed(-0.08) == 0
