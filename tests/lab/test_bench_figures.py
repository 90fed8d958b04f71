"""The figures of the benchmarks, against their definitions."""

import pytest

from lab.bench.figures import jain, quantile, spread
from lab.bench.line import Rounds, section


def test_quantiles_are_values_that_were_measured():
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile(list(map(float, range(100))), 0.99) == 99.0
    assert quantile([7.0], 0.99) == 7.0


def test_jain_is_one_when_even_and_one_nth_when_one_has_all():
    assert jain([5, 5, 5, 5]) == 1.0
    assert jain([9, 0, 0]) == pytest.approx(1 / 3)


def test_spread_shows_median_least_and_greatest():
    assert spread([3.0, 1.0, 2.0]) == "2.0 (1.0–3.0)"


def test_ratios_are_of_medians_and_are_told():
    found = Rounds([2000.0, 1000.0, 1500.0], [500.0, 1000.0, 750.0], [20.0], [40.0], [20.0], [20.0])
    results = found.results()
    assert results["throughput_ratio_celery"] == 2.0 and results["p99_ratio_chain"] == 2.0
    assert "**2.00 × Celery + Redis**" in section(found)
