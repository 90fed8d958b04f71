"""What an experiment will be able to tell, before it starts: of effect, units and power, two give the third."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Literal

from processors.experiments.design import Course, Design, Question
from processors.experiments.estimates import BadData
from processors.experiments.planning import CLOSE_ENOUGH, cost_of_clusters, left_by_covariates, smallest_effect
from processors.experiments.verdict import FIXED_DAYS, Mode

POWER = 0.8
Asked = Literal["effect", "units", "power"]


@dataclass(frozen=True)
class Outlook:
    """`asdict` of it is the JSON."""

    mode: Mode
    found: Asked
    """Which of effect, units and power was asked for."""
    effect: float
    units: int
    power: float
    """Of a sequence: the share of such experiments that have their verdict by `units`."""
    arms: dict[str, int]
    days: float | None
    expected_units: int | None
    """Mean until the verdict, of a sequence that is given up at `units`."""
    expected_days: float | None
    fixed_units: int | None
    """What a single test at the end takes for the same effect and power."""
    baseline: float | None
    deviation: float
    """Of a unit, before covariates and clusters."""
    alpha: float
    alpha_each: float
    """Of one comparison."""
    comparisons: int
    method: str
    sentences: list[str]


def plan_of(question: Question, close_enough: float = CLOSE_ENOUGH) -> Outlook:
    """Raises BadData, with a sentence, where that cannot be planned. `close_enough`: the share of a least effect to
    which it is searched."""
    design = Design(question)
    found, effect, course = _solved(question, design, close_enough)
    units, power = course[-1]
    a_day = question.units_a_day
    expected = round(_mean_units(course)) if question.mode == "sequential" else None
    outlook = Outlook(
        mode=question.mode,
        found=found,
        effect=effect,
        units=ceil(units),
        power=power,
        arms={arm: ceil(units * share) for arm, share in design.shares.items()},
        days=units / a_day if a_day else None,
        expected_units=expected,
        expected_days=expected / a_day if expected is not None and a_day else None,
        fixed_units=design.fixed_units(effect, min(power, question.power or POWER)) if found != "power" else None,
        baseline=question.baseline,
        deviation=design.deviation,
        alpha=question.alpha,
        alpha_each=design.alpha,
        comparisons=design.comparisons,
        method=_METHODS[question.mode],
        sentences=[],
    )
    outlook.sentences.extend(_sentences(question, outlook))
    return outlook


def _solved(question: Question, design: Design, close_enough: float) -> tuple[Asked, float, Course]:
    """What was asked for, the effect, and the looks; the last tells units and power. A fixed test has one look."""
    effect, units, power = question.effect, question.units, question.power or POWER

    def course(effect: float, units: float) -> Course:
        if question.mode == "sequential":
            return design.course(effect, units)
        return [(units, design.fixed_power(effect, units))]

    if effect == 0:
        raise BadData("An effect of zero is never found: give the least one that matters to you.")
    if units is not None:
        design.check_units(units)
        if effect is not None and question.power is not None:
            raise BadData("Effect, units and power are all given: leave out the one to be told.")
        if effect is not None:
            return "power", effect, course(effect, units)
        sign = 1 if question.higher_is_better else -1
        most = design.most(sign)
        effect = sign * smallest_effect(lambda size: course(sign * size, units)[-1][1], power, most, close_enough)
        return "effect", effect, course(effect, units)
    if effect is None:
        raise BadData("Give the effect to be found (--effect), or the units there will be (--units), or both.")
    if question.mode == "sequential":
        return "units", effect, design.course_to(effect, power)
    return "units", effect, course(effect, design.fixed_units(effect, power))


def _mean_units(course: Course) -> float:
    """Until the verdict, or until the last look where there is none."""
    mean, before = 0.0, 0.0
    for units, share in course:
        mean += (share - before) * units
        before = share
    return mean + (1 - before) * course[-1][0]


_METHODS: dict[Mode, str] = {
    "sequential": "confidence sequence: stopping times by numerical integration, exact for normal estimates",
    "fixed": "one look: noncentral t, or the normal approximation of two proportions",
}


def _sentences(question: Question, outlook: Outlook) -> list[str]:
    counted, a_day = question.counted, question.units_a_day
    effect, chance = _spoken(question, outlook.effect), _percent(outlook.power)
    days = f" ({_days(outlook.days)})" if outlook.days is not None else ""
    if outlook.found == "units":
        pace = f"With {a_day:,g} {counted} a day it takes {_days(outlook.days)}" if a_day else "It takes"
        said = [f"{pace}{',' if a_day else ''} {outlook.units:,} {counted}{',' if a_day else ''} to find {effect}."]
    elif outlook.found == "effect":
        said = [f"With {outlook.units:,} {counted}{days}, {effect} is the least that is found {chance} of the time."]
    else:
        said = [f"With {outlook.units:,} {counted}{days}, {effect} is found {chance} of the time."]
    arms = ", ".join(f"{arm} {count:,}" for arm, count in outlook.arms.items())
    said.append(f"By arm: {arms}.")
    if outlook.mode == "sequential":
        mean = f"{outlook.expected_units:,} {counted}"
        mean += f", {_days(outlook.expected_days, whole=False)}" if a_day else ""
        said.append(
            f"By then {chance} of such experiments have their verdict, however often one looks; the mean is {mean}. "
            f"Where there is no effect, end it there."
        )
        if outlook.fixed_units is not None:
            said.append(f"A single test at the end (--fixed) takes {outlook.fixed_units:,} {counted} for the same.")
    else:
        said.append(f"It is read once, at its end, and not before {FIXED_DAYS} days.")
    return [*said, *_circumstances(question, outlook)]


def _circumstances(question: Question, outlook: Outlook) -> Iterator[str]:
    if outlook.comparisons > 1:
        yield (
            f"{outlook.comparisons} comparisons are corrected for: each is planned at alpha {outlook.alpha_each:.3g}, "
            "the first and hardest of Holm's steps."
        )
    if question.correlation:
        yield f"The covariate takes off {1 - left_by_covariates(question.correlation):.0%} of the variance."
    if question.cluster_size > 1:
        cost = cost_of_clusters(question.cluster_size, question.intraclass_correlation)
        size = f"{question.cluster_size:.3g}"
        yield f"Clusters of {size} take {cost:.2f} times as many {question.counted} as single ones."


def _spoken(question: Question, effect: float) -> str:
    way = "more" if effect > 0 else "less"
    size = f"{abs(effect) * 100:.3g} points" if question.kind == "binary" else f"{abs(effect):.3g}"
    if question.baseline is None:
        return f"{size} {way}"
    before, after = question.baseline, question.baseline + effect
    if question.kind == "binary":
        return f"{size} {way} ({before * 100:.3g} % to {after * 100:.3g} %)"
    return f"{size} {way} ({before:.4g} to {after:.4g})"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %" if share < 0.999 else "more than 99.9 %"


def _days(days: float | None, *, whole: bool = True) -> str:
    shown = (days or 0.0) if not whole else ceil((days or 0.0) - 1e-9)
    return f"{shown:,.1f} days" if not whole else f"{shown:,} {'day' if shown == 1 else 'days'}"
