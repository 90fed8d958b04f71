"""How commands speak: results on stdout, remarks on stderr, one JSON document or line where a program asks for it."""

import json
import sys
from collections.abc import Iterable
from typing import Any

import click
from rich.console import Console
from rich.table import Table

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


def print_json(value: Any) -> None:
    """One line, so that a list of results is JSON Lines."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def say(text: str = "", style: str | None = None) -> None:
    console.print(text, style=style, markup=False)


def remark(text: str) -> None:
    """Something for the person that is not the result."""
    remarks.print(text, markup=False)


def table(columns: Iterable[str], rows: Iterable[Iterable[Any]], *, right: Iterable[str] = ()) -> None:
    """Columns named in `right` hold numbers."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    rightmost = set(right)
    for column in columns:
        shown.add_column(column, justify="right" if column in rightmost else "left", no_wrap=True, overflow="ellipsis")
    for row in rows:
        shown.add_row(*(_cell(value) for value in row))
    # Where nobody looks, nothing is cut: the next program in the pipe wants it whole.
    console.print(shown) if console.is_terminal else Console(width=400, highlight=False).print(shown)


def _cell(value: Any) -> str:
    text = "-" if value is None else str(value).replace("[", "\\[")
    style = STATUS_STYLES.get(text)
    return f"[{style}]{text}[/]" if style else text
