"""CUPED: what it takes off, and when it turns itself off."""

import numpy as np
import pytest

from tests.processors.experiments.tables import report, rows

EACH = 3000
ARMS = ["control"] * EACH + ["b"] * EACH


def correlated(correlation: float, effect: float = 0.2, shift: float = 0.0) -> dict[str, np.ndarray]:
    """Outcome and covariate; `shift` is what the treatment does to the covariate."""
    random = np.random.default_rng(11)
    before = random.normal(size=2 * EACH)
    after = correlation * before + np.sqrt(1 - correlation**2) * random.normal(size=2 * EACH)
    treated = np.arange(2 * EACH) >= EACH
    return {"before": before + shift * treated, "m": after + effect * treated}


@pytest.mark.parametrize("correlation", [0.3, 0.7, 0.9])
def test_the_cut_is_the_squared_correlation(correlation: float) -> None:
    found = report(rows(ARMS, correlated(correlation)), "m", covariates=["before"]).metrics["m"]["b"]
    assert found.cuped_variance_cut == pytest.approx(correlation**2, abs=0.03)
    assert found.method == "Welch t with CUPED"
    assert found.ci is not None and found.ci[0] < 0.2 < found.ci[1]


def test_the_adjusted_mean_is_that_of_the_textbook() -> None:
    data = correlated(0.8)
    found = report(rows(ARMS, data), "m", covariates=["before"]).metrics["m"]["b"]
    x, y = data["before"], data["m"]
    halves = [slice(0, EACH), slice(EACH, None)]
    within = np.concatenate([x[half] - x[half].mean() for half in halves])
    slope = within @ y / (within @ within)
    adjusted = y - slope * (x - x.mean())
    assert found.effect == pytest.approx(adjusted[EACH:].mean() - adjusted[:EACH].mean(), rel=1e-9)
    assert found.mean == pytest.approx(y[EACH:].mean())


def test_it_is_off_when_the_treatment_moves_the_covariate() -> None:
    found = report(rows(ARMS, correlated(0.8, shift=0.3)), "m", covariates=["before"])
    assert found.metrics["m"]["b"].cuped_variance_cut == 0
    assert found.metrics["m"]["b"].effect == pytest.approx(0.2, abs=0.1)
    assert any("differs between" in note for note in found.notes)


def test_it_is_off_when_it_does_not_help() -> None:
    found = report(rows(ARMS, correlated(0.0)), "m", covariates=["before"])
    assert found.metrics["m"]["b"].method == "Welch t"
    assert any("less than 1%" in note for note in found.notes)
    constant = correlated(0.5) | {"before": np.ones(2 * EACH)}
    assert any("the same for all" in note for note in report(rows(ARMS, constant), "m", covariates=["before"]).notes)


def test_it_is_off_when_the_covariate_is_the_metric() -> None:
    found = report(rows(ARMS, correlated(0.5, effect=0.0)), "m", covariates=["m"])
    assert found.metrics["m"]["b"].cuped_variance_cut == 0
    assert any("tells all of it" in note for note in found.notes)


def test_a_missing_covariate_keeps_its_unit() -> None:
    data = correlated(0.8)
    data["before"][::10] = np.nan
    found = report(rows(ARMS, data), "m", covariates=["before"]).metrics["m"]["b"]
    assert found.n == EACH
    assert found.cuped_variance_cut == pytest.approx(0.9 * 0.64, abs=0.03)


@pytest.mark.parametrize("spec", ["m:quantile", "m/size:ratio"])
def test_it_helps_other_kinds_of_metric_too(spec: str) -> None:
    data = correlated(0.8) | {"size": np.ones(2 * EACH)}
    found = report(rows(ARMS, data), spec, covariates=["before"])
    [by_arm] = found.metrics.values()
    assert by_arm["b"].cuped_variance_cut is not None and by_arm["b"].cuped_variance_cut > 0.3
