"""The score test beside the chi-square, its interval beside the test turned round by brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats

from processors.experiments.proportions import Proportions, score_p

TABLES = [(56, 400, 40, 410), (999, 1000, 990, 1000), (7, 30, 2, 25)]


@pytest.mark.parametrize("table", TABLES)
def test_p_is_that_of_the_chi_square_without_correction(table: tuple[int, int, int, int]) -> None:
    a, n, b, m = table
    known = stats.chi2_contingency([[a, n - a], [b, m - b]], correction=False).pvalue
    assert Proportions(*table).p == pytest.approx(known, rel=1e-9)


def test_p_is_that_of_statsmodels() -> None:
    assert Proportions(56, 400, 40, 410).p == pytest.approx(0.061721172288281924, rel=1e-9)  # proportions_ztest


def score(difference: float, a: int, n: int, b: int, m: int) -> float:
    def unlikely(p: float) -> float:
        q = p + difference
        return -(a * np.log(q) + (n - a) * np.log(1 - q) + b * np.log(p) + (m - b) * np.log(1 - p))

    bounds = max(0, -difference) + 1e-12, min(1, 1 - difference) - 1e-12
    p = optimize.minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x
    q = p + difference
    return float((a / n - b / m - difference) / np.sqrt(q * (1 - q) / n + p * (1 - p) / m))


@pytest.mark.parametrize("table", TABLES)
def test_the_interval_ends_where_the_score_test_turns(table: tuple[int, int, int, int]) -> None:
    low, high = Proportions(*table).interval(0.05)
    assert score(low, *table) == pytest.approx(1.959963984540054, rel=1e-5)
    assert score(high, *table) == pytest.approx(-1.959963984540054, rel=1e-5)


arm = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(arm, arm)
def test_the_interval_agrees_with_p_and_flips_with_the_arms(one: tuple[int, int], other: tuple[int, int]) -> None:
    found = Proportions(*one, *other)
    low, high = found.interval(0.05)
    assert -1 <= low <= found.effect <= high <= 1
    if abs(found.p - 0.05) > 1e-9:
        assert (found.p < 0.05) == (low > 0 or high < 0)
    assert Proportions(*other, *one).interval(0.05) == pytest.approx((-high, -low), abs=1e-9)


def test_arrays_are_taken() -> None:
    assert score_p(np.array([56, 0]), 400, np.array([40, 0]), 410) == pytest.approx([0.0617211722, 1.0])
