"""Confidence sequences: the boundary as published, its agreement with the always-valid p, and its tuning."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from processors.experiments.sequences import TIGHTEST, UNITS_TUNED_FOR, always_valid_p, boundary, mixing, radius
from processors.experiments.stopping import stopped

MANY = 1e9
"""Degrees of freedom at which Student's distribution is the normal."""


def test_the_radius_is_the_published_boundary() -> None:
    """Waudby-Smith et al.: sqrt((t rho² + 1) / (t² rho²) log((t rho² + 1) / alpha²)), sigma 1, after t observations."""
    for t in (10, 1000, 50_000):
        rho = 0.05
        known = np.sqrt((t * rho**2 + 1) / (t**2 * rho**2) * np.log((t * rho**2 + 1) / 0.05**2))
        assert radius(t**-0.5, MANY, t * rho**2, 0.05) == pytest.approx(known, rel=1e-5)


@given(st.floats(-6, 6), st.floats(0.01, 1000), st.floats(3, 10_000), st.sampled_from([0.05, 0.01, 0.001]))
def test_the_sequence_excludes_zero_exactly_when_its_p_is_small(z: float, r: float, df: float, alpha: float) -> None:
    p = float(always_valid_p(z, 1.0, df, r))
    if abs(p - alpha) > 1e-6:
        assert (p < alpha) == (abs(z) > radius(1.0, df, r, alpha))


@given(st.floats(0.01, 1000), st.floats(3, 10_000), st.sampled_from([0.05, 0.01]))
def test_a_sequence_is_wider_than_an_interval(r: float, df: float, alpha: float) -> None:
    assert radius(1.0, df, r, alpha) > stats.t.isf(alpha / 2, df)


def test_it_is_narrowest_beside_the_fixed_interval_where_it_is_tuned() -> None:
    units = np.array([50, 100, 200, 350, 500, 700, 1000, 10_000, 100_000])
    widths = radius(1.0, MANY, mixing(units, units), 0.05) / 1.959964
    assert units[np.argmin(widths)] == UNITS_TUNED_FOR
    assert mixing(UNITS_TUNED_FOR, UNITS_TUNED_FOR) == TIGHTEST
    assert widths[[1, 4, 7, 8]] == pytest.approx([1.71, 1.55, 1.70, 1.87], abs=0.02)  # as its docstring says


@pytest.mark.parametrize("units", [50, 500, 1000, 20_000])
def test_it_holds_for_a_year_of_units_that_are_all_there_and_only_get_rows(units: int) -> None:
    """Then what is known grows while the boundary, which goes by units, stays: the case it is not tuned for. Exact, for
    rows that do not depend on each other."""
    edge = float(boundary(mixing(units, units), 0.05))
    *_, crossed = stopped((day, edge, 0.0) for day in range(1, 366))
    assert crossed < 0.05
