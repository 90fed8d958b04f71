"""Holm and Benjamini-Hochberg: textbook values, and intervals that agree with them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from processors.experiments.multiplicity import adjust, benjamini_hochberg, holm

P = [0.01, 0.04, 0.03, 0.005, 0.5]
several = st.lists(st.floats(1e-6, 1), min_size=1, max_size=12)


def test_values_of_statsmodels() -> None:
    assert holm(P, 0.05).p == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.5])
    assert benjamini_hochberg(P, 0.05).p == pytest.approx([0.025, 0.05, 0.05, 0.025, 0.5])


@given(several)
def test_benjamini_hochberg_is_scipys(p: list[float]) -> None:
    assert benjamini_hochberg(p, 0.05).p == pytest.approx(stats.false_discovery_control(p).tolist(), rel=1e-9)


@given(several, st.sampled_from(["holm", "bh"]))
def test_adjusted_is_at_least_raw_and_intervals_agree(p: list[float], correction: str) -> None:
    """The interval at alpha excludes zero exactly when the raw p is at most that alpha."""
    found = adjust(p, 0.05, correction)  # type: ignore[arg-type]
    for raw, adjusted, alpha in zip(p, found.p, found.alphas, strict=True):
        assert adjusted >= raw
        assert alpha <= 0.05
        if abs(adjusted - 0.05) > 1e-9:
            assert (adjusted <= 0.05) == (raw <= alpha)


@given(several)
def test_holm_is_stricter_than_benjamini_hochberg_and_milder_than_bonferroni(p: list[float]) -> None:
    for raw, strict, mild in zip(p, holm(p, 0.05).p, benjamini_hochberg(p, 0.05).p, strict=True):
        assert mild - 1e-12 <= strict <= min(1, raw * len(p)) + 1e-12
