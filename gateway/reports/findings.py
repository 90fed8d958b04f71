"""What was found in an experiment, in words: the conclusion, how sure it is, and each effect with its judgement."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.reports.document import Text, Tone
from gateway.reports.told import Told
from gateway.reports.values import between, effect, p_said, value
from gateway.units import many
from processors.experiments.estimates import Interval
from processors.experiments.metrics import Metric
from processors.experiments.report import ArmResult, Report
from processors.experiments.verdict import LEAST, units_min

UNCLEAR_MAX = 3
"""More sentences on what is not certain would hide what is."""
CORRECTIONS = {"holm": "Holm", "bh": "Benjamini and Hochberg"}


@dataclass(frozen=True)
class Finding:
    """One metric of one arm beside control, by the interval that the verdict rests on."""

    name: str
    metric: Metric
    arm: str
    result: ArmResult
    base: ArmResult
    effect: float
    span: Interval
    p: float
    few: bool
    """Whether too few units have a value for a verdict."""

    @property
    def tone(self) -> Tone:
        if self.few or self.span[0] <= 0 <= self.span[1]:
            return "unsure"
        return "good" if (self.effect > 0) == self.metric.higher_is_better else "bad"

    @property
    def judgement(self) -> str:
        return {"good": "better", "bad": "worse"}.get(self.tone, "too few" if self.few else "unclear")


def findings(told: Told) -> list[Finding]:
    if told.story is None:
        return []
    report = told.story.report
    found = []
    for name, of_arm in report.metrics.items():
        for arm, result in of_arm.items():
            span = result.cs_adjusted if report.mode == "sequential" else result.ci_adjusted
            p = result.p_always_valid_adjusted if report.mode == "sequential" else result.p_adjusted
            if result.effect is not None and span is not None and p is not None:
                metric, base = told.story.metrics[name], of_arm[report.control]
                few = min(result.n, base.n) < units_min(metric, LEAST[report.mode])
                found.append(Finding(name, metric, arm, result, base, result.effect, span, p, few))
    return found


def conclusion(told: Told) -> Text:
    """In one sentence."""
    if told.story is None:
        return Text(f"Nothing can be said yet: {told.why_none or 'there are too few data'}".rstrip(".") + ".", "unsure")
    report = told.story.report
    if report.verdict == "invalid":
        return Text(f"Read no effect from this experiment: {_first_letter_small(report.reasons[0])}", "bad")
    if report.verdict == "mixed":
        return Text(f"The result is mixed: {_mixed(told)}. No rule can weigh that for you.", "unsure")
    if report.verdict == "winner" and report.winner is not None:
        if report.winner == report.control:
            others = "the other arm is" if len(report.arms) == 2 else "every other arm is"
            return Text(f'Keep "{report.control}": {others} worse{_worst(told)}.', "good")
        return Text(f"{_named(told, report.winner)} wins: {_best(told, report.winner)}.", "good")
    return Text(_no_difference(told, report), "unsure")


def how_sure(told: Told) -> list[str]:
    if told.story is None:
        return []
    report = told.story.report
    if report.verdict == "invalid":
        return list(report.reasons)
    return [*_each(told), *_by_ranks(told), *_stopped(report), _promise(report), _as_planned(report)]


def _each(told: Told) -> Iterator[str]:
    """What is certain first, and what is not only where that is little."""
    assert told.story is not None
    control = told.story.report.control
    unclear = [one for one in findings(told) if one.tone == "unsure"]
    for one in findings(told):
        if one.tone != "unsure":
            yield f'"{one.arm}" is {one.judgement} than "{control}" on {one.name}: {_written(one)}.'
    if len(unclear) > UNCLEAR_MAX:
        yield f"{len(unclear)} comparisons are unclear: their intervals, in the table of effects, hold zero."
        return
    for one in unclear:
        yield f'It is unclear whether "{one.arm}" differs from "{control}" on {one.name}: {_written(one)}.'


def _written(one: Finding) -> str:
    return f"{effect(one.metric, one.effect, one.span)}, {between(one.metric, one.span)} ({p_said(one.p)})"


def _by_ranks(told: Told) -> Iterator[str]:
    """Where few large values may decide a mean, a fixed test says so."""
    assert told.story is not None
    report = told.story.report
    for one in findings(told) if report.mode == "fixed" else ():
        ranked, plain = one.result.mann_whitney_p, one.result.p
        if ranked is not None and plain is not None and (ranked <= report.alpha) != (plain <= report.alpha):
            yield (
                f'By ranks (Mann-Whitney U, {p_said(ranked)}) it is another for "{one.arm}" on {one.name}: '
                "a few large values may decide the mean."
            )


def _stopped(report: Report) -> Iterator[str]:
    for name, of_arm in report.guardrails.items():
        for arm, result in of_arm.items():
            if result.stops:
                yield f'"{arm}" is certainly worse on the guardrail {name}: stop it.'


def _promise(report: Report) -> str:
    count = sum(len(of_arm) - 1 for of_arm in report.metrics.values())
    together = f", over all {count} comparisons together" if report.correction in CORRECTIONS else ""
    chance = f"{report.alpha:.0%}"
    if report.correction == "bh":
        return f"Of the differences called certain, {chance} are false on average{together}."
    if report.mode == "sequential":
        return (
            f"Where there is no difference, one is claimed in at most {chance} of experiments, however often one looks"
            f"{together}."
        )
    return f"Where there is no difference, one is claimed in {chance} of experiments, if one looks once{together}."


def _as_planned(report: Report) -> str:
    return f"The arms have the shares of {report.srm.counted} that were planned ({p_said(report.srm.p)})."


def terms(told: Told) -> Iterator[tuple[str, str]]:
    """The words of this report, a line each; only those that it uses."""
    if told.story is None:
        return
    report = told.story.report
    yield "arm", f"one of the values that are compared; {report.control} is control, which the others are compared with"
    yield "unit", f"what is assigned to an arm and counts once: here a {told.unit}"
    yield "effect", "the arm's value minus control's; points are differences between percentages"
    yield "↓", "less is better"
    if report.mode == "sequential":
        yield "sequence", "where the true effect is, right at all looks together, so that one may stop at any"
        yield "p", "how easily chance alone would bring such an effect, at any look; small is convincing"
    else:
        yield "interval", "where the true effect is, right for one look at the planned end"
        yield "p", "how easily chance alone would bring such an effect; small is convincing"
    if report.correction in CORRECTIONS:
        yield "adjusted", f"made stricter for the number of comparisons, after {CORRECTIONS[report.correction]}"
    yield (
        "sample ratio",
        "whether the arms got the share of units that was planned; if not, units are lost and effects lie",
    )
    if report.guardrails:
        yield "guardrail", "what must not get worse; an arm that is certainly worse on it is stopped"
    if any(result.cuped_variance_cut for of_arm in report.metrics.values() for result in of_arm.values()):
        yield "CUPED", "what was known of a unit before takes off a part of the chance in its value"


def _named(told: Told, arm: str) -> str:
    given = told.arms.get(arm)
    return f'"{arm}"' + (f" ({told.parameter} = {given})" if given is not None else "")


def _best(told: Told, winner: str) -> str:
    """The winner's effect that decided, and that nothing speaks against it."""
    better = [found for found in findings(told) if found.arm == winner and found.tone == "good"]
    found = better[0]
    more = f" and on {many(len(better) - 1, 'metric')} more" if len(better) > 1 else ""
    return f"better than control on {_change(found)}{more}, and worse on nothing measured"


def _worst(told: Told) -> str:
    worse = [found for found in findings(told) if found.tone == "bad"]
    if not worse:  # stopped by guardrails alone
        return " on a guardrail"
    return f": on {_change(worse[0])}" if len({found.arm for found in worse}) == 1 else ""


def _change(found: Finding) -> str:
    """`success, 77.5% → 81.5% (+4.04 points, between +0.39 and +7.70 points)`."""
    values = f"{value(found.metric, found.base.mean)} → {value(found.metric, found.result.mean)}"
    change = effect(found.metric, found.effect, found.span)
    return f"{found.name}, {values} ({change}, {between(found.metric, found.span)})"


def _mixed(told: Told) -> str:
    found = findings(told)
    assert told.story is not None
    told_of = []
    for arm in dict.fromkeys(one.arm for one in found):
        better = [one.name for one in found if one.arm == arm and one.tone == "good"]
        worse = [one.name for one in found if one.arm == arm and one.tone == "bad"]
        worse += [name for name, of_arm in told.story.report.guardrails.items() if of_arm[arm].stops]
        if better and worse:
            told_of.append(f'"{arm}" is better on {", ".join(better)} and worse on {", ".join(worse)}')
    return "; ".join(told_of)


def _no_difference(told: Told, report: Report) -> str:
    found = findings(told)
    seen = [one for one in found if one.tone != "unsure"]
    if any("extend it" in reason for reason in report.reasons[:1]):
        return f"It is too early for a verdict. {report.reasons[0]}"
    if seen:
        return f'No arm beats "{report.control}"; "{seen[0].arm}" is {seen[0].judgement} on {_change(seen[0])}.'
    widest = found[0]
    return (
        f'No difference is shown: on {widest.name} the effect of "{widest.arm}" may be anywhere '
        f"{between(widest.metric, widest.span)}."
    )


def _first_letter_small(text: str) -> str:
    return text[:1].lower() + text[1:]
