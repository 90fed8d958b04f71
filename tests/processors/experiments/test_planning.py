"""Power and units beside statsmodels' values, and that one undoes the other."""

from functools import partial

import pytest

from processors.experiments.estimates import BadData
from processors.experiments.planning import (
    cost_of_clusters,
    left_by_covariates,
    power_of_means,
    power_of_proportions,
    smallest_effect,
    units_needed,
)


def test_power_of_means_is_that_of_statsmodels() -> None:
    assert power_of_means(0.2, 1, 300) == pytest.approx(0.6863764535801461, rel=1e-9)  # TTestIndPower
    assert power_of_means(1.0, 2, 30, treated_for_each=2) == pytest.approx(0.5993610910358264, rel=1e-9)
    assert units_needed(lambda units: power_of_means(0.1, 1, units)) == 1571  # solve_power: 1570.73


@pytest.mark.parametrize(
    ("effect", "power", "units"), [(0.2, 0.8, 394), (0.5, 0.8, 64), (0.8, 0.8, 26), (0.5, 0.9, 86)]
)
def test_units_for_means_are_cohens(effect: float, power: float, units: int) -> None:
    """Statistical Power Analysis for the Behavioral Sciences, table 2.4.1; 393 there for small effects, by rounding."""
    assert units_needed(lambda n: power_of_means(effect, 1, n), power) == units


@pytest.mark.parametrize(("rates", "units"), [((0.10, 0.12), 3841), ((0.05, 0.10), 435), ((0.50, 0.60), 388)])
def test_units_for_proportions_are_the_textbooks(rates: tuple[float, float], units: int) -> None:
    """Fleiss, Levin and Paik, by their formula for two proportions: a variant, for a power of 80 %."""
    assert units_needed(lambda n: power_of_proportions(*rates, n)) == units


def test_the_smallest_effect_has_the_power_asked_for() -> None:
    power = partial(power_of_means, deviation=3.0, units=500)
    assert power(smallest_effect(power, 0.9)) == pytest.approx(0.9)
    shares = smallest_effect(lambda gap: power_of_proportions(0.1, 0.1 + gap, 3841), most=0.9)
    assert shares == pytest.approx(0.02, rel=1e-3)


def test_units_are_never_fewer_than_a_verdict_takes() -> None:
    assert units_needed(lambda units: power_of_means(10.0, 1, units), least=100) == 100
    assert units_needed(lambda units: power_of_means(0.2, 1, units), least=100) == 394


def test_what_cannot_be_is_said() -> None:
    with pytest.raises(BadData, match="No number of units"):
        units_needed(lambda units: power_of_means(0.0, 1, units))
    with pytest.raises(BadData, match="greatest possible"):
        smallest_effect(lambda gap: power_of_proportions(0.5, 0.5 + gap, 4), most=0.4)


def test_covariates_save_units_and_clusters_cost_them() -> None:
    assert left_by_covariates(0.6) == pytest.approx(0.64)
    assert cost_of_clusters(21, 0.05) == pytest.approx(2.0)
