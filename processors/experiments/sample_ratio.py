"""Sample ratio mismatch: whether the arms got the shares of units they should have. If not, no verdict holds.

Two tests. `chi_square_p` is for data that are looked at once; `sequential_p` for those looked at again and again: a
multinomial martingale (Lindon and Malek), the likelihood of the counts under a Dirichlet mixture around the planned
split, over that under the split itself. Both are set to blame a sound experiment at most once in a thousand.
"""

from typing import Any

import numpy as np

from processors.experiments.distributions import chi_square_above, log_gamma

CHI_SQUARE_ALARM = 0.0005
"""Below it a single look is an alarm."""
SEQUENTIAL_ALARM = 0.001
"""Below it any look is an alarm; the sequence as a whole raises a false one with this probability at most."""
CONCENTRATION = 600
"""Weight of the Dirichlet mixture, in units. Most sensitive near 17 times as many units, 10,000, and little less so
at a tenth or at ten times that."""


def chi_square_p(counts: Any, split: Any) -> Any:
    """Counts by arm in the last axis; further axes are further experiments."""
    counts = np.asarray(counts, dtype=np.float64)
    expected = counts.sum(axis=-1, keepdims=True) * np.asarray(split)
    return chi_square_above(((counts - expected) ** 2 / expected).sum(axis=-1), len(split) - 1)


def sequential_p(counts: Any, split: Any) -> Any:
    """Counts by arm in the last axis, as for `chi_square_p`."""
    counts, shares = np.asarray(counts, dtype=np.float64), np.asarray(split)
    prior = CONCENTRATION * shares
    evidence = log_gamma(CONCENTRATION) - log_gamma(CONCENTRATION + counts.sum(axis=-1))
    evidence = evidence + (log_gamma(prior + counts) - log_gamma(prior) - counts * np.log(shares)).sum(axis=-1)
    with np.errstate(under="ignore"):
        return np.exp(-np.maximum(evidence, 0.0))
