"""The design of an experiment that is planned: what is asked, and the power it has with so many units.

A fixed test's power is the textbook's (`planning`). A sequence's is exact as well, for estimates that are normal
(`stopping`): it is looked at every day, or, where nobody says how many units a day brings, whenever one in fifty more
have come. Several comparisons are planned for as the first of Holm's steps, which is the hardest. The arm planned
for is the smallest beside control. Clusters are taken to be assigned whole.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil, inf, sqrt

from processors.experiments import sequences
from processors.experiments.estimates import BadData, pooled_variance
from processors.experiments.metrics import Kind
from processors.experiments.planning import (
    UNITS_MAX,
    cost_of_clusters,
    left_by_covariates,
    power_of_means,
    power_of_proportions,
    units_needed,
)
from processors.experiments.proportions import cautious_variance
from processors.experiments.stopping import stopped
from processors.experiments.verdict import LEAST, Mode

GROWTH = 1.02
"""Between two looks: closer ones change nothing that can be seen."""

Course = list[tuple[float, float]]
"""Units at each look, and the share of such experiments that have their verdict by then."""


@dataclass(frozen=True)
class Question:
    """What is planned. Of `effect`, `units` and `power` at most two; a power of 80 % is taken where one is alone."""

    kind: Kind = "mean"
    baseline: float | None = None
    """What control is expected to have; needed for a binary metric."""
    deviation: float | None = None
    """Standard deviation of a unit's value, or of its influence for a ratio or a quantile. A binary one has its own."""
    effect: float | None = None
    """Arm minus control: 0.03 is three points of a binary metric."""
    units: float | None = None
    """In all arms together."""
    power: float | None = None
    higher_is_better: bool = True
    alpha: float = sequences.ALPHA
    split: Mapping[str, float] = field(default_factory=lambda: {"control": 0.5, "b": 0.5})
    control: str | None = None
    comparisons: int | None = None
    """Corrected for together; by default the arms beside control."""
    mode: Mode = "sequential"
    units_a_day: float | None = None
    correlation: float = 0.0
    """Of the covariates with the metric."""
    cluster_size: float = 1.0
    intraclass_correlation: float = 0.0
    counted: str = "units"
    """What units are, in the sentences: tasks, sessions."""


class Design:
    """The question, brought down to independent contributions: a cluster is one, else a unit."""

    def __init__(self, question: Question) -> None:
        self.question = question
        _check(question)
        total = sum(question.split.values())
        self.shares = {arm: share / total for arm, share in question.split.items()}
        control = question.control or ("control" if "control" in self.shares else next(iter(self.shares)))
        if control not in self.shares:
            raise BadData(f'There is no arm "{control}" in --split to be the control.')
        self.control = self.shares[control]
        self.treated = min(share for arm, share in self.shares.items() if arm != control)
        self.smallest = min(self.shares.values())
        self.comparisons = question.comparisons or len(self.shares) - 1
        self.alpha = question.alpha / self.comparisons
        self.size = question.cluster_size
        if question.kind == "binary" and question.baseline is not None:
            self.deviation = sqrt(question.baseline * (1 - question.baseline))
        else:
            self.deviation = question.deviation or 0.0
        alone = self.deviation * sqrt(left_by_covariates(question.correlation))
        self._deviation = alone * sqrt(cost_of_clusters(self.size, question.intraclass_correlation) / self.size)
        plain = question.correlation == 0 and self.size == 1
        self._rate = question.baseline if question.kind == "binary" and plain else None
        self._tuned_for = sequences.UNITS_TUNED_FOR if self.size == 1 else sequences.CLUSTERS_TUNED_FOR

    def most(self, sign: int) -> float:
        """The greatest effect there can be in this direction."""
        if self.question.kind != "binary" or self.question.baseline is None:
            return inf
        return 1 - self.question.baseline if sign > 0 else self.question.baseline

    def check_units(self, units: float) -> None:
        least = self._units_min(self.question.mode)
        if units < least:
            raise BadData(
                f"{units:,.0f} {self.question.counted} are too few for any verdict: by this split it takes {least:,}."
            )

    def fixed_power(self, effect: float, units: float) -> float:
        control, treated = self._contributions(units)
        more = treated / control
        if self._rate is not None:
            return power_of_proportions(
                self._rate, self._rate + effect, control, treated_for_each=more, alpha=self.alpha
            )
        return power_of_means(effect, self._deviation, control, treated_for_each=more, alpha=self.alpha)

    def fixed_units(self, effect: float, power: float) -> int:
        least = self._units_min("fixed")
        return units_needed(lambda units: self.fixed_power(effect, units), power, least)

    def course(self, effect: float, units: float) -> Course:
        """The looks of a sequence until `units` have come."""
        return list(self._stopped(effect, units))

    def course_to(self, effect: float, power: float) -> Course:
        """The looks of a sequence until the share `power` has its verdict."""
        course: Course = []
        for look in self._stopped(effect, UNITS_MAX):
            course.append(look)
            if look[1] >= power:
                return course
        raise BadData("No number of units is enough for this effect: look for a larger one, or a steadier metric.")

    def _stopped(self, effect: float, units: float) -> Iterator[tuple[float, float]]:
        looks = self._looks(units) if units < UNITS_MAX else self._looks(inf)
        seen: list[float] = []

        def told() -> Iterator[tuple[float, float, float]]:
            for look in looks:
                seen.append(look)
                yield self._look(effect, look)

        for share in stopped(told()):
            yield seen[-1], share

    def _looks(self, until: float) -> Iterator[float]:
        """Units at each look, the last at `until`."""
        day = self.question.units_a_day
        least = self._units_min("sequential")
        look = float(least)
        while True:
            if day:
                look = ceil(look / day - 1e-9) * day
            if look >= until or look > UNITS_MAX:
                break
            yield look
            look = max(look * GROWTH, look + (day or 1))
        if until < UNITS_MAX:
            yield until

    def _look(self, effect: float, units: float) -> tuple[float, float, float]:
        """Information, boundary and shift, as `stopped` takes them."""
        control, treated = self._contributions(units)
        r = sequences.mixing(treated, control, self._tuned_for)
        true = used = self._deviation**2 * (1 / control + 1 / treated)
        if self._rate is not None:
            rate = self._rate + effect
            true = self._rate * (1 - self._rate) / control + rate * (1 - rate) / treated
            parts = cautious_variance(rate * treated, treated), cautious_variance(self._rate * control, control)
            used = max(sum(parts), float(pooled_variance(parts[0], treated, parts[1], control)))
        return 1 / true, float(sequences.boundary(r, self.alpha)) * sqrt(used / true), effect / sqrt(true)

    def _contributions(self, units: float) -> tuple[float, float]:
        return units * self.control / self.size, units * self.treated / self.size

    def _units_min(self, mode: Mode) -> int:
        """In all arms together, before there is a verdict."""
        return ceil(LEAST[mode] / self.smallest - 1e-9)


def _check(question: Question) -> None:
    """Sentences for what cannot be planned with."""
    baseline, effect = question.baseline, question.effect
    wrong = {
        "A split needs at least two arms, each with a share above zero.": len(question.split) < 2
        or min(question.split.values()) <= 0,
        "Alpha lies between 0 and 1.": not 0 < question.alpha < 1,
        "Power lies between 0 and 1.": question.power is not None and not 0 < question.power < 1,
        "At least one comparison is planned.": question.comparisons is not None and question.comparisons < 1,
        "A covariate's correlation lies between -1 and 1, both left out.": abs(question.correlation) >= 1,
        "A cluster has at least one unit.": question.cluster_size < 1,
        "An intraclass correlation lies between 0 and 1.": not 0 <= question.intraclass_correlation <= 1,
        "Units a day must be above zero.": question.units_a_day is not None and question.units_a_day <= 0,
    }
    if question.kind == "binary":
        rate = (baseline or 0.0) + (effect or 0.0)
        wrong |= {
            "A binary metric needs its --baseline: the share of successes today, between 0 and 1.": baseline is None
            or not 0 < baseline < 1,
            f"A share of {rate:g} is impossible: baseline and effect together lie between 0 and 1.": not 0 <= rate <= 1,
        }
    else:
        wrong["This metric needs the --deviation of a unit's value, or --from a table to estimate it."] = (
            question.deviation is None or question.deviation <= 0
        )
    for sentence, so in wrong.items():
        if so:
            raise BadData(sentence)
