"""The strokes that charts are made of: scales, lines, marks and letters as SVG."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

from gateway.reports.document import Span, Write
from gateway.reports.plain import plain

WIDTH = 360
"""Of every chart, so that its letters are legible on a phone without a second drawing."""
RIGHT, TOP, BOTTOM = 10, 10, 24
"""Margins."""
COLOURS = 8
"""Series have colours of their own up to here; then they come again."""
LETTER = 6.3
"""About the width of a letter at the size of labels."""
_MARKS = ("circle", "square", "diamond", "triangle")
Points = Sequence[tuple[float, float]]


class Scale:
    """Numbers onto a stretch of the drawing; what is beyond stays at its end."""

    def __init__(self, domain: Span, stretch: Span) -> None:
        (self.low, self.high), (self._start, self._end) = domain, stretch
        if self.low == self.high:
            self.low, self.high = self.low - 0.5, self.high + 0.5

    def __call__(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self._start + share * (self._end - self._start)

    def ticks(self, about: int) -> list[float]:
        """Round numbers within, about so many."""
        rough = (self.high - self.low) / about
        power = 10.0 ** floor(log10(rough))
        step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
        first, last = ceil(self.low / step - 1e-9), floor(self.high / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


class Frame:
    """A chart with a scale of amounts on its left, as wide as their labels are."""

    def __init__(self, height: float, domain: Span, write: Write) -> None:
        self.bottom, self.right = height - BOTTOM, WIDTH - RIGHT
        self.y = Scale(domain, (self.bottom, TOP))
        ticks = [(self.y(tick), write(tick)) for tick in self.y.ticks(4)]
        self.left = max([20.0, *(len(text) * LETTER + 10 for _, text in ticks)])
        self.inside = [self.across(at, "grid") for at, _ in ticks]
        self.inside += [label(text, self.left - 6, at + 4, "end") for at, text in ticks]

    def across(self, at: float, kind: str) -> str:
        return line([(self.left, at), (self.right, at)], kind)


def line(points: Points, kind: str) -> str:
    return f'<polyline class="{kind}" points="{corners(points)}"/>'


def area(points: Points, kind: str) -> str:
    return f'<polygon class="{kind}" points="{corners(points)}"/>'


def rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="1.5"/>'


def dot(kind: str, x: float, y: float, r: float) -> str:
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{r:g}"/>'


def mark(at: tuple[float, float], series: int) -> str:
    """Series differ by shape as well, for those to whom colours look alike."""
    (x, y), shape, r, kind = at, _MARKS[series % len(_MARKS)], 3.0, f"mark c{series % COLOURS}"
    if shape == "circle":
        return dot(kind, x, y, r)
    if shape == "square":
        return rect(kind, x - r, y - r, 2 * r, 2 * r)
    if shape == "triangle":
        return area([(x, y - r - 1), (x + r + 1, y + r), (x - r - 1, y + r)], kind)
    return area([(x, y - r - 1), (x + r + 1, y), (x, y + r + 1), (x - r - 1, y)], kind)


def label(text: str, x: float, y: float, anchor: str, kind: str = "label") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{safe(text)}</text>'


def fitting(text: str, width: float) -> str:
    most = max(1, int(width / LETTER))
    return text if len(text) <= most else text[: most - 1] + "…"


def corners(points: Points) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def safe(text: str) -> str:
    return escape(plain(text))
