"""What an arm says about a metric, and what two arms say about an effect. One formula for every kind of metric.

Every estimate here is, for large samples, its true value plus the mean of one number an observation, its influence:
y - mean for a mean, (numerator - R * denominator) / mean denominator for a ratio (the delta method), and so on.
Variance, clusters and CUPED need the influences only. Where observations are clustered, influences are summed within a
cluster first, with the CR2 correction and degrees of freedom after Bell and McCaffrey, so that few or unequal clusters
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
    pooled_variance: float
    """What `variance` would be if observations of both arms varied alike."""
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
    parts, counts = (arms[0].variance, arms[1].variance), (arms[0].clusters, arms[1].clusters)
    shared = variance - sum(parts)  # by clusters that are in both arms
    pooled = float(pooled_variance(parts[0], counts[0], parts[1], counts[1])) + shared
    return Effect(treated.value - control.value, variance, pooled, _df(arms), counts)


@dataclass(frozen=True)
class _Arm:
    """An arm's clusters; both arrays are by cluster, with zeros for those of other arms."""

    pulls: Floats
    """How far each cluster pulls the arm's value, after CR2."""
    shares: Floats
    """Each cluster's share of the arm's observations."""

    @cached_property
    def variance(self) -> float:
        return float(np.sum(self.pulls**2))

    @cached_property
    def clusters(self) -> int:
        return int(np.count_nonzero(self.shares))

    @cached_property
    def lean(self) -> Floats:
        """How far a cluster is from being negligible, after CR2."""
        lean: Floats = self.shares / np.sqrt(1 - self.shares)
        return lean

    @cached_property
    def concentration(self) -> float:
        """1 / n for n equal clusters, more for unequal ones."""
        return float(np.sum(self.shares**2))

    @cached_property
    def trace(self) -> float:
        """Of the covariance of the pulls, if a cluster's observations are all alike."""
        return float(np.sum(self.lean**2 * (1 - 2 * self.shares + self.concentration)))


def _arm(influences: Floats, clusters: Ints, count: int) -> _Arm:
    observations = len(influences)
    shares = np.bincount(clusters, minlength=count) / observations
    if shares.max() == 1:
        raise BadData("An arm has a single cluster: at least two are needed to see how much they differ.")
    sums = np.bincount(clusters, weights=influences, minlength=count)
    return _Arm(sums / observations / np.sqrt(1 - shares), shares)


def _df(arms: Sequence[_Arm]) -> float:
    """Degrees of freedom after Satterthwaite: (sum of eigenvalues)² / (sum of their squares) of the covariance that the
    clusters' pulls would have. What that is depends on how much alike a cluster's observations are, so the fewer of
    both extremes are taken: not at all, and wholly. Both are n - 1 for an arm of n clusters of equal size.
    """
    weights = [arm.variance for arm in arms]
    if sum(weights) == 0:
        return float(sum(arm.clusters for arm in arms) - len(arms))
    both = bool(np.any((arms[0].shares > 0) & (arms[1].shares > 0)))  # else arms do not overlap with each other
    pairs = [(i, j) for i in range(len(arms)) for j in range(len(arms)) if both or i == j]
    return min(
        sum(weights) ** 2 / sum(weights[i] * weights[j] * overlap(arms[i], arms[j]) for i, j in pairs)
        for overlap in (_overlap_of_unlike, _overlap_of_alike)
    )


def _overlap_of_unlike(one: _Arm, other: _Arm) -> float:
    """Sum of the products of both arms' covariances, each of trace 1, if observations are independent. An arm's has
    shares on its diagonal, and minus the products of leans off it."""
    leans = one.lean * other.lean
    return float(np.sum(one.shares * other.shares) + np.sum(leans) ** 2 - np.sum(leans**2))


def _overlap_of_alike(one: _Arm, other: _Arm) -> float:
    """The same if a cluster's observations are all alike: then a pull is `lean * (own - weighted mean of all)`, and the
    covariance of g and h is `lean_g * lean_h * ([g is h] - share_g - share_h + concentration)`."""
    leans = one.lean * other.lean
    (mine, my_part), (theirs, their_part) = ((arm.shares, arm.concentration) for arm in (one, other))
    whole, by_mine, by_theirs = np.sum(leans), np.sum(leans * mine), np.sum(leans * theirs)
    everywhere = my_part * their_part * whole**2 - 2 * whole * (my_part * by_theirs + their_part * by_mine)
    everywhere += 2 * whole * np.sum(leans * mine * theirs) + 2 * by_mine * by_theirs
    on_diagonal = np.sum(leans**2 * (1 + my_part - 2 * mine + their_part - 2 * theirs))
    return float((everywhere + on_diagonal) / (one.trace * other.trace))


def pooled_variance(treated: Number, treated_count: Number, control: Number, control_count: Number) -> Number:
    """Of an effect, if both arms' observations vary alike; `treated` and `control` are the variances of the arms' own.
    The same as their sum where arms are of equal size."""
    per_observation = (treated * treated_count**2 + control * control_count**2) / (treated_count + control_count)
    return per_observation * (1 / treated_count + 1 / control_count)


def welch(
    treated: tuple[Number, Number, Number], control: tuple[Number, Number, Number]
) -> tuple[Number, Number, Number]:
    """Effect, standard error and degrees of freedom from (mean, sample variance, count) of each arm."""
    (mean_t, variance_t, count_t), (mean_c, variance_c, count_c) = treated, control
    part_t, part_c = variance_t / count_t, variance_c / count_c
    df = (part_t + part_c) ** 2 / (part_t**2 / (count_t - 1) + part_c**2 / (count_c - 1))
    return mean_t - mean_c, np.sqrt(part_t + part_c), df
