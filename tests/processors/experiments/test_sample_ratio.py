"""The sample ratio: chi-square beside scipy's, the martingale as a fair game."""

import numpy as np
import pytest
from scipy import stats

from processors.experiments.sample_ratio import SEQUENTIAL_ALARM, chi_square_p, sequential_p


@pytest.mark.parametrize(("counts", "split"), [((5100, 4900), (0.5, 0.5)), ((812, 95, 110), (0.8, 0.1, 0.1))])
def test_chi_square_is_scipys(counts: tuple[int, ...], split: tuple[float, ...]) -> None:
    known = stats.chisquare(counts, np.array(split) * sum(counts)).pvalue
    assert chi_square_p(counts, split) == pytest.approx(known, rel=1e-9)


def test_the_sequential_test_is_a_fair_bet() -> None:
    """Under the split the expected evidence is 1 at any look: summed over all outcomes of 12 units."""
    taken = np.arange(13)
    chances = stats.binom.pmf(taken, 12, 0.3)
    counts = np.column_stack([taken, 12 - taken])
    from scipy.special import gammaln

    from processors.experiments.sample_ratio import CONCENTRATION as c

    prior = c * np.array([0.3, 0.7])
    evidence = np.exp(
        gammaln(c) - gammaln(c + 12) + (gammaln(prior + counts) - gammaln(prior) - counts * np.log([0.3, 0.7])).sum(1)
    )
    assert float(chances @ evidence) == pytest.approx(1.0)
    assert sequential_p(counts, (0.3, 0.7)) == pytest.approx(np.minimum(1, 1 / evidence))


@pytest.mark.parametrize("counts", [(5250, 4750), (50_700, 49_300), (600, 420)])
def test_a_mismatch_is_found(counts: tuple[int, int]) -> None:
    assert chi_square_p(counts, (0.5, 0.5)) < 0.0005
    assert sequential_p(counts, (0.5, 0.5)) < SEQUENTIAL_ALARM


def test_looked_at_daily_it_blames_no_sound_experiment() -> None:
    random = np.random.default_rng(5)
    daily = random.multinomial(400, (0.5, 0.3, 0.2), size=(500, 28)).cumsum(axis=1)
    assert not (sequential_p(daily, (0.5, 0.3, 0.2)) < SEQUENTIAL_ALARM).any()
