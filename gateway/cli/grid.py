"""The table that an answer becomes on a terminal: as wide as it is, else columns cut, else one line a value."""

import shutil
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.asking import Answer
from gateway.cli.output import in_line

ROWS_MAX = 1_000
"""More is for a file, not for eyes."""
_CELL_MAX = 2_000
_GAP = 1
_NARROWEST = 8
"""Below that a cut column tells nothing."""
_NUMBERS = ("UInt", "Int", "Float", "Decimal")


def show(answer: Answer, console: Console, width: int) -> None:
    cells = [[cell(value) for value in row] for row in answer.rows[:ROWS_MAX]]
    natural = [
        max([cell_len(name), *(cell_len(row[i]) for row in cells)], default=0) + _GAP
        for i, name in enumerate(answer.columns)
    ]
    widths = fitted(natural, width)
    if widths is None:
        _show_records(answer.columns, cells, console)
        return
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for name, kind, room in zip(answer.columns, answer.types, widths, strict=True):
        right = kind.removeprefix("Nullable(").startswith(_NUMBERS)
        table.add_column(
            Text(name),
            justify="right" if right else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=room - _GAP,
        )
    for row in cells:
        table.add_row(*map(_styled, row))
    console.print(table, soft_wrap=False, width=sum(widths) + _GAP, crop=False)


def fitted(natural: Sequence[int], width: int) -> list[int] | None:
    """Widths that add up to `width` at most, the widest cut first; None when too little would be left of them."""
    if sum(natural) <= width:
        return list(natural)
    for room in range(max(natural), _NARROWEST - 1, -1):
        widths = [min(column, room) for column in natural]
        if sum(widths) <= width:
            return widths
    return None


def cell(value: Any) -> str:
    """A value in one line that leaves the terminal alone."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, list):
        text = "[" + ", ".join(map(cell, value)) + "]"
    elif isinstance(value, dict):
        text = "{" + ", ".join(f"{name}: {cell(part)}" for name, part in value.items()) + "}"
    else:
        text = str(value)
    text = in_line(text[: _CELL_MAX + 1])
    return text if len(text) <= _CELL_MAX else text[: _CELL_MAX - 1] + "…"


def terminal_width() -> int:
    return shutil.get_terminal_size().columns


def _number(value: float) -> str:
    if not 1 <= abs(value) < 1e15:
        return f"{value:.4g}"
    return f"{value:.4f}".rstrip("0").rstrip(".")


def _styled(text: str) -> Text:
    return Text(text, style="dim" if text == "NULL" else "")


def _show_records(columns: Sequence[str], cells: Sequence[Sequence[str]], console: Console) -> None:
    room = max(map(len, columns))
    for number, row in enumerate(cells):
        if number:
            console.print()
        for name, text in zip(columns, row, strict=True):
            console.print(Text.assemble((f"{name:<{room}} ", "bold"), _styled(text)), soft_wrap=True)
