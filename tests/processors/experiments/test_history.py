"""What earlier data tell: the numbers of which they were made."""

from dataclasses import replace

import numpy as np
import pytest

from processors.experiments.estimates import BadData
from processors.experiments.history import history_of
from processors.experiments.metrics import parse
from tests.processors.experiments.tables import rows

UNITS = 20_000


def test_baseline_deviation_correlation_and_clusters_are_found() -> None:
    random = np.random.default_rng(1)
    clusters = np.repeat(np.arange(UNITS // 10), 10)
    before = random.normal(5, 1, UNITS)
    shared = random.normal(0, 0.2**0.5, UNITS // 10)[clusters]
    left = shared + random.normal(0, 0.8**0.5, UNITS)
    table = rows(["a"] * UNITS, {"m": 10 + 3 * (0.6 * before + 0.8 * left), "before": before}, clusters=clusters)
    found = history_of(table, parse("m", ["m"]), ["before"])
    assert found.baseline == pytest.approx(10 + 3 * 3, rel=0.01)
    assert found.deviation == pytest.approx(3, rel=0.03)
    assert found.correlation == pytest.approx(0.6, abs=0.03)
    assert (found.units, found.cluster_size) == (UNITS, 10)
    assert found.intraclass_correlation == pytest.approx(0.2, abs=0.03)


def test_a_ratio_has_the_deviation_of_its_influence() -> None:
    random = np.random.default_rng(2)
    below = random.poisson(9, UNITS) + 1.0
    above = 0.3 * below + random.normal(0, 1, UNITS)
    found = history_of(rows(["a"] * UNITS, {"x": above, "y": below}), parse("x/y:ratio", ["x", "y"]))
    assert found.baseline == pytest.approx(0.3, rel=0.02)
    assert found.deviation == pytest.approx(1 / 10, rel=0.03)  # what is beside the ratio, per unit of the denominator


def test_rows_of_a_unit_are_one_and_arms_do_not_matter() -> None:
    random = np.random.default_rng(3)
    table = rows(["a", "b"] * 200, {"m": random.normal(size=400)})
    tall = replace(
        table,
        units=np.repeat(table.units, 2),
        variants=np.repeat(table.variants, 2),
        columns={"m": np.repeat(table.columns["m"], 2)},
    )
    metric = parse("m", ["m"])
    assert history_of(tall, metric) == history_of(table, metric)
    assert history_of(table, metric).intraclass_correlation == 0


def test_history_without_variance_is_refused() -> None:
    with pytest.raises(BadData, match="same value throughout"):
        history_of(rows(["a"] * 50, {"m": np.ones(50)}), parse("m", ["m"]))
    with pytest.raises(BadData, match="single cluster"):
        history_of(rows(["a"] * 50, {"m": np.arange(50)}, clusters=np.zeros(50)), parse("m", ["m"]))
