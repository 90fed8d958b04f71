"""The report of an experiment as a document: first what to conclude and what to do, then how sure, then the rest."""

from collections.abc import Iterator
from functools import partial
from math import isfinite

from gateway.reports import html, markdown, text
from gateway.reports.document import (
    Band,
    Bars,
    Block,
    Chart,
    Document,
    Facts,
    Interval,
    Intervals,
    Outlines,
    Points,
    Section,
    Table,
    Text,
    Tone,
)
from gateway.reports.findings import CORRECTIONS, Finding, conclusion, findings, how_sure, terms
from gateway.reports.told import Told, as_json
from gateway.reports.values import between, bounds, effect, number, of_percent, on_axis, p_said, p_value, percent, value
from gateway.units import many, moment
from processors.experiments.metrics import Metric
from processors.experiments.report import Report
from processors.experiments.story import Distribution, Look, Spread, Story

__all__ = ["Told", "as_html", "as_json", "as_markdown", "as_text", "document_of"]

DAY_US = 86_400_000_000
CALM = 0.25
"""From this share of the looks on, the scale of a chart takes their intervals in; earlier ones may reach beyond it."""


def as_text(told: Told, *, width: int = 100, colour: bool = False) -> str:
    return text.text(document_of(told), width=width, colour=colour)


def as_markdown(told: Told) -> str:
    return markdown.markdown(document_of(told))


def as_html(told: Told) -> str:
    return html.page(document_of(told))


def document_of(told: Told) -> Document:
    return Document(
        f"Experiment {told.name}", list(_about(told)), conclusion(told), told.next_step, list(_sections(told))
    )


def _about(told: Told) -> Iterator[str]:
    yield told.status
    if told.started_at is not None:
        until = told.ended_at or told.range_to
        yield f"{moment(told.started_at)[:10]} to {moment(until)[:10]}, {(until - told.started_at) / DAY_US:.1f} days"
    if told.story is not None:
        yield many(sum(told.story.looks[-1].n.values()), told.unit)
    yield f"{len(told.arms)} arms of {told.parameter}"


def _sections(told: Told) -> Iterator[Section]:
    if told.question:
        yield Section("The question", [Text(told.question)])
    story = told.story
    if story is not None:
        sample = Section("Is the sample as planned?", list(_sample(told, story.report)))
        yield Section("How sure is that?", [Points(how_sure(told))])
        if story.report.verdict == "invalid":
            yield sample
        yield Section("Effects", list(_effects(told)))
        if story.report.guardrails:
            yield Section("Guardrails", [_guardrails(story)])
        yield Section("How the effects became known", list(_over_time(story)))
        if any(told.funnel.values()):
            yield Section("From exposed to accepted", [_funnel(told)])
        if story.distributions:
            yield Section("How values are distributed", list(_distributions(story)))
        if story.report.verdict != "invalid":
            yield sample
        if story.report.notes:
            yield Section("Notes on the data", [Points(story.report.notes)])
    elif any(told.funnel.values()):
        yield Section("From exposed to accepted", [_funnel(told)])
    if told.history:
        rows = [[_minute(at), what, by, reason] for at, what, by, reason in told.history]
        yield Section("What happened", [Table(["time, UTC", "change", "by", "reason"], rows)])
    yield Section("What was compared, and how", [Facts(list(_facts(told)))], folded=True)
    if story is not None:
        yield Section("The words", [Facts(list(terms(told)))], folded=True)


def _effects(told: Told) -> Iterator[Block]:
    found = findings(told)
    assert told.story is not None
    report = told.story.report
    if lines := [line for one in found if (line := _line(one, len(report.arms) > 2))]:
        about = (
            "Each bar is where the true effect may be, as a share of control's value; one that touches the dashed zero "
            "line is not certain."
        )
        table = Table(["metric", "relative effect"], [[line.name, line.written] for line in lines], ["relative effect"])
        yield Chart(f"Effects beside {report.control}", about, Intervals(lines, of_percent), table)
    span, counted = _span_name(report), f"{told.unit}s"
    rows: list[list[str | None]] = []
    tones: list[Tone] = []
    for name, of_arm in report.metrics.items():
        metric, base = told.story.metrics[name], of_arm[report.control]
        control = [report.control, value(metric, base.mean), None, "control", None, None, f"{base.n:,}"]
        rows.append([_told_name(name, metric), *control])
        tones.append("plain")
        for one in (one for one in found if one.name == name):
            rows.append(_effect_row(one))
            tones.append(one.tone)
    columns = ["metric", "arm", "value", "effect", "judgement", span, "p", counted]
    yield Table(columns, rows, (counted, "value", "effect", span, "p"), tones, "judgement")


def _span_name(report: Report) -> str:
    return f"{1 - report.alpha:.0%} {'sequence' if report.mode == 'sequential' else 'interval'}"


def _told_name(name: str, metric: Metric) -> str:
    kind = f" ({metric.share:g} quantile)" if metric.kind == "quantile" and name == metric.name else ""
    return f"{name}{kind}" + ("" if metric.higher_is_better else "\u00a0↓")


def _effect_row(one: Finding) -> list[str | None]:
    return [
        _told_name(one.name, one.metric),
        one.arm,
        value(one.metric, one.result.mean),
        effect(one.metric, one.effect, one.span),
        one.judgement,
        bounds(one.metric, one.span),
        p_value(one.p),
        f"{one.result.n:,}",
    ]


def _line(one: Finding, several: bool) -> Interval | None:
    """Relative, in percent; none where control's value is zero or the interval has no end."""
    base = abs(one.base.mean)
    if not base or not all(map(isfinite, one.span)):
        return None
    low, middle, high = (100 * found / base for found in (one.span[0], one.effect, one.span[1]))
    name = _told_name(one.name, one.metric) + (f", {one.arm}" if several else "")
    written = f"{of_percent(middle)} ({of_percent(low)} to {of_percent(high)})"
    return Interval(name, middle, (low, high), one.tone, written)


def _guardrails(story: Story) -> Table:
    rows: list[list[str]] = []
    tones: list[Tone] = []
    for name, of_arm in story.report.guardrails.items():
        metric = story.metrics[name]
        for arm, result in of_arm.items():
            change = effect(metric, result.effect, result.cs), bounds(metric, result.cs)
            rows.append([_told_name(name, metric), arm, *change, "worse: stop the arm" if result.stops else "holds"])
            tones.append("bad" if result.stops else "good")
    columns = ["guardrail", "arm", "effect", "95% sequence", "judgement"]
    return Table(columns, rows, ("effect", "95% sequence"), tones, "judgement")


def _over_time(story: Story) -> Iterator[Block]:
    yield Text(
        "The line is the effect as it was known then, the band where the true effect may have been: right at all looks "
        "together, and of this comparison alone."
    )
    arms = [arm for arm in story.report.arms if arm != story.report.control]
    for name in story.metrics:
        yield from (_course(story, name, arm) for arm in arms)


def _course(story: Story, name: str, arm: str) -> Chart:
    metric = story.metrics[name]
    seen = [(look, look.metrics[name][arm]) for look in story.looks if arm in look.metrics.get(name, {})]
    times, spans = [look.at for look, _ in seen], [found.cs for _, found in seen]
    values = [found.effect for _, found in seen]
    band = Band(times, values, spans, partial(on_axis, metric), _extent(story.looks, name))
    rows = [
        [
            _minute(look.at),
            f"{sum(look.n.values()):,}",
            effect(metric, found.effect, found.cs),
            bounds(metric, found.cs),
        ]
        for look, found in seen
    ]
    last = spans[-1]
    certain = "zero is possible" if last[0] <= 0 <= last[1] else "zero is ruled out"
    better = "up" if metric.higher_is_better else "down"
    of = f'"{arm}" beside "{story.report.control}"' + (", in points" if metric.kind == "binary" else "")
    return Chart(
        f"{name}, {arm}" if len(story.report.arms) > 2 else name,
        f"{of}; {better} is better. At the end {between(metric, last)}: {certain}.",
        band,
        Table(["until, UTC", "units", "effect", "sequence"], rows, ["units", "effect", "sequence"]),
    )


def _extent(looks: list[Look], name: str) -> tuple[float, float]:
    """A scale for all arms of a metric, that the wide intervals of the first looks do not flatten."""
    seen = [of_arm for look in looks if (of_arm := look.metrics.get(name))]
    calm = seen[int(CALM * len(seen)) :]
    bounds = [0.0, *(found.effect for of_arm in calm for found in of_arm.values())]
    bounds += [bound for of_arm in calm for found in of_arm.values() for bound in found.cs if isfinite(bound)]
    reach = (max(bounds) - min(bounds)) or 1.0
    return min(bounds) - 0.05 * reach, max(bounds) + 0.05 * reach


def _distributions(story: Story) -> Iterator[Block]:
    for name, found in story.distributions.items():
        metric = story.metrics[name]
        shares = {
            arm: [count / max(1, sum(counts)) for count in counts]
            for arm, counts in _control_first(story, found.counts).items()
        }
        about = (
            "Share of the units by value"
            + (", on a scale of magnitudes" if found.by_magnitude else "")
            + "; a line from top to "
            "bottom marks each median. The outermost steps hold what lies beyond."
        )
        marks = {arm: found.spread[arm].median for arm in shares}
        yield Chart(
            name,
            about,
            Outlines(found.edges, found.by_magnitude, shares, marks, number),
            _spread(metric, found, shares),
        )


def _spread(metric: Metric, found: Distribution, arms: dict[str, list[float]]) -> Table:
    def row(arm: str, spread: Spread) -> list[str]:
        return [arm, *(number(v) for v in (spread.mean, spread.p25, spread.median, spread.p75, spread.p95))]

    columns = ["arm", "mean", "25%", "median", "75%", "95%"]
    return Table(columns, [row(arm, found.spread[arm]) for arm in arms], columns[1:])


def _control_first(story: Story, by_arm: dict[str, list[int]]) -> dict[str, list[int]]:
    """So that control has the same colour everywhere."""
    return dict(sorted(by_arm.items(), key=lambda item: item[0] != story.report.control))


def _funnel(told: Told) -> Chart:
    stages = list(dict.fromkeys(stage for found in told.funnel.values() for stage, _ in found))
    first = told.story.report.control if told.story else next(iter(told.funnel))
    arms = sorted(told.funnel, key=lambda arm: arm != first)
    counts = {arm: [float(dict(told.funnel[arm]).get(stage, 0)) for stage in stages] for arm in arms}
    shares = {arm: [count / found[0] if found[0] else 0.0 for count in found] for arm, found in counts.items()}
    notes = {
        arm: [
            f"{share:.1%} of {counts[arm][0]:,.0f}" if i else f"{counts[arm][0]:,.0f}" for i, share in enumerate(found)
        ]
        for arm, found in shares.items()
    }
    rows: list[list[str]] = []
    for arm in arms:
        rows += [
            [stage, arm, f"{count:,.0f}", percent(share)]
            for stage, count, share in zip(stages, counts[arm], shares[arm], strict=True)
        ]
    table = Table(["stage", "arm", "count", f"of {stages[0]}"], rows, ["count", f"of {stages[0]}"])
    about = f"How many of the {told.unit}s of an arm got how far, as a share of those that were {stages[0]}."
    return Chart("Funnel by arm", about, Bars(stages, shares, percent, notes=notes), table)


def _sample(told: Told, report: Report) -> Iterator[Block]:
    srm = report.srm
    if srm.alarm:
        yield Text(f"No: the arms did not get the planned shares of {srm.counted} ({p_said(srm.p)}).", "bad")
    else:
        yield Text(
            f"Yes: the shares differ from the plan no more than chance brings ({p_said(srm.p)}, at any look "
            f"{p_value(srm.sequential_p)}).",
            "good",
        )
    arms = sorted(srm.counts, key=lambda arm: arm != report.control)
    bars = Bars(
        arms,
        {srm.counted: [float(srm.counts[arm]) for arm in arms]},
        lambda count: f"{count:,.0f}",
        {srm.counted: [srm.expected[arm] for arm in arms]},
        {srm.counted: [f"{srm.counts[arm]:,}, planned {srm.expected[arm]:,.0f}" for arm in arms]},
    )
    rows = [[arm, f"{srm.counts[arm]:,}", f"{srm.expected[arm]:,.0f}"] for arm in arms]
    table = Table(["arm", "counted", "planned"], rows, ["counted", "planned"])
    yield Chart(f"{srm.counted.capitalize()} by arm", "The upright stroke is what was planned.", bars, table)


def _facts(told: Told) -> Iterator[tuple[str, str]]:
    for arm, given in told.arms.items():
        share = told.split.get(arm)
        yield (
            f"arm {arm}",
            f"{told.parameter} = {given}" + (f", {share:.1%} of the {told.unit}s" if share is not None else ""),
        )
    yield "unit", told.unit
    yield "layer", told.layer
    yield "data from", moment(told.range_from)
    yield "data to", moment(told.range_to)
    yield "data, SHA-256", told.data_hash
    if told.story is None:
        return
    report = told.story.report
    looks = "at any time, by confidence sequences" if report.mode == "sequential" else "once, at the planned end"
    yield "verdict", looks
    yield "sequence", report.cs_method
    if report.correction in CORRECTIONS:
        yield "correction", f"{CORRECTIONS[report.correction]}, at {report.alpha:.0%}"
    for name, of_arm in report.metrics.items():
        methods = dict.fromkeys(result.method for result in of_arm.values() if result.method)
        yield f"test of {name}", ", ".join(methods)


def _minute(at: int) -> str:
    return moment(at)[:16].replace("T", " ")
