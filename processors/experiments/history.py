"""What earlier data tell of an experiment that is planned: baseline, deviation, and what covariates and clusters do.

All of it by unit, from the same influences that the analysis will use; so it holds for every kind of metric.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from processors.experiments.covariates import covariates_of
from processors.experiments.distributions import Floats, Ints
from processors.experiments.estimates import BadData
from processors.experiments.metrics import Metric, measure
from processors.experiments.rows import Rows, population


@dataclass(frozen=True)
class History:
    units: int
    """With a value."""
    baseline: float
    deviation: float
    """Of a unit's influence: for a mean, of its value."""
    correlation: float
    """Of the covariates with the metric, taken together."""
    cluster_size: float
    """Of the cluster that a unit is in, on average: large clusters count by their size."""
    intraclass_correlation: float
    """Of what the covariates leave."""


EXPLAINED_MAX = 0.9999
"""More would be no covariate but the metric itself."""


def history_of(rows: Rows, metric: Metric, covariates: Sequence[str] = ()) -> History:
    """All rows as one arm, whatever arms they were in. Raises BadData where the data tell nothing."""
    people = population(replace(rows, arms=("history",), variants=np.zeros(len(rows.units), dtype=np.int64)))
    [found] = measure(metric, people)
    estimate = found.estimate
    units, places = np.unique(estimate.units, return_inverse=True)
    per_unit = len(units) / len(estimate.influences)
    influences = np.bincount(places, weights=estimate.influences * per_unit).astype(np.float64)
    deviation = float(influences.std(ddof=1))
    if deviation <= 1e-12 * abs(estimate.value):
        raise BadData(f'Metric "{metric.name}" has the same value throughout: nothing can be planned from it.')
    left = influences
    if covariates:
        left = _unexplained(influences, covariates_of(people, covariates)[units])
    explained = float(np.clip(1 - left.var() / influences.var(), 0.0, EXPLAINED_MAX))
    size, alike = 1.0, 0.0
    if people.clustered:
        size, alike = _clustering(left, people.cluster_of_unit[units])
    return History(len(units), estimate.value, deviation, explained**0.5, size, alike)


def _unexplained(influences: Floats, covariates: Floats) -> Floats:
    centred = covariates - covariates.mean(axis=0)
    left: Floats = influences - centred @ np.linalg.lstsq(centred, influences, rcond=None)[0]
    return left


def _clustering(influences: Floats, clusters: Ints) -> tuple[float, float]:
    """Size and intraclass correlation, by the analysis of variance; never below zero."""
    numbers, places, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    count, total = len(numbers), len(influences)
    if count < 2:
        raise BadData("There is a single cluster: at least two are needed to see how much they differ.")
    typical = float(np.sum(sizes**2)) / total
    if total == count:
        return typical, 0.0
    means = np.bincount(places, weights=influences) / sizes
    between = float(np.sum(sizes * (means - influences.mean()) ** 2)) / (count - 1)
    within = float(np.sum((influences - means[places]) ** 2)) / (total - count)
    spread = (total - typical) / (count - 1)
    return typical, float(np.clip((between - within) / (between + (spread - 1) * within), 0.0, 1.0))
