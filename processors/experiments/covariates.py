"""CUPED: what was known of a unit before its assignment explains part of its outcome, and is taken off.

It acts on influences, so it serves every kind of metric. It turns itself off when it does not help, or when the
covariate differs between arms: then it is no pre-assignment covariate, and to adjust by it would take off a part of the
effect.
"""

from collections.abc import Sequence

import numpy as np

from processors.experiments.distributions import Floats
from processors.experiments.estimates import BadData, Effect, Estimate, difference, mean_of
from processors.experiments.rows import Population

CUT_MIN = 0.01
"""Less of the variance than this is not worth an estimate that is harder to explain."""
CUT_MAX = 0.9999
"""More is no covariate but the metric itself, under another name or after the fact."""
DIFFERS_ALARM = 0.001
"""Below this p, shared among the comparisons, a covariate differs between arms: by chance once in a thousand times."""


def covariates_of(people: Population, names: Sequence[str]) -> Floats:
    """One row a unit, one column a covariate: the mean over the unit's rows. Where it is missing the overall mean
    stands, which adjusts nothing."""
    columns = []
    for name in names:
        if np.isinf(people.columns[name]).any():
            raise BadData(f'Covariate "{name}" holds infinite values: replace them by a bound, or leave them empty.')
        values = people.unit_means(people.columns[name])
        known = np.isfinite(values)
        if not known.any():
            raise BadData(f'Covariate "{name}" has no values: leave it out.')
        columns.append(np.where(known, values, values[known].mean()))
    return np.column_stack(columns)


def why_unusable(people: Population, covariates: Floats, names: Sequence[str], control: int) -> str | None:
    """A sentence if a covariate cannot be one, judged on all units; None when all is well."""
    others = [arm for arm in range(len(people.arms)) if arm != control]
    for name, values in zip(names, covariates.T, strict=True):
        if values.min() == values.max():
            return f'CUPED is off: covariate "{name}" is the same for all units.'
        arms = []
        for arm in range(len(people.arms)):
            units = np.flatnonzero(people.arm_of_unit == arm)
            arms.append(mean_of(values[units], units, people.cluster_of_unit[units]))
        for arm in others:
            found = difference(arms[arm], arms[control])
            if found.variance == 0 or found.p < DIFFERS_ALARM / len(others):
                shown = f"p = {found.p:.2g}" if found.variance else "it is constant within arms"
                return (
                    f'CUPED is off: covariate "{name}" differs between "{people.arms[arm]}" and '
                    f'"{people.arms[control]}" ({shown}), so the treatment seems to affect it. Use one from before the '
                    "assignment."
                )
    return None


def adjusted(arms: Sequence[Estimate], covariates: Floats) -> list[Estimate]:
    """The same estimates with what the covariates explain taken off. The slope is shared by the arms, and found within
    them, so that an effect does not bend it."""
    within, influences = [], []
    for arm in arms:
        seen = covariates[arm.units]
        within.append(seen - seen.mean(axis=0))
        influences.append(arm.influences)
    slope = np.linalg.lstsq(np.concatenate(within), np.concatenate(influences), rcond=None)[0]
    centre = np.concatenate([covariates[arm.units] for arm in arms]).mean(axis=0)
    return [
        Estimate(
            arm.value - float((covariates[arm.units].mean(axis=0) - centre) @ slope),
            arm.influences - centred @ slope,
            arm.units,
            arm.clusters,
        )
        for arm, centred in zip(arms, within, strict=True)
    ]


def variance_cut(raw: Effect, adjusted_effect: Effect) -> float:
    """The share of the effect's variance that is gone: rho² for one covariate."""
    return 1 - adjusted_effect.variance / raw.variance if raw.variance else 0.0
