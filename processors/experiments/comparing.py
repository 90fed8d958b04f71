"""One metric in all arms, each beside control: which test is used, and what it says before others are thought of."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from processors.experiments import sequences
from processors.experiments.covariates import CUT_MAX, CUT_MIN, adjusted, variance_cut
from processors.experiments.distributions import Floats, chi_square_above
from processors.experiments.estimates import BadData, Effect, Estimate, Interval, difference
from processors.experiments.metrics import Metric, is_plain, measure
from processors.experiments.proportions import Proportions
from processors.experiments.ranks import mann_whitney
from processors.experiments.report import Plan
from processors.experiments.rows import Population

MISSING_ALARM = 0.0005
"""Below this p, values are missing more often in one arm than in another."""

_METHODS = {"mean": "Welch t", "binary": "Welch t", "ratio": "delta method t", "quantile": "quantile t (Woodruff)"}


@dataclass(frozen=True)
class Test:
    """One arm beside control on one metric, before other comparisons are thought of."""

    effect: Effect
    exact: Proportions | None
    """The score test, where the metric is a plain proportion."""
    r: float
    cut: float | None
    mann_whitney_p: float | None
    method: str

    @property
    def p(self) -> float:
        return self.exact.p if self.exact else self.effect.p

    @property
    def p_always_valid(self) -> float:
        return float(sequences.always_valid_p(self.effect.value, self._sequence_error, self.effect.df, self.r))

    def interval(self, alpha: float) -> Interval:
        return self.exact.interval(alpha) if self.exact else self.effect.interval(alpha)

    def sequence(self, alpha: float) -> Interval:
        radius = float(sequences.radius(self._sequence_error, self.effect.df, self.r, alpha))
        return self.effect.value - radius, self.effect.value + radius

    @property
    def _sequence_error(self) -> float:
        """The greater of the errors without and with pooling. Of a skewed metric a small arm that happens to lack large
        values looks surer than it is; beside a large arm, at one of many looks, that would be taken for an effect."""
        if self.exact is None:
            return sqrt(max(self.effect.variance, self.effect.pooled_variance))
        return self.exact.cautious_error


class Measurements:
    """A metric in all arms, tested beside control."""

    def __init__(
        self,
        name: str,
        metric: Metric,
        people: Population,
        control: int,
        covariates: Floats | None,
        plan: Plan,
        notes: list[str],
    ) -> None:
        self.name, self.metric, self.people, self.control = name, metric, people, control
        self.arms = measure(metric, people)
        self._note_missing(notes)
        raw = [arm.estimate for arm in self.arms]
        cuped, cuts = self._cuped(raw, covariates, notes)
        self.tests = {
            label: self._test(arm, raw, cuped, cuts[label] if plan.covariates else None)
            for arm, label in enumerate(people.arms)
            if arm != control
        }

    def _cuped(
        self, raw: list[Estimate], covariates: Floats | None, notes: list[str]
    ) -> tuple[list[Estimate] | None, dict[str, float]]:
        others = {name: arm for arm, name in enumerate(self.people.arms) if arm != self.control}
        if covariates is None:
            return None, dict.fromkeys(others, 0.0)
        better = adjusted(raw, covariates)
        cuts = {
            name: variance_cut(difference(raw[arm], raw[self.control]), difference(better[arm], better[self.control]))
            for name, arm in others.items()
        }
        if min(cuts.values()) < CUT_MIN:
            notes.append(f"CUPED is off for {self.name}: it would take off less than {CUT_MIN:.0%} of the variance.")
            return None, dict.fromkeys(others, 0.0)
        if max(cuts.values()) > CUT_MAX:
            notes.append(f"CUPED is off for {self.name}: a covariate tells all of it, so it is no news from before.")
            return None, dict.fromkeys(others, 0.0)
        return better, cuts

    def _test(self, arm: int, raw: list[Estimate], cuped: list[Estimate] | None, cut: float | None) -> Test:
        used = cuped or raw
        effect = difference(used[arm], used[self.control])
        exact = None if cuped else self._proportions(arm)
        if nothing_varies(effect, exact, raw[arm].value, raw[self.control].value):
            raise BadData(self._why_no_variance())
        method = "two-proportion z (score)" if exact else _METHODS[self.metric.kind]
        if self.people.clustered:
            method = f"cluster-robust {method} (CR2)"
        ranked = self.metric.kind == "mean" and not self.people.clustered
        return Test(
            effect,
            exact,
            sequences.mixing(*effect.clusters, tuned_for(self.people)),
            cut,
            mann_whitney(self.arms[arm].values, self.arms[self.control].values)[1] if ranked else None,
            f"{method} with CUPED" if cuped else method,
        )

    def _proportions(self, arm: int) -> Proportions | None:
        treated, control = self.arms[arm].values, self.arms[self.control].values
        if self.metric.kind != "binary" or self.people.clustered or not (is_plain(treated) and is_plain(control)):
            return None
        return Proportions(int(treated.sum()), len(treated), int(control.sum()), len(control))

    def _why_no_variance(self) -> str:
        if self.metric.kind == "quantile":
            return (
                f'Too many values of "{self.name}" are equal around its {self.metric.share:g} quantile to tell '
                "how sure it is: use :mean, or :binary on whether a value is above a bound."
            )
        where = "throughout" if len({arm.estimate.value for arm in self.arms}) == 1 else "within each arm"
        return (
            f'Metric "{self.name}" has the same value {where}: nothing tells how sure an effect is. Check the column.'
        )

    def _note_missing(self, notes: list[str]) -> None:
        missing = np.array([arm.missing for arm in self.arms], dtype=np.float64)
        if not missing.any():
            return
        told = ", ".join(f"{name} {arm.missing:,}" for name, arm in zip(self.people.arms, self.arms, strict=True))
        notes.append(f"Units without a value of {self.name}, left out of it: {told}.")
        present = np.array([arm.units for arm in self.arms], dtype=np.float64)
        table = np.array([missing, present])
        expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
        p = float(chi_square_above(((table - expected) ** 2 / expected).sum(), len(self.arms) - 1))
        if p < MISSING_ALARM:
            notes.append(
                f"Values of {self.name} are missing more often in some arms (p = {p:.2g}): the treatment may "
                "decide who is measured, and the effect may be due to that."
            )


def tuned_for(people: Population) -> int:
    return sequences.CLUSTERS_TUNED_FOR if people.clustered else sequences.UNITS_TUNED_FOR


def cs_method(people: Population) -> str:
    counted = "clusters" if people.clustered else "units"
    return f"asymptotic Gaussian-mixture confidence sequence, narrowest near {tuned_for(people):,} {counted} a variant"


def nothing_varies(effect: Effect, exact: Proportions | None, treated: float, control: float) -> bool:
    """Whether the variance is only rounding error of the arms' values. None against all succeeding is a difference, and
    testable."""
    dust = float((1e-12 * max(abs(treated), abs(control))) ** 2)
    return effect.variance <= dust and (exact is None or exact.effect == 0)
