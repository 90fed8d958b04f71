"""Bandit mode: propensities that are logged, and estimates that hold although the shares follow the outcomes."""

import numpy as np
import pytest

from processors.experiments.bandit import (
    adaptively_weighted,
    inverse_propensity,
    thompson_propensities,
    thompson_propensities_of_means,
    with_floor,
)
from processors.experiments.estimates import BadData


def test_propensities_favour_the_better_arm_and_leave_none_out() -> None:
    shares = thompson_propensities([50, 80, 50], [50, 20, 50], np.random.default_rng(1))
    assert shares.sum() == pytest.approx(1)
    assert shares.argmax() == 1
    assert shares.min() >= 0.05
    same = thompson_propensities_of_means([1.0, 1.0], [0.1, 0.1], np.random.default_rng(1))
    assert same == pytest.approx([0.5, 0.5], abs=0.03)
    assert with_floor(np.array([1.0, 0.0]), 0.9) == pytest.approx([0.5, 0.5])


def test_with_even_shares_both_estimates_are_the_mean() -> None:
    random = np.random.default_rng(2)
    choices, outcomes = random.integers(0, 2, 20_000), random.normal(3, 1, 20_000)
    for estimate in (inverse_propensity, adaptively_weighted):
        found = estimate(1, choices, outcomes, np.full(20_000, 0.5))
        low, high = found.interval(0.001)
        assert low < 3 < high
    assert adaptively_weighted(1, choices, outcomes, np.full(20_000, 0.5)).standard_error < 0.011  # 1 / sqrt(10,000)


@pytest.mark.parametrize("propensities", [[0.5, 0.0], [0.5, 1.5], [0.5]])
def test_impossible_propensities_are_refused(propensities: list[float]) -> None:
    with pytest.raises(BadData):
        inverse_propensity(0, np.array([0, 1]), np.array([1.0, 0.0]), np.array(propensities))
