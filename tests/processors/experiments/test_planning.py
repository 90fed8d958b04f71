"""Power and units beside statsmodels' values, and that one undoes the other."""

from functools import partial

import pytest

from processors.experiments.estimates import BadData
from processors.experiments.planning import (
    power_of_means,
    power_of_proportions,
    smallest_effect,
    units_needed,
    with_clusters,
    with_covariate,
)


def test_power_of_means_is_that_of_statsmodels() -> None:
    assert power_of_means(0.2, 1, 300) == pytest.approx(0.6863764535801461, rel=1e-9)  # TTestIndPower
    assert power_of_means(1.0, 2, 30, treated_for_each=2) == pytest.approx(0.5993610910358264, rel=1e-9)
    assert units_needed(lambda units: power_of_means(0.1, 1, units)) == 1571  # solve_power: 1570.73


def test_power_of_proportions_is_the_textbooks() -> None:
    """Fleiss: 10 % against 12 % takes 3,841 a variant for a power of 80 %."""
    assert units_needed(lambda units: power_of_proportions(0.10, 0.12, units)) == 3841


def test_the_smallest_effect_has_the_power_asked_for() -> None:
    power = partial(power_of_means, deviation=3.0, units=500)
    assert power(smallest_effect(power, 0.9)) == pytest.approx(0.9)
    shares = smallest_effect(lambda gap: power_of_proportions(0.1, 0.1 + gap, 3841), most=0.9)
    assert shares == pytest.approx(0.02, rel=1e-3)


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(BadData, match="No number of units"):
        units_needed(lambda units: power_of_means(0.0, 1, units))
    with pytest.raises(BadData, match="greatest possible"):
        smallest_effect(lambda gap: power_of_proportions(0.5, 0.5 + gap, 4), most=0.4)


def test_covariates_save_units_and_clusters_cost_them() -> None:
    assert with_covariate(1000, 0.6) == 640
    assert with_clusters(1000, 21, 0.05) == 2000
