"""Effects beside scipy's Welch t, textbook delta method, and CR2 written out with full matrices."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from processors.experiments.estimates import BadData, Estimate, difference, mean_of, quantile_of, ratio_of, welch

RANDOM = np.random.default_rng(7)


def alone(values: np.ndarray, first: int = 0) -> Estimate:
    units = np.arange(first, first + len(values))
    return mean_of(values, units, units)


@given(st.integers(3, 60), st.integers(3, 60), st.floats(0.1, 10), st.integers(0, 2**32 - 1))
def test_a_mean_of_lone_units_is_welch(treated: int, control: int, scale: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    one, other = random.normal(1, scale, treated), random.normal(0, 1, control)
    found, known = difference(alone(one), alone(other, treated)), stats.ttest_ind(one, other, equal_var=False)
    assert found.p == pytest.approx(known.pvalue, rel=1e-9)
    assert found.df == pytest.approx(known.df, rel=1e-9)
    assert found.interval(0.05) == pytest.approx(tuple(known.confidence_interval(0.95)), rel=1e-9, abs=1e-12)
    within = (treated * one.var(ddof=1) + control * other.var(ddof=1)) / (treated + control)
    assert found.pooled_variance == pytest.approx(within * (1 / treated + 1 / control), rel=1e-9)
    moments = [(values.mean(), values.var(ddof=1), len(values)) for values in (one, other)]
    assert welch(*moments) == pytest.approx((found.value, found.standard_error, found.df), rel=1e-9)


def test_a_ratio_follows_the_delta_method() -> None:
    below = [RANDOM.poisson(8, 300) + 1.0, RANDOM.poisson(8, 250) + 1.0]
    above = [RANDOM.binomial(values.astype(int), 0.3) * 1.0 for values in below]
    arms, variance = [], 0.0
    for i, (top, bottom) in enumerate(zip(above, below, strict=True)):
        units = np.arange(len(top)) + 1000 * i
        arms.append(ratio_of(top, bottom, units, units))
        ratio, covariance = top.sum() / bottom.sum(), np.cov(top, bottom)
        squared = covariance[0, 0] - 2 * ratio * covariance[0, 1] + ratio**2 * covariance[1, 1]
        variance += squared / bottom.mean() ** 2 / len(top)
        assert arms[-1].value == pytest.approx(ratio)
    assert difference(arms[0], arms[1]).variance == pytest.approx(variance, rel=1e-9)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_error_of_a_quantile_is_that_of_its_density(share: float) -> None:
    """For an exponential the density at the quantile is 1 - share."""
    errors = []
    for seed in range(40):
        values, units = np.random.default_rng(seed).exponential(size=4000), np.arange(4000)
        found = quantile_of(values, share, units, units)
        errors.append(np.std(found.influences) / np.sqrt(4000))
    assert np.mean(errors) == pytest.approx(np.sqrt(share * (1 - share) / 4000) / (1 - share), rel=0.05)


def cr2(values: np.ndarray, arm: np.ndarray, clusters: np.ndarray) -> float:
    """Variance of the effect after Bell and McCaffrey."""
    design = np.column_stack([np.ones(len(values)), arm])
    inverse = np.linalg.inv(design.T @ design)
    hat, pick = design @ inverse @ design.T, np.array([0.0, 1.0])
    residuals = values - hat @ values
    pulls = []
    for cluster in np.unique(clusters):
        mine = np.flatnonzero(clusters == cluster)
        roots, vectors = np.linalg.eigh(np.eye(len(mine)) - hat[np.ix_(mine, mine)])
        root = vectors @ np.diag([1 / np.sqrt(r) if r > 1e-10 else 0 for r in roots]) @ vectors.T
        pulls.append(pick @ inverse @ design[mine].T @ root @ residuals[mine])
    return float(np.sum(np.square(pulls)))


@pytest.mark.parametrize("crossed", [False, True])
def test_clusters_follow_cr2_and_satterthwaite(crossed: bool) -> None:
    sizes = RANDOM.integers(1, 12, 14)
    clusters = np.repeat(np.arange(14), sizes)
    arm = RANDOM.integers(0, 2, len(clusters)) if crossed else clusters % 2
    values = RANDOM.normal(size=len(clusters)) + RANDOM.normal(size=14)[clusters]
    units = np.arange(len(values))
    arms = [mean_of(values[arm == i], units[arm == i], clusters[arm == i]) for i in (1, 0)]
    found = difference(arms[0], arms[1])
    assert found.variance == pytest.approx(cr2(values, arm, clusters), rel=1e-9)
    assert found.df == pytest.approx(min(dense_df(arms, alike) for alike in (False, True)), rel=1e-9)


def dense_df(arms: list[Estimate], alike: bool) -> float:
    """Satterthwaite's by whole matrices: of each arm's pulls with observations independent, or alike by cluster."""
    covariance = np.zeros((14, 14))
    for arm in arms:
        size = len(arm.influences)
        member = (arm.clusters[:, np.newaxis] == np.arange(14)).astype(float)
        shares = member.sum(axis=0) / size
        pull = member.T @ (np.eye(size) - 1 / size) / size / np.sqrt(1 - shares)[:, np.newaxis]
        model = pull @ (member @ member.T if alike else np.eye(size)) @ pull.T
        variance = np.sum((member.T @ arm.influences / size) ** 2 / (1 - shares))
        covariance += variance * model / np.trace(model)
    return float(np.trace(covariance) ** 2 / np.sum(covariance**2))


def test_one_cluster_in_an_arm_is_refused() -> None:
    units = np.arange(4)
    lonely = mean_of(np.arange(4.0), units, np.zeros(4, dtype=np.int64))
    with pytest.raises(BadData, match="single cluster"):
        difference(lonely, alone(np.arange(4.0), 4))


@given(st.integers(0, 2**32 - 1), st.floats(-5, 5), st.floats(0.1, 10))
def test_effects_flip_with_the_arms_and_follow_shift_and_scale(seed: int, shift: float, scale: float) -> None:
    random = np.random.default_rng(seed)
    one, other = random.normal(1, 2, 30), random.normal(0, 1, 20)
    found, flipped = difference(alone(one), alone(other, 30)), difference(alone(other, 30), alone(one))
    assert flipped.value == -found.value
    assert flipped.interval(0.05) == pytest.approx(tuple(-end for end in reversed(found.interval(0.05))))
    moved = difference(alone(shift + scale * one), alone(shift + scale * other, 30))
    assert moved.interval(0.05) == pytest.approx([scale * end for end in found.interval(0.05)], rel=1e-6, abs=1e-9)
    assert moved.p == pytest.approx(found.p, rel=1e-6)
    low, high = found.interval(0.05)
    assert low < found.value < high
