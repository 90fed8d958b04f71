"""Stopping times: beside published boundaries, beside a simulation, and what must hold for any boundary."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from processors.experiments.stopping import stopped


@pytest.mark.parametrize(("looks", "edge"), [(2, 2.178), (3, 2.289), (5, 2.413), (10, 2.555), (20, 2.672)])
def test_pococks_boundaries_are_crossed_in_5_percent(looks: int, edge: float) -> None:
    """Pocock 1977, table 1: the constant boundary that keeps a two-sided 5 % over so many equal steps."""
    *_, crossed = stopped((look, edge, 0.0) for look in range(1, looks + 1))
    assert crossed == pytest.approx(0.05, abs=2e-4)


def test_a_single_look_is_a_z_test() -> None:
    [crossed] = stopped([(1.0, 1.96, 1.2)])
    assert crossed == pytest.approx(stats.norm.sf(1.96 - 1.2) + stats.norm.cdf(-1.96 - 1.2), abs=1e-6)


def test_it_is_what_a_simulation_sees() -> None:
    information, effect = np.arange(50.0, 1500.0, 50.0), 0.11
    edges = 3.0 + 20 / information
    random = np.random.default_rng(8)
    steps = random.normal(effect * 50, 50**0.5, (20_000, len(information)))
    z = steps.cumsum(axis=1) / np.sqrt(information)
    seen = np.maximum.accumulate(np.abs(z) > edges, axis=1).mean(axis=0)
    known = list(stopped(zip(information, edges, effect * np.sqrt(information), strict=True)))
    assert known == pytest.approx(seen, abs=4 * 0.5 / 20_000**0.5)


@settings(max_examples=30, deadline=None)
@given(st.floats(-0.3, 0.3), st.lists(st.floats(1.02, 5.0), min_size=1, max_size=8), st.floats(1.5, 5.0))
def test_what_has_stopped_stays_stopped(effect: float, growth: list[float], edge: float) -> None:
    information = np.cumprod(growth)
    shares = list(stopped((i, edge, effect * i**0.5) for i in information))
    assert all(0 <= share <= 1 for share in shares)
    assert np.all(np.diff(shares) > -1e-5)
    mirrored = list(stopped((i, edge, -effect * i**0.5) for i in information))
    assert mirrored == pytest.approx(shares, abs=1e-9)
