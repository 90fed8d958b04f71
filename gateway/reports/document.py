"""What a report says, before it is told in a form: sentences, tables and charts. Every text in it may be hostile.

Renderers (`text`, `markdown`, `html`) know these parts and nothing of what a report is about.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Tone = Literal["good", "bad", "unsure", "plain"]
Span = tuple[float, float]
Write = Callable[[float], str]
"""How a number is written."""


@dataclass(frozen=True)
class Text:
    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Points:
    """Sentences of one kind."""

    items: Sequence[str]


@dataclass(frozen=True)
class Facts:
    """Names with what they are; the second may be long."""

    pairs: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Table:
    columns: Sequence[str]
    rows: Sequence[Sequence[str | None]]
    right: Sequence[str] = ()
    """Columns that hold numbers."""
    tones: Sequence[Tone] = ()
    """Of each row; none: all plain."""
    judgement: str = ""
    """The column that a row's tone is about."""


@dataclass(frozen=True)
class Interval:
    """One line of `Intervals`."""

    name: str
    value: float
    span: Span
    tone: Tone
    written: str
    """Value and span in words."""


@dataclass(frozen=True)
class Intervals:
    """Effects with what they may be, below each other, around zero."""

    lines: Sequence[Interval]
    write: Write


@dataclass(frozen=True)
class Band:
    """A value that becomes known over time, with what it may be, around zero."""

    times: Sequence[int]
    """[µs, UTC]"""
    values: Sequence[float]
    spans: Sequence[Span]
    write: Write
    extent: Span
    """The scale, so that charts beside each other can share one."""


@dataclass(frozen=True)
class Outlines:
    """How values are distributed, one outline a series."""

    edges: Sequence[float]
    by_magnitude: bool
    shares: Mapping[str, Sequence[float]]
    """By series: the share of the values in each bin."""
    marks: Mapping[str, float]
    """By series: a value to point at, its median."""
    write: Write


@dataclass(frozen=True)
class Bars:
    """Amounts of some series in some groups, from left to right."""

    groups: Sequence[str]
    series: Mapping[str, Sequence[float | None]]
    write: Write
    expected: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """By series: what was planned, marked on the bar."""
    notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By series: what is written beside each bar; the amount by default."""


@dataclass(frozen=True)
class Course:
    """Amounts over the hours of a day: lines, or columns on top of each other."""

    labels: Sequence[str]
    series: Mapping[str, Sequence[float | None]]
    write: Write
    stacked: bool = False
    bound: float | None = None
    """A target, drawn across."""


@dataclass(frozen=True)
class Chart:
    title: str
    about: str
    """What it shows, in a sentence; for those who cannot see it as well."""
    drawn: Intervals | Band | Outlines | Bars | Course
    table: Table | None
    """The same in numbers; None where a table beside it has them."""


Block = Text | Points | Facts | Table | Chart


@dataclass(frozen=True)
class Section:
    title: str
    blocks: Sequence[Block]
    folded: bool = False
    """Whether a page may show it closed at first."""


@dataclass(frozen=True)
class Document:
    title: str
    about: Sequence[str]
    """What it is of, in a few words each."""
    conclusion: Text
    """One sentence."""
    to_do: str
    """One sentence; empty where nothing is to be done."""
    sections: Sequence[Section]
