"""How commands speak: results on stdout, remarks on stderr, one JSON document or line where a program asks for it.

What a task says comes from anybody, so nothing for a person is printed before `visible` took the terminal's commands
out of it.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

console = Console(highlight=False, soft_wrap=True)
remarks = Console(stderr=True, highlight=False, soft_wrap=True)

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")

STATUS_STYLES = {
    "completed": "green",
    "failed": "red",
    "dead_lettered": "red",
    "expired": "yellow",
    "cancelled": "yellow",
    "refused": "magenta",
}

GAP = 2
"""Blanks between columns."""
NARROWEST = 16
"""A column that would have to be narrower than this is left out: nothing could be told from what was left of it."""

# C0 but tab and newline, DEL, C1, what turns the direction of writing, and halves of surrogate pairs.
_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with everything that a terminal obeys written out, as `\\x1b`; lines and tabs stay."""
    return _COMMANDS.sub(lambda found: ascii(found[0])[1:-1], text.replace("\r\n", "\n"))


def in_line(text: str) -> str:
    """`visible`, in one line."""
    return visible(text.replace("\n", " ").replace("\t", " "))


def print_json(value: Any) -> None:
    """One line, so that a list of results is JSON Lines."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def say(text: str = "", style: str | None = None) -> None:
    console.print(visible(text), style=style, markup=False)


def remark(text: str) -> None:
    """Something for the person that is not the result."""
    remarks.print(visible(text), markup=False)


def table(
    columns: Sequence[str],
    rows: Iterable[Iterable[Any]],
    *,
    right: Iterable[str] = (),
    giving: Sequence[str] | None = None,
    fold: bool = False,
) -> None:
    """Columns named in `right` hold numbers. Those in `giving` give way on a narrow terminal, the first of them first:
    text is cut, or with `fold` goes on below, and what finds no room is left out. All others are shown whole.

    By default the last column gives way.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    natural = [max(map(cell_len, [name, *(row[i] for row in cells)])) for i, name in enumerate(columns)]
    order = [columns.index(name) for name in (columns[-1:] if giving is None else giving)]
    # Where nobody looks, nothing is cut: the next program in the pipe wants it whole.
    widths = fitted(natural, order, console.width) if console.is_terminal else list(natural)
    heads = [Text(name, "bold") for name in columns]
    styled = ([Text(text, STATUS_STYLES.get(text, "")) for text in row] for row in cells)
    for row in [heads, *styled] if any(columns) else styled:
        for line in _lines(row, widths, {columns.index(name) for name in right}, fold):
            console.print(line, soft_wrap=True)


def _lines(row: Sequence[Text], widths: Sequence[int | None], right: set[int], fold: bool) -> Iterator[Text]:
    """The line of a row, or the lines when its text goes on below."""
    kept = [(row[i], width, i in right) for i, width in enumerate(widths) if width is not None]
    parts = [list(text.wrap(console, width)) if fold and text.cell_len > width else [text] for text, width, _ in kept]
    for number in range(max(map(len, parts))):
        line = Text()
        for (_, width, at_right), part in zip(kept, parts, strict=True):
            cell = part[number] if number < len(part) else Text()
            cell.truncate(width, overflow="ellipsis")
            blanks = " " * (width - cell.cell_len)
            line.append(blanks if at_right else "").append(cell).append("" if at_right else blanks).append(" " * GAP)
        line.rstrip()
        yield line


def fitted(natural: Sequence[int], giving: Sequence[int], width: int) -> list[int | None]:
    """How wide each column is when the table has `width`; null: left out. Those in `giving` may lose, the first first.

    More room than that is taken only where the others alone need it.
    """
    widths: list[int | None] = list(natural)
    room = width - sum(natural[i] + GAP for i in range(len(natural)) if i not in giving) + GAP
    for i in reversed(giving):
        fits = min(natural[i], room - GAP)
        widths[i] = fits if fits == natural[i] or fits >= NARROWEST else None
        room -= 0 if widths[i] is None else fits + GAP
    return widths


def _cell(value: Any) -> str:
    return "-" if value is None else in_line(str(value))
