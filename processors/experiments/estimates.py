"""What an arm says about a metric, and what two arms say about an effect. One formula for every kind of metric.

Every estimate here is, for large samples, its true value plus the mean of one number an observation, its influence:
y - mean for a mean, (numerator - R * denominator) / mean denominator for a ratio (the delta method), and so on.
Variance, clusters and CUPED need the influences only. Where observations are clustered, influences are summed within a
cluster first, with the CR2 correction and the degrees of freedom of Bell and McCaffrey, so that few or unequal clusters
do not look surer than they are. With one observation a cluster this is exactly Welch's t-test.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import sqrt

import numpy as np

from processors.experiments.distributions import (
    Floats,
    Ints,
    Number,
    normal_quantile,
    student_two_sided,
    student_upper_quantile,
)

Interval = tuple[float, float]

WOODRUFF_REACH = float(normal_quantile(0.975))
"""How many standard errors around a quantile's share are looked at to see how far apart values lie there."""


class BadData(ValueError):
    """The data allow no answer. One sentence: what is wrong, and what to do."""


@dataclass(frozen=True)
class Estimate:
    """A metric in one arm."""

    value: float
    influences: Floats
    """One an observation, with mean zero: the error of `value` is about the mean of such numbers."""
    units: Ints
    """The unit of each observation."""
    clusters: Ints
    """The cluster of each observation, numbered from 0, alike in all arms; the unit when it stands alone."""


@dataclass(frozen=True)
class Effect:
    """Treated minus control, by Student's t."""

    value: float
    variance: float
    df: float
    clusters: tuple[int, int]
    """Independent contributions in the treated arm and in control."""

    @property
    def standard_error(self) -> float:
        return sqrt(self.variance)

    @cached_property
    def p(self) -> float:
        return float(student_two_sided(self.value / self.standard_error, self.df))

    def interval(self, alpha: float) -> Interval:
        radius = self.standard_error * float(student_upper_quantile(alpha / 2, self.df))
        return self.value - radius, self.value + radius


def mean_of(values: Floats, units: Ints, clusters: Ints) -> Estimate:
    mean = float(values.mean())
    return Estimate(mean, values - mean, units, clusters)


def ratio_of(numerators: Floats, denominators: Floats, units: Ints, clusters: Ints) -> Estimate:
    """Sum over sum, by the delta method."""
    below = float(denominators.mean())
    ratio = float(numerators.mean()) / below
    return Estimate(ratio, (numerators - ratio * denominators) / below, units, clusters)


def quantile_of(values: Floats, share: float, units: Ints, clusters: Ints) -> Estimate:
    """The value below which `share` of the observations lie.

    Its influences need the density there; after Woodruff it is read off the sample, from how far apart the quantiles
    lie within the share's own uncertainty.
    """
    value = float(np.quantile(values, share))
    below = (values <= value).astype(np.float64)
    centred = below - below.mean()
    share_error = sqrt(_arm(centred, clusters, int(clusters.max()) + 1).variance)
    reach = min(WOODRUFF_REACH * share_error, share, 1 - share)
    low, high = np.quantile(values, [share - reach, share + reach])
    sparsity = float(high - low) / (2 * reach) if reach > 0 else 0.0
    return Estimate(value, -centred * sparsity, units, clusters)


def difference(treated: Estimate, control: Estimate) -> Effect:
    """The effect with its variance; the arms may share clusters."""
    count = 1 + max(int(treated.clusters.max()), int(control.clusters.max()))
    arms = [_arm(estimate.influences, estimate.clusters, count) for estimate in (treated, control)]
    variance = float(np.sum((arms[0].pulls - arms[1].pulls) ** 2))
    return Effect(treated.value - control.value, variance, _df(arms), (arms[0].clusters, arms[1].clusters))


@dataclass(frozen=True)
class _Arm:
    """An arm's clusters; both arrays are by cluster, with zeros for those of other arms."""

    pulls: Floats
    """How far each cluster pulls the arm's value, after CR2."""
    shares: Floats
    """Each cluster's share of the arm's observations."""

    @property
    def variance(self) -> float:
        return float(np.sum(self.pulls**2))

    @property
    def clusters(self) -> int:
        return int(np.count_nonzero(self.shares))


def _arm(influences: Floats, clusters: Ints, count: int) -> _Arm:
    observations = len(influences)
    shares = np.bincount(clusters, minlength=count) / observations
    if shares.max() == 1:
        raise BadData("An arm has a single cluster: at least two are needed to see how much they differ.")
    sums = np.bincount(clusters, weights=influences, minlength=count)
    return _Arm(sums / observations / np.sqrt(1 - shares), shares)


def _df(arms: Sequence[_Arm]) -> float:
    """Degrees of freedom after Satterthwaite, (sum of eigenvalues)² / (sum of their squares), of the matrix that the
    clusters' pulls would have as covariance were observations independent. Its diagonal is `weight * share`, off it
    stands `-weight * lean * lean'`, summed over the arms. n - 1 for one arm of n clusters of equal size."""
    first, second = arms
    weights = first.variance, second.variance
    if sum(weights) == 0:
        return float(first.clusters + second.clusters - 2)
    leans = [arm.shares / np.sqrt(1 - arm.shares) for arm in arms]
    diagonal = weights[0] * first.shares + weights[1] * second.shares
    squares = float(np.sum(diagonal**2))
    for (lean_a, weight_a), (lean_b, weight_b) in (
        ((leans[0], weights[0]), (leans[0], weights[0])),
        ((leans[1], weights[1]), (leans[1], weights[1])),
        ((leans[0], weights[0]), (leans[1], weights[1])),
        ((leans[1], weights[1]), (leans[0], weights[0])),
    ):
        products = lean_a * lean_b
        squares += weight_a * weight_b * (float(np.sum(products)) ** 2 - float(np.sum(products**2)))
    return sum(weights) ** 2 / squares


def welch(
    treated: tuple[Number, Number, Number], control: tuple[Number, Number, Number]
) -> tuple[Number, Number, Number]:
    """Effect, standard error and degrees of freedom from (mean, sample variance, count) of each arm."""
    (mean_t, variance_t, count_t), (mean_c, variance_c, count_c) = treated, control
    part_t, part_c = variance_t / count_t, variance_c / count_c
    df = (part_t + part_c) ** 2 / (part_t**2 / (count_t - 1) + part_c**2 / (count_c - 1))
    return mean_t - mean_c, np.sqrt(part_t + part_c), df
