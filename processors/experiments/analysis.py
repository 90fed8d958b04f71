"""The way through: from the rows of an experiment and a plan to effects, intervals and a verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from processors.experiments import sample_ratio, sequences
from processors.experiments.bandit_analysis import BanditMeasurements, Log
from processors.experiments.comparing import Measurements, Test, cs_method
from processors.experiments.covariates import covariates_of, why_unusable
from processors.experiments.distributions import Floats
from processors.experiments.estimates import BadData
from processors.experiments.metrics import Metric
from processors.experiments.multiplicity import adjust
from processors.experiments.report import ArmResult, GuardrailResult, Plan, Report, SampleRatio
from processors.experiments.rows import TORN_UNITS_MAX, Population, Rows, population
from processors.experiments.verdict import FIXED_DAYS, LEAST, Comparison, Verdict, decide, units_min

ARMS_MAX = 50
"""More values than this in the variant column are ids or numbers, not arms."""


@dataclass(frozen=True)
class Analysis:
    """The report, with what it was made from, for whoever wants to tell more of it."""

    report: Report
    people: Population
    measured: dict[str, Measurements]
    """Metrics and guardrails, by name."""


def analyze(rows: Rows, plan: Plan) -> Report:
    """Raises BadData, with a sentence, where the data allow no answer."""
    return analysis(rows, plan).report


def analysis(rows: Rows, plan: Plan) -> Analysis:
    """`analyze` with all that it rests on. Raises BadData as well."""
    if not plan.metrics:
        raise BadData("Name at least one --metric.")
    people = population(rows)
    notes = list(people.notes)
    control = _control(people, plan, notes)
    log = Log(people, plan, notes) if plan.propensity is not None else None
    srm = _sample_ratio(people, plan) if log is None else log.sample_ratio(plan)
    if srm.p < sample_ratio.CHI_SQUARE_ALARM and not srm.alarm:
        notes.append(
            f"The sample ratio is suspicious (chi-square p = {srm.p:.2g}), though not beyond what repeated looks may "
            "bring by chance. Watch it."
        )
    covariates = _usable_covariates(people, plan, control, notes)
    named = _names([*plan.metrics, *plan.guardrails])
    measured = {
        name: Measurements(name, metric, people, control, covariates, plan, notes)
        if log is None
        else BanditMeasurements(name, metric, log, control, plan, notes)
        for name, metric in named.items()
    }
    judged = [name for name, metric in named.items() if metric in plan.metrics]
    comparisons, results = _compare({name: measured[name] for name in judged}, plan, people.arms[control])
    guardrails = {
        name: {arm: _guard(measured[name], arm, test) for arm, test in measured[name].tests.items()}
        for name, metric in named.items()
        if metric in plan.guardrails
    }
    stopped = [arm for of_arm in guardrails.values() for arm, result in of_arm.items() if result.stops]
    verdict = _invalid(people, plan, srm) or decide(
        plan.mode, people.arms[control], comparisons, stopped, _too_early(people, plan)
    )
    reasons = [*verdict.reasons, *_stops(guardrails, verdict)]
    if plan.mode == "fixed":
        reasons += _disagreements(results, plan)
    report = Report(
        mode=plan.mode,
        control=people.arms[control],
        arms=list(people.arms),
        alpha=plan.alpha,
        correction=plan.correction if len(comparisons) > 1 else "none",
        cs_method=cs_method(people),
        srm_p=srm.p,
        srm=srm,
        metrics=results,
        guardrails=guardrails,
        verdict=verdict.word,
        winner=verdict.winner,
        reasons=reasons,
        notes=notes,
    )
    return Analysis(report, people, measured)


def _compare(
    measured: Mapping[str, Measurements], plan: Plan, control: str
) -> tuple[list[Comparison], dict[str, dict[str, ArmResult]]]:
    tests = [(name, arm, test) for name, found in measured.items() for arm, test in found.tests.items()]
    fixed = adjust([test.p for *_, test in tests], plan.alpha, plan.correction)
    always = adjust([test.p_always_valid for *_, test in tests], plan.alpha, plan.correction)
    results = {
        name: {
            arm: ArmResult(seen.units, seen.estimate.value, seen.missing, mean_ci=seen.interval)
            for arm, seen in zip(found.people.arms, found.arms, strict=True)
        }
        for name, found in measured.items()
    }
    comparisons = []
    for i, (name, arm, test) in enumerate(tests):
        ci, cs = test.interval(fixed.alphas[i]), test.sequence(always.alphas[i])
        seen, base = results[name][arm], results[name][control].mean
        results[name][arm] = replace(
            seen,
            effect=test.effect.value,
            relative=test.effect.value / abs(base) if base else None,
            ci=test.interval(plan.alpha),
            p=test.p,
            cs=test.sequence(plan.alpha),
            p_always_valid=test.p_always_valid,
            p_adjusted=fixed.p[i],
            ci_adjusted=ci,
            cs_adjusted=cs,
            p_always_valid_adjusted=always.p[i],
            mann_whitney_p=test.mann_whitney_p,
            method=test.method,
            cuped_variance_cut=test.cut,
        )
        p = always.p[i] if plan.mode == "sequential" else fixed.p[i]
        interval = cs if plan.mode == "sequential" else ci
        metric = measured[name].metric
        few = min(seen.n, results[name][control].n) < units_min(metric, LEAST[plan.mode])
        significant = p <= plan.alpha and not few
        comparisons.append(Comparison(metric, name, arm, test.effect.value, interval, p, significant, few))
    return comparisons, results


def _guard(found: Measurements, arm: str, test: Test) -> GuardrailResult:
    """Always by the confidence sequence, for guardrails are watched all the time; and without correction for the number
    of comparisons: to stop a sound arm costs less than to keep a harmful one. Few units are enough, for Student's
    quantile is wide then; but a quantile far out needs as many as anywhere."""
    low, high = test.sequence(sequences.ALPHA)
    worse = high < 0 if found.metric.higher_is_better else low > 0
    fewest = min(found.arms[found.people.arms.index(arm)].units, found.arms[found.control].units)
    return GuardrailResult(test.effect.value, (low, high), worse and fewest >= units_min(found.metric))


def _stops(guardrails: Mapping[str, Mapping[str, GuardrailResult]], verdict: Verdict) -> list[str]:
    return [
        f'Stop "{arm}": it is worse on the guardrail {name} ({result.effect:+.4g}, between {result.cs[0]:+.4g} and '
        f"{result.cs[1]:+.4g})."
        for name, of_arm in guardrails.items()
        for arm, result in of_arm.items()
        if result.stops and verdict.word != "invalid"
    ]


def _control(people: Population, plan: Plan, notes: list[str]) -> int:
    arms = people.arms
    if len(arms) < 2:
        raise BadData(f'The only arm is "{arms[0]}": an experiment needs at least two. Check --variant.')
    if len(arms) > ARMS_MAX:
        raise BadData(
            f"The variant column has {len(arms):,} different values; at most {ARMS_MAX} are taken. Check --variant."
        )
    if plan.split is not None and (unknown := [arm for arm in arms if arm not in plan.split]):
        raise BadData(f'Arm "{unknown[0]}" is in the data but not in --split: name the share of every arm.')
    listed = ", ".join(arms)
    if plan.control is not None:
        if plan.control not in arms:
            raise BadData(f'There is no arm "{plan.control}" to be the control. The arms are: {listed}.')
        return arms.index(plan.control)
    if "control" in arms:
        return arms.index("control")
    named = next((arm for arm in plan.split or () if arm in arms), None)
    chosen = named if named is not None else min(arms)
    reason = "the first in --split" if named is not None else "the first by name"
    notes.append(f'Control is "{chosen}", {reason}; --control names another.')
    return arms.index(chosen)


def _sample_ratio(people: Population, plan: Plan) -> SampleRatio:
    by_cluster = people.clusters_are_assigned_whole()
    found = dict(zip(people.arms, people.cluster_counts() if by_cluster else people.counts(), strict=True))
    split = dict(plan.split) if plan.split is not None else dict.fromkeys(people.arms, 1 / len(people.arms))
    counts = [found.get(arm, 0) for arm in split]
    shares = [share / sum(split.values()) for share in split.values()]
    p, sequential_p = float(sample_ratio.chi_square_p(counts, shares)), float(sample_ratio.sequential_p(counts, shares))
    alarm = sequential_p < sample_ratio.SEQUENTIAL_ALARM
    if plan.mode == "fixed":
        alarm = p < sample_ratio.CHI_SQUARE_ALARM
    return SampleRatio(
        dict(zip(split, counts, strict=True)),
        {arm: share * sum(counts) for arm, share in zip(split, shares, strict=True)},
        "clusters" if by_cluster else "units",
        p,
        sequential_p,
        alarm,
    )


def _invalid(people: Population, plan: Plan, srm: SampleRatio) -> Verdict | None:
    reasons = []
    if srm.alarm:
        shown = f"p = {srm.p:.2g}" if plan.mode == "fixed" else f"sequential p = {srm.sequential_p:.2g}"
        pairs = ", ".join(f"{arm} {count:,} instead of {srm.expected[arm]:,.0f}" for arm, count in srm.counts.items())
        reasons.append(
            f"Sample ratio mismatch: {srm.counted} by arm are {pairs} ({shown}). Find out who is lost or added on the "
            "way before reading any effect." + _whence(plan)
        )
    if people.torn_units > TORN_UNITS_MAX * (people.units() + people.torn_units):
        reasons.append(
            f"{people.torn_units:,} units were seen in several arms, more than {TORN_UNITS_MAX:.0%}: the assignment "
            "does not hold, or --unit names something smaller than what was assigned."
        )
    return Verdict("invalid", None, reasons) if reasons else None


def _whence(plan: Plan) -> str:
    """Where the expected shares come from, unless --split names them."""
    if plan.propensity is not None:
        return f' Expected by "{plan.propensity}".'
    return "" if plan.split else " Equal shares were expected; --split names others."


def _usable_covariates(people: Population, plan: Plan, control: int, notes: list[str]) -> Floats | None:
    if not plan.covariates:
        return None
    covariates = covariates_of(people, plan.covariates)
    if why := why_unusable(people, covariates, plan.covariates, control):
        notes.append(why)
        return None
    return covariates


def _too_early(people: Population, plan: Plan) -> str | None:
    fewest = min(people.counts())
    least = LEAST[plan.mode]
    if fewest < least:
        return f"The smallest arm has {fewest} units, and a verdict takes at least {least}: extend it."
    if plan.mode == "fixed" and plan.days is not None and plan.days < FIXED_DAYS:
        return f"It has run {plan.days:g} of {FIXED_DAYS} days: extend it, for a fixed test is read once, at its end."
    return None


def _disagreements(results: Mapping[str, Mapping[str, ArmResult]], plan: Plan) -> list[str]:
    """Where t-test and Mann-Whitney U differ at alpha, a reader should know why."""
    return [
        f'Mann-Whitney U {"sees a" if result.mann_whitney_p <= plan.alpha else "sees no"} difference of "{arm}" '
        f"on {name} (p = {result.mann_whitney_p:.2g}), the t-test {'does' if result.p <= plan.alpha else 'does not'} "
        f"(p = {result.p:.2g}): a few large values may decide the mean. The verdict follows the t-test."
        for name, of_arm in results.items()
        for arm, result in of_arm.items()
        if result.mann_whitney_p is not None
        and result.p is not None
        and (result.mann_whitney_p <= plan.alpha) != (result.p <= plan.alpha)
    ]


def _names(metrics: Sequence[Metric]) -> dict[str, Metric]:
    """Each metric under its column's name, or as it was written where that would name two."""
    unique = list(dict.fromkeys(metrics))
    names = [metric.name for metric in unique]
    return {metric.name if names.count(metric.name) == 1 else metric.spec: metric for metric in unique}
