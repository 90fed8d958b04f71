"""The report of a day as a document: first whether the line did well and what to do, then the figures."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gateway.reports import html, markdown, text
from gateway.reports.day.advice import advice
from gateway.reports.day.figures import Day, Group, Totals
from gateway.reports.day.kpis import Kpi, kpis, share_of, time_of
from gateway.reports.document import Bars, Block, Chart, Course, Document, Points, Section, Table, Text, Tone, Write
from gateway.units import duration, many, moment, money, short

KINDS = {"agent": "By agent", "model": "By model", "tenant": "By tenant"}
NONE = {"agent": "(no agent)", "model": "(no model)", "tenant": "(no tenant)"}
REASONS = {
    "redo": ("Why answers were done again", "agent"),
    "failure": ("Why attempts failed", "agent"),
    "letter": ("What was set aside", "service"),
}
SAID_MAX = 160
"""Letters of a reason."""
BARS_MAX = 8
QUANTILES = ("median", "95%", "99%")


def as_text(day: Day, *, width: int = 100, colour: bool = False) -> str:
    return text.text(document_of(day), width=width, colour=colour)


def as_markdown(day: Day) -> str:
    return markdown.markdown(document_of(day))


def as_html(day: Day) -> str:
    return html.page(document_of(day))


def as_json(day: Day) -> str:
    document = document_of(day)
    found = {
        "day": day.day.isoformat(),
        "so_far": day.so_far,
        "until": day.until,
        "conclusion": document.conclusion.text,
        "kpis": [_kpi_data(kpi) for kpi in kpis(day)] if day.total else [],
        "recommendations": advice(day),
        "totals": {on.isoformat(): asdict(total) for on, total in sorted(day.totals.items())},
        "hours": {hour: asdict(total) for hour, total in sorted(day.hours.items())},
        **{f"{kind}s": [asdict(group) for group in day.groups.get(kind, [])] for kind in KINDS},
        "slowest": [asdict(slow) for slow in day.slowest],
        "weights": [asdict(weighed) for weighed in day.weights],
        **{f"{kind}s": [asdict(reason) for reason in day.reasons.get(kind, [])] for kind in REASONS},
    }
    return json.dumps(_rounded(found), ensure_ascii=False, allow_nan=False) + "\n"


def _rounded(found: Any) -> Any:
    """Without the last digits of sums, which are others each time: the warehouse adds in the order of its threads."""
    if isinstance(found, dict):
        return {name: _rounded(value) for name, value in found.items()}
    if isinstance(found, list):
        return [_rounded(value) for value in found]
    return float(f"{found:.12g}") if isinstance(found, float) else found


def _kpi_data(kpi: Kpi) -> dict[str, Any]:
    names = ("name", "meaning", "figure", "target", "met", "before", "week")
    return {name: getattr(kpi, name) for name in names}


def document_of(day: Day) -> Document:
    title = f"The line on {day.day.isoformat()}"
    if day.total is None:
        return Document(title, ["UTC"], Text(_nothing(day), "unsure"), "", [])
    about = [f"today so far, to {moment(day.until)[11:16]} UTC" if day.so_far else "the whole day, UTC"]
    about += [many(day.total.tasks, "task"), money(day.total.cost_usd_micros)]
    if day.so_far:
        about.append("the days before up to the same time")
    found, sentences = kpis(day), advice(day)
    to_do = f"First: {sentences[0]}" if sentences else "Nothing asks for a change."
    return Document(title, about, _conclusion(day, found), to_do, list(_sections(day, found, sentences)))


def _nothing(day: Day) -> str:
    none = f"No task ended on {day.day.isoformat()}{' so far' if day.so_far else ''}"
    if day.newest is None:
        return f"{none}, nor on any day before: hand some in with `headway submit`, or with `headway demo`."
    newest = day.newest.isoformat()
    return f"{none}. The newest day before it with tasks is {newest}: `headway report --day {newest}`."


def _conclusion(day: Day, found: Sequence[Kpi]) -> Text:
    total = day.total
    assert total is not None
    known, missed = [kpi for kpi in found if kpi.met is not None], [kpi for kpi in found if kpi.met is False]
    done = f"{total.completed:,} of {many(total.tasks, 'task')} completed"
    if not missed:
        return Text(f"The line did well: {done}, and all {len(known)} targets with data are met.", "good")
    names = ", ".join(f"{kpi.name} ({kpi.written}, target {kpi.target})" for kpi in missed)
    return Text(f"{len(missed)} of {many(len(known), 'target')} missed: {names}. {done}.", "bad")


def _sections(day: Day, found: Sequence[Kpi], sentences: Sequence[str]) -> Iterator[Section]:
    total = day.total
    assert total is not None
    if sentences:
        yield Section("What to do", [Points(sentences)])
    yield Section("Targets", [_targets(found)])
    yield Section("Beside the days before", [_compared(day)])
    yield Section("Hour by hour", list(_by_hour(day)))
    for kind, title in KINDS.items():
        if day.groups.get(kind):
            yield Section(title, list(_groups(kind, day.groups[kind], total)))
    if day.weights:
        yield Section("How much agents are preferred", [_weights(day)])
    yield Section("The slowest tasks", [_slowest(day)])
    for kind, (title, who) in REASONS.items():
        if day.reasons.get(kind):
            rows = [[one.who, short(one.reason, SAID_MAX), f"{one.times:,}"] for one in day.reasons[kind]]
            yield Section(title, [Table([who, "reason", "times"], rows, ["times"])])


def _targets(found: Sequence[Kpi]) -> Table:
    words = {True: "met", False: "NOT met", None: "no data"}
    tones: dict[bool | None, Tone] = {True: "good", False: "bad", None: "plain"}
    rows = [
        [kpi.name, kpi.written, kpi.target, words[kpi.met], kpi.before_written, kpi.week_written, kpi.meaning]
        for kpi in found
    ]
    columns = ["figure", "this day", "target", "result", "day before", "7-day mean", "meaning"]
    return Table(columns, rows, ("target", "day before", "7-day mean"), [tones[kpi.met] for kpi in found], "result")


def _compared(day: Day) -> Table:
    measures: list[tuple[str, Any, Write]] = [
        ("tasks", lambda total: float(total.tasks), _count),
        ("completed", lambda total: float(total.completed), _count),
        ("failed", lambda total: float(total.failed), _count),
        ("redone", lambda total: float(total.redone), _count),
        ("response, median", lambda total: total.response_ms and total.response_ms[0], time_of),
        ("response, 95%", lambda total: total.response_ms and total.response_ms[1], time_of),
        ("response, 99%", lambda total: total.response_ms and total.response_ms[2], time_of),
        ("wait, median", lambda total: total.wait_ms and total.wait_ms[0], time_of),
        ("wait, 95%", lambda total: total.wait_ms and total.wait_ms[1], time_of),
        ("wait, 99%", lambda total: total.wait_ms and total.wait_ms[2], time_of),
        ("cost", lambda total: float(total.cost_usd_micros), _money),
        ("tokens", lambda total: float(total.tokens), _count),
    ]
    rows = []
    for name, of, write in measures:
        figures = {on: of(total) for on, total in day.totals.items()}
        now, before, week = figures.get(day.day), figures.get(day.before), day.week(figures)
        change = None if now is None or not week else _change(now / week - 1)
        rows.append([name, *(None if value is None else write(value) for value in (now, before, week)), change])
    columns = ["", "this day", "day before", "7-day mean", "beside the mean"]
    return Table(columns, rows, columns[1:])


def _by_hour(day: Day) -> Iterator[Block]:
    hours = range(24 if not day.so_far else int(moment(day.until - 1)[11:13]) + 1)
    found = [day.hours.get(hour) for hour in hours]

    def amounts(of: Callable[[Totals], float | None]) -> list[float | None]:
        return [None if total is None else of(total) for total in found]

    ends = {
        "completed": amounts(lambda total: float(total.completed)),
        "failed": amounts(lambda total: float(total.failed)),
        "other": amounts(lambda total: float(total.expired + total.refused + total.cancelled)),
    }
    shown = {name: values for name, values in ends.items() if name == "completed" or any(values)}
    yield _course("Tasks", "Tasks that ended in each hour, by how.", shown, _count, stacked=True)
    response = {name: amounts(lambda t, i=i: t.response_ms and t.response_ms[i]) for i, name in enumerate(QUANTILES)}  # type: ignore[misc]
    yield _course("Response", "Time from handed in to completed, of the tasks of each hour.", response, time_of)
    wait = {name: amounts(lambda t, i=i: t.wait_ms and t.wait_ms[i]) for i, name in enumerate(QUANTILES)}  # type: ignore[misc]
    yield _course("Wait", "Time from handed in to started, of the tasks of each hour.", wait, time_of)
    errors = {"errors": amounts(lambda total: total.errors)}
    yield _course("Errors", "Share of the accepted tasks that failed.", errors, share_of)
    cost = {"cost": amounts(lambda total: float(total.cost_usd_micros))}
    yield _course("Cost", "Money spent on the tasks that ended in each hour.", cost, _money, stacked=True)


def _course(
    title: str, about: str, series: Mapping[str, Sequence[float | None]], write: Write, *, stacked: bool = False
) -> Chart:
    labels = [f"{hour:02d}" for hour in range(len(next(iter(series.values()))))]
    written = [[None if value is None else write(value) for value in values] for values in series.values()]
    rows = [[label, *values] for label, *values in zip(labels, *written, strict=True)]
    return Chart(title, about, Course(labels, series, write, stacked), Table(["hour", *series], rows, list(series)))


def _groups(kind: str, groups: Sequence[Group], total: Totals) -> Iterator[Block]:
    names = [group.name or NONE[kind] for group in groups]
    if len(groups) > 1:
        most = groups[:BARS_MAX]
        bars = Bars(
            names[:BARS_MAX],
            {"tasks": [float(group.tasks) for group in most]},
            _count,
            notes={"tasks": [f"{group.tasks:,} ({group.tasks / total.tasks:.0%})" for group in most]},
        )
        yield Chart("Tasks", "Tasks that ended, those with the most first.", bars, None)
    columns = [kind, "tasks", "completed", "failed", "redone", "response, median", "95%", "wait, 95%", "cost", "tokens"]
    yield Table(columns, [_group(name, group) for name, group in zip(names, groups, strict=True)], columns[1:])


def _group(name: str, group: Group) -> list[str | None]:
    response, wait = group.response_ms, group.wait_ms
    return [
        name,
        f"{group.tasks:,}",
        f"{group.completed / group.tasks:.1%}",
        f"{group.failed:,}",
        f"{group.redone:,}",
        None if response is None else time_of(response[0]),
        None if response is None else time_of(response[1]),
        None if wait is None else time_of(wait[1]),
        money(group.cost_usd_micros),
        f"{group.tokens:,}",
    ]


def _weights(day: Day) -> Table:
    rows = [
        [one.agent, f"{one.before:.2f}", f"{one.weight:.2f}", "yes" if one.applied else "no, dry run", one.reason]
        for one in day.weights
    ]
    return Table(["agent", "before", "weight", "counted", "why"], rows, ["before", "weight"])


def _slowest(day: Day) -> Table:
    rows = [
        [
            slow.task_id,
            slow.status,
            slow.agent or None,
            duration(slow.response_us),
            None if slow.wait_us is None else duration(slow.wait_us),
            str(slow.attempts),
            str(slow.redos),
        ]
        for slow in day.slowest
    ]
    columns = ["task", "ended", "agent", "response", "wait", "attempts", "redos"]
    return Table(columns, rows, ("response", "wait", "attempts", "redos"))


def _count(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) or value >= 100 else f"{value:.1f}"


def _money(micros: float) -> str:
    return money(round(micros))


def _change(share: float) -> str:
    return "0%" if abs(share) < 0.005 else f"{share:+.0%}".replace("-", "−")
