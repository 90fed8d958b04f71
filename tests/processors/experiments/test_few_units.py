"""A metric that few units have a value of, or a quantile with few units beyond it, decides nothing."""

import numpy as np
import pytest

from processors.experiments.metrics import Metric
from processors.experiments.verdict import units_min
from tests.processors.experiments.tables import report, rows

EACH = 400


def table(known: int, effect: float = 5.0):
    """`known` units of each arm have a value of `rare`."""
    values = np.random.default_rng(1).normal(size=2 * EACH) + effect * (np.arange(2 * EACH) >= EACH)
    rare = np.where(np.arange(2 * EACH) % EACH < known, values, np.nan)
    return rows(["control"] * EACH + ["b"] * EACH, {"rare": rare, "m": np.random.default_rng(2).normal(size=2 * EACH)})


@pytest.mark.parametrize(("mode", "least"), [("sequential", 50), ("fixed", 100)])
def test_a_metric_decides_when_enough_units_have_a_value(mode: str, least: int) -> None:
    few = report(table(least - 1), "rare", "m", mode=mode)
    assert (few.verdict, few.winner) == ("no difference shown", None)
    assert any(f"too few units have a value, it takes {least} in each arm" in reason for reason in few.reasons)
    assert report(table(least), "rare", "m", mode=mode).winner == "b"


@pytest.mark.parametrize(
    ("share", "least"), [(0.5, 50), (0.9, 50), (0.95, 100), (0.99, 500), (0.01, 500), (0.999, 5000)]
)
def test_a_quantile_takes_five_units_beyond_it(share: float, least: int) -> None:
    assert units_min(Metric("", "quantile", "", share=share), 50) == least
    assert units_min(Metric("", "mean", ""), 50) == 50


def test_a_quantile_far_out_waits_as_metric_and_as_guardrail() -> None:
    found = report(table(EACH), "rare:quantile@0.99", guardrails=["rare:quantile@0.95:lower"])
    assert found.verdict != "winner" or found.winner == "control"
    assert not any("better" in reason for reason in found.reasons)
    assert found.guardrails["rare:quantile@0.95:lower"]["b"].stops  # 400 units have 20 beyond
    waiting = report(table(EACH), "m", guardrails=["rare:quantile@0.99:lower"])
    assert not waiting.guardrails["rare"]["b"].stops


def test_a_guardrail_on_a_mean_stops_with_few_units() -> None:
    assert report(table(20), "m", guardrails=["rare:mean:lower"]).guardrails["rare"]["b"].stops
