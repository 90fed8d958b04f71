"""Lines of text in columns, of exactly the width there is. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich.text import Text

from gateway.cli.output import in_line

GAP = 2
BAR_FULL, BAR_EMPTY = "━", "╌"
HALF = "╸"
HIGH, FULL = 0.7, 0.9
"""Shares from which a bar warns, and alarms."""


class Size(NamedTuple):
    width: int
    height: int


class Column(NamedTuple):
    head: str
    width: int
    """0: what the others leave; at most one column has it, the last."""
    right: bool = False
    from_width: int = 0
    """On a narrower screen it is left out."""


Cell = str | Text | None


def grid(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], width: int, *, chosen: int = -1) -> list[Text]:
    """The head and the rows. `chosen` is the row that the person is on."""
    kept = [i for i, column in enumerate(columns) if width >= column.from_width]
    fixed = sum(columns[i].width + GAP for i in kept if columns[i].width)
    widths = {i: columns[i].width or max(0, width - fixed) for i in kept}
    lines = [_line([columns[i].head for i in kept], [columns[i] for i in kept], [widths[i] for i in kept], "dim")]
    for number, row in enumerate(rows):
        line = _line([row[i] for i in kept], [columns[i] for i in kept], [widths[i] for i in kept])
        if number == chosen:
            line = fitted(line, width)
            line.stylize("reverse")
        lines.append(line)
    return [fitted(line, width) for line in lines]


def fitted(line: Text, width: int) -> Text:
    """Cut or filled to the width, so that nothing of what was there before stays."""
    line = line.copy()
    line.truncate(width, overflow="ellipsis", pad=True)
    return line


def sides(left: Text, right: Text, width: int) -> Text:
    """One at the left, one at the right; the right one gives way when there is no room for both."""
    room = width - left.cell_len - GAP
    if right.cell_len > room:
        return fitted(left, width)
    return fitted(Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right), width)


def framed(lines: Sequence[Text], foot: Text, size: Size) -> list[Text]:
    """A screen of exactly this size with its last line."""
    room = max(0, size.height - 1)
    filled = [*lines[:room], *[Text()] * (room - len(lines)), foot]
    return [fitted(line, size.width) for line in filled[: size.height]]


def bar(share: float | None, width: int, *, warns: bool = False) -> Text:
    """How much of something; with `warns` much of it is bad."""
    halves = round(2 * width * min(1.0, max(0.0, share or 0.0)))
    style = "" if not warns else "red" if (share or 0) >= FULL else "yellow" if (share or 0) >= HIGH else "green"
    full = BAR_FULL * (halves // 2) + HALF * (halves % 2)
    return Text(full, style or "cyan").append(BAR_EMPTY * (width - len(full)), "dim")


def _line(cells: Sequence[Cell], columns: Sequence[Column], widths: Sequence[int], style: str = "") -> Text:
    line = Text()
    for cell, column, width in zip(cells, columns, widths, strict=True):
        text = cell.copy() if isinstance(cell, Text) else Text("-" if cell is None else in_line(cell), style)
        text.truncate(width, overflow="ellipsis")
        blanks = " " * (width - text.cell_len)
        line.append(blanks if column.right else "").append(text).append("" if column.right else blanks)
        line.append(" " * GAP)
    line.right_crop(GAP)
    return line
