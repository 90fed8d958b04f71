"""How an answer of the warehouse is handed over, by `headway sql` and `headway ask`: formats, stdout or a file."""

import csv
import io
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from gateway.asking import Answer, Asker, own_format
from gateway.cli.grid import ROWS_MAX, show, terminal_width
from gateway.cli.output import console, remark
from gateway.errors import BadInput
from gateway.units import many

FORMATS = {"table": "", "csv": "CSVWithNames", "json": "JSONEachRow", "jsonl": "JSONEachRow", "parquet": "Parquet"}
"""Ours, and what ClickHouse calls them."""
WHOLE = 100_000
"""A width at which no table is cut."""

TABLES = """
SELECT name, if(engine = 'View', 'view', 'table') AS kind, total_rows AS rows, comment
FROM system.tables WHERE database = currentDatabase() AND comment != '' ORDER BY kind, name
"""
COLUMNS = """
SELECT name, type, comment FROM system.columns
WHERE database = currentDatabase() AND table = {name:String} ORDER BY position
"""


def format_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--format, --json and --output, which `form_of` makes a format of."""
    for option in (
        click.option("--output", "file", type=click.Path(path_type=Path), help="Write the answer to this file."),
        click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a row, for programs."),
        click.option(
            "--format",
            "form",
            type=click.Choice(list(FORMATS)),
            help="How the answer is written; default: as the file's name ends, else table. json: one array.",
        ),
    ):
        command = option(command)
    return command


def form_of(form: str | None, as_json: bool, file: Path | None) -> str:
    if form is not None and as_json and form != "jsonl":
        raise BadInput(f"--json and --format {form} say two things; give one of them.")
    chosen = form or ("jsonl" if as_json else _form_named(file))
    if chosen == "parquet" and file is None and sys.stdout.isatty():
        raise BadInput("Parquet is bytes that no terminal shows: name a file with --output FILE.")
    return chosen


def _form_named(file: Path | None) -> str:
    """The format that a file's name ends in."""
    ending = "" if file is None else file.suffix[1:].lower()
    if ending in ("", "txt"):
        return "table"
    if ending not in FORMATS:
        raise BadInput(f"{file} ends in none of {', '.join(FORMATS)}, txt: name the format with --format.")
    return ending


def hand_over(
    asker: Asker, sql: str, form: str, file: Path | None, parameters: Mapping[str, Any] | None = None
) -> Answer | None:
    """Asks, prints or writes the answer, and says how much it was. Returns its rows where they were looked at."""
    began = time.monotonic()
    sql, own = own_format(sql)
    if not sql:
        raise BadInput("There is no statement.")
    if form == "table" and own is None:
        answer = asker.rows_of(sql, parameters)
        _say_amount(len(answer.rows), began, _print_table(answer, file))
        return answer
    said = asker.bytes_of(sql, own or FORMATS[form], parameters)
    if own is None and form == "json":
        said = b"[" + b",\n ".join(said.splitlines()) + b"]\n"
    _put(said, file)
    count = None if own else _rows_in(said, form)
    _say_amount(count, began, f"{len(said):,} bytes in {file}" if file is not None else None)
    return None


def _print_table(answer: Answer, file: Path | None) -> str | None:
    if file is None and console.is_terminal:
        show(answer, console, terminal_width())
    else:  # for the next program or an editor, which want it whole
        text = io.StringIO()
        show(answer, Console(file=text, width=WHOLE, highlight=False), WHOLE)
        _put(text.getvalue().encode(), file)
    return f"the first {ROWS_MAX:,} shown; --format csv has all" if len(answer.rows) > ROWS_MAX else None


def _put(said: bytes, file: Path | None) -> None:
    if file is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(said)
        sys.stdout.buffer.flush()
        return
    try:
        file.write_bytes(said)
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}.") from error


def _rows_in(said: bytes, form: str) -> int | None:
    if form == "csv":
        return sum(1 for _ in csv.reader(io.StringIO(said.decode(errors="replace")))) - 1
    return None if form == "parquet" else said.count(b"\n{" if form == "jsonl" else b"\n {") + (b"{" in said)


def _say_amount(rows: int | None, began: float, more: str | None) -> None:
    took = f"{time.monotonic() - began:.2f} s"
    remark(", ".join(part for part in (None if rows is None else many(rows, "row"), took, more) if part) + ".")


def list_tables(asker: Asker, name: str, form: str = "table", file: Path | None = None) -> None:
    """All of them, or the columns of one."""
    if name and name not in (known := asker.names()):
        raise BadInput(f"There is no table {name}; there are {', '.join(known)}.")
    hand_over(asker, COLUMNS if name else TABLES, form, file, {"name": name} if name else None)
