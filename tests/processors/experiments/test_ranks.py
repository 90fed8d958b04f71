"""Mann-Whitney U beside scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from processors.experiments.ranks import mann_whitney

values = st.lists(st.integers(0, 9).map(float), min_size=2, max_size=40)


@given(values, values)
def test_u_and_p_are_scipys(treated: list[float], control: list[float]) -> None:
    u, p = mann_whitney(np.array(treated), np.array(control))
    known = stats.mannwhitneyu(treated, control, method="asymptotic")
    assert u == pytest.approx(known.statistic)
    if len(set(treated + control)) > 1:
        assert p == pytest.approx(known.pvalue, rel=1e-9)
    else:
        assert p == 1
