"""Charts as inline SVG, made of numbers alone. Colours and fonts come from the page (`style.py`), by class."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil, floor, isfinite, log10

from gateway.reports.document import Band, Bars, Chart, Course, Interval, Intervals, Outlines
from gateway.reports.drawing import (
    BOTTOM,
    COLOURS,
    LETTER,
    RIGHT,
    TOP,
    WIDTH,
    Frame,
    Points,
    Scale,
    area,
    dot,
    fitting,
    label,
    line,
    mark,
    rect,
    safe,
)

Drawing = tuple[float, list[str]]
"""Its height, and the strokes."""
FIRST = 1
"""Number of the first series where none is the one that others are compared with, which is grey."""


def svg(chart: Chart, name: str) -> str:
    """The drawing; `name` is unique on its page."""
    height, strokes = _drawing(chart.drawn)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{safe(chart.title)}</title><desc id="{name}-d">{safe(chart.about)}</desc>'
        f"{''.join(strokes)}</svg>"
    )


def legend(chart: Chart) -> list[tuple[str, str]]:
    """How each series is drawn, and its name, where there are several."""
    drawn = chart.drawn
    found: list[tuple[str, str]] = []
    if isinstance(drawn, Outlines):
        found = [(_look(i), name) for i, name in enumerate(drawn.shares)]
    elif isinstance(drawn, Bars):
        found = [(_look(i), name) for i, name in enumerate(drawn.series)]
    elif isinstance(drawn, Course):
        found = [(_look(i, FIRST), name) for i, name in enumerate(drawn.series)]
    return found if len(found) > 1 else []


def _look(series: int, first: int = 0) -> str:
    """Colour and dashes."""
    return f"c{(series + first) % COLOURS} d{series % 4}"


def _drawing(drawn: Intervals | Band | Outlines | Bars | Course) -> Drawing:
    if isinstance(drawn, Intervals):
        return _intervals(drawn)
    if isinstance(drawn, Band):
        return _band(drawn)
    if isinstance(drawn, Outlines):
        return _outlines(drawn)
    return _bars(drawn) if isinstance(drawn, Bars) else _course(drawn)


def _band(band: Band) -> Drawing:
    height = 190.0
    frame = Frame(height, band.extent, band.write)
    x, y = Scale((band.times[0], band.times[-1]), (frame.left, frame.right)), frame.y
    spots = [x(at) for at in band.times]
    upper = [(spot, y(high)) for spot, (_, high) in zip(spots, band.spans, strict=True)]
    lower = [(spot, y(low)) for spot, (low, _) in zip(spots, band.spans, strict=True)]
    strokes = [*frame.inside, area([*upper, *reversed(lower)], "band"), line(upper, "edge"), line(lower, "edge")]
    if len(spots) == 1:
        strokes.append(line([upper[0], lower[0]], "span c1"))
    if band.extent[0] <= 0 <= band.extent[1]:
        strokes.append(frame.across(y(0), "zero"))
    path = [(spot, y(value)) for spot, value in zip(spots, band.values, strict=True)]
    return height, [
        *strokes,
        line(path, "line c1 d0"),
        dot("mark c1", *path[-1], 3.2),
        *_time_axis(band.times, x, height),
    ]


def _time_axis(times: Sequence[int], x: Scale, height: float) -> list[str]:
    span_s = (times[-1] - times[0]) / 1e6
    form = next(
        (form for most, form in ((600, "%H:%M:%S"), (86_400, "%H:%M"), (345_600, "%d %b %Hh")) if span_s < most),
        "%d %b",
    )
    steps = [times[0] + (times[-1] - times[0]) * i // 3 for i in range(4)] if len(times) > 1 else [times[0]]
    anchors = ["start", "middle", "middle", "end"] if len(times) > 1 else ["middle"]
    return [
        label(datetime.fromtimestamp(at / 1e6, UTC).strftime(form), x(at), height - 8, anchor)
        for at, anchor in zip(steps, anchors, strict=True)
    ]


def _intervals(intervals: Intervals) -> Drawing:
    row, top = 40.0, 6.0
    height = top + row * len(intervals.lines) + BOTTOM
    bounds = [0.0, *(bound for one in intervals.lines for bound in one.span if isfinite(bound))]
    reach = max(bounds) - min(bounds)
    x = Scale((min(bounds) - 0.04 * reach, max(bounds) + 0.04 * reach), (RIGHT, WIDTH - RIGHT))
    strokes = []
    for tick in x.ticks(4):
        strokes.append(
            line([(x(tick), top), (x(tick), height - BOTTOM)], "zero" if abs(tick) < 1e-9 * reach else "grid")
        )
        strokes.append(label(intervals.write(tick), x(tick), height - 8, "middle"))
    for i, one in enumerate(intervals.lines):
        written = len(one.written) * LETTER
        strokes += _interval(one, x, top + row * i + 26)
        strokes.append(label(fitting(one.name, WIDTH - 30 - written), RIGHT, top + row * i + 13, "start", "strong"))
        strokes.append(label(one.written, WIDTH - RIGHT, top + row * i + 13, "end"))
    return height, strokes


def _interval(one: Interval, x: Scale, y: float) -> list[str]:
    low, high = (x(bound) for bound in one.span)
    ends = [line([(at, y - 6), (at, y + 6)], f"end {one.tone}") for at in (low, high)]
    return [
        rect(f"reach {one.tone}", low, y - 5, max(1.0, high - low), 10),
        *ends,
        dot(f"dot {one.tone}", x(one.value), y, 4),
    ]


def _outlines(outlines: Outlines) -> Drawing:
    height = 180.0
    most = max(max(shares) for shares in outlines.shares.values()) or 1
    frame = Frame(height, (0, most * 1.05), lambda share: f"{share:.0%}" if most >= 0.04 else f"{share:.1%}")
    edges = [_magnitude(outlines, edge) for edge in outlines.edges]
    x, y, strokes = Scale((edges[0], edges[-1]), (frame.left, frame.right)), frame.y, list(frame.inside)
    for i, (name, shares) in enumerate(outlines.shares.items()):
        steps = [(x(edges[0]), y(0))]
        for (start, end), share in zip(pairwise(edges), shares, strict=True):
            steps += [(x(start), y(share)), (x(end), y(share))]
        steps.append((x(edges[-1]), y(0)))
        at = x(_magnitude(outlines, outlines.marks[name]))
        strokes += [area(steps, f"area c{i % COLOURS}"), line(steps, f"line {_look(i)}")]
        strokes += [line([(at, TOP), (at, frame.bottom)], f"median {_look(i)}"), mark((at, TOP + 4), i)]
    for tick in _value_ticks(outlines):
        if frame.left <= (at := x(_magnitude(outlines, tick))) <= frame.right - 8:
            strokes.append(label(outlines.write(tick), at, height - 8, "middle"))
    return height, strokes


def _magnitude(outlines: Outlines, value: float) -> float:
    return log10(max(value, outlines.edges[0])) if outlines.by_magnitude else value


def _value_ticks(outlines: Outlines) -> list[float]:
    low, high = outlines.edges[0], outlines.edges[-1]
    if not outlines.by_magnitude:
        return Scale((low, high), (0, 1)).ticks(5)
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [factor * 10.0**power for power in powers for factor in ((1, 3) if len(powers) < 5 else (1,))]
    return [tick for tick in ticks if low <= tick <= high]


def _bars(bars: Bars) -> Drawing:
    thick, gap, head = 16.0, 14.0, 17.0
    most = max(amount or 0 for found in (*bars.series.values(), *bars.expected.values()) for amount in found) or 1
    written = {name: _written(bars, name, amounts) for name, amounts in bars.series.items()}
    room = max(len(text) for texts in written.values() for text in texts) * LETTER + 10
    x = Scale((0, most), (RIGHT, WIDTH - RIGHT - room))
    strokes, y = [], 0.0
    for g, group in enumerate(bars.groups):
        strokes.append(label(fitting(group, WIDTH - 20), RIGHT, y + 12, "start", "strong"))
        y += head
        for i, (name, amounts) in enumerate(bars.series.items(), start=0 if len(bars.series) > 1 else FIRST):
            end = max(x(amounts[g] or 0), RIGHT + 1)
            strokes.append(rect(f"bar c{i % COLOURS}", RIGHT, y, end - RIGHT, thick - 3))
            if name in bars.expected:
                at = x(bars.expected[name][g])
                strokes.append(line([(at, y - 2), (at, y + thick - 1)], "planned"))
                end = max(end, at)
            strokes.append(label(written[name][g], end + 6, y + 11, "start"))
            y += thick
        y += gap
    return y - gap + 6, strokes


def _written(bars: Bars, name: str, amounts: Sequence[float | None]) -> Sequence[str]:
    return bars.notes.get(name) or ["–" if amount is None else bars.write(amount) for amount in amounts]


def _course(course: Course) -> Drawing:
    height, size = 170.0, len(course.labels)
    by_label = [[amounts[i] or 0 for amounts in course.series.values()] for i in range(size)]
    most = max((sum(amounts) if course.stacked else max(amounts) for amounts in by_label), default=0)
    frame = Frame(height, (0, max(most, course.bound or 0) * 1.05 or 1), course.write)
    step = (frame.right - frame.left) / size
    strokes = [*frame.inside, *(_columns if course.stacked else _lines)(course.series, frame, step)]
    if course.bound is not None:
        strokes.append(frame.across(frame.y(course.bound), "planned"))
    every = max(1, ceil(size / 8))
    strokes += [
        label(text, frame.left + (i + 0.5) * step, height - 8, "middle")
        for i, text in enumerate(course.labels)
        if i % every == 0
    ]
    return height, strokes


def _columns(series: Mapping[str, Sequence[float | None]], frame: Frame, step: float) -> list[str]:
    """The amounts of each label on top of each other."""
    strokes = []
    for i, amounts in enumerate(zip(*series.values(), strict=True)):
        below = 0.0
        for s, amount in enumerate(amounts, start=FIRST):
            if amount:
                top, foot = frame.y(below + amount), frame.y(below)
                strokes.append(
                    rect(f"bar c{s % COLOURS}", frame.left + i * step + 1, top, step - 2, max(foot - top, 0.8))
                )
                below += amount
    return strokes


def _lines(series: Mapping[str, Sequence[float | None]], frame: Frame, step: float) -> list[str]:
    strokes = []
    for s, amounts in enumerate(series.values()):
        for path in _stretches(amounts, frame, step):
            strokes += [line(path, f"line {_look(s, FIRST)}"), *(mark(spot, s + FIRST) for spot in path)]
    return strokes


def _stretches(amounts: Sequence[float | None], frame: Frame, step: float) -> list[Points]:
    """A path through each run of amounts that are there."""
    found: list[list[tuple[float, float]]] = [[]]
    for i, amount in enumerate(amounts):
        if amount is None:
            found.append([])
        else:
            found[-1].append((frame.left + (i + 0.5) * step, frame.y(amount)))
    return [path for path in found if path]
