"""The distributions that tests are read against. The one place that knows scipy; all take numbers or arrays."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special  # type: ignore[import-untyped]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Number = float | Floats
"""A number, or an array of them: the formulas below and around are the same for both."""


def normal_below(z: Any) -> Any:
    return special.ndtr(z)


def normal_density(z: Any) -> Any:
    return np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def normal_quantile(share: Any) -> Any:
    return special.ndtri(share)


def normal_two_sided(z: Any) -> Any:
    return 2 * special.ndtr(-np.abs(z))


def student_two_sided(t: Any, df: Any) -> Any:
    return 2 * special.stdtr(df, -np.abs(t))


def student_upper_quantile(tail: Any, df: Any) -> Any:
    """The value that is exceeded with probability `tail`; asked for the tail, for 1 - tail would lose its digits."""
    return -special.stdtrit(df, tail)


def student_shifted_below(t: Any, df: Any, shift: Any) -> Any:
    """The noncentral t distribution."""
    return special.nctdtr(df, shift, t)


def chi_square_above(value: Any, df: Any) -> Any:
    return special.chdtrc(df, value)


def log_gamma(value: Any) -> Any:
    return special.gammaln(value)
