"""`headway report`: how a day of the line went, held against the targets."""

import shutil
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import click

from gateway.asking import Asker
from gateway.cli.output import console, json_option, remark
from gateway.errors import BadInput
from infra.settings import load_settings

SUFFIXES = {".txt": "text", ".md": "markdown", ".html": "html", ".htm": "html", ".json": "json"}
FORMATS = ("text", "markdown", "html", "json")


@click.command()
@click.option("--day", "on", metavar="YYYY-MM-DD", help="A day in UTC; today so far by default.")
@click.option(
    "--format", "form", type=click.Choice(FORMATS), help="How it is told; default: as the file's name ends, else text."
)
@click.option("--output", "file", type=click.Path(path_type=Path), help="Write the report to this file.")
@json_option
def report(on: str | None, form: str | None, file: Path | None, as_json: bool) -> None:
    """Report on a day of the line: targets met or not, hours, agents, models, tenants, failures, and what to do.

    HTML is one page that needs no network. The exit code is 0 whatever the report says.

    Example: headway report --day 2026-05-04 --output monday.html
    """
    if as_json and form not in (None, "json"):
        raise BadInput(f"--json and --format {form} say two things; give one of them.")
    chosen = form or ("json" if as_json else SUFFIXES.get(file.suffix.lower(), "text") if file is not None else "text")
    now = datetime.now(UTC)
    day = now.date() if on is None else _day(on)
    if day > now.date():
        raise BadInput(f"{day.isoformat()} is in the future: today is {now.date().isoformat()} in UTC.")
    said = _told(day, now, chosen, to_file=file is not None)
    if file is None:
        click.echo(said, nl=False)
        return
    try:
        file.write_text(said, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{file} cannot be written: {error.strerror}.") from error
    remark(f"The report of {day.isoformat()} is in {file}.")


def _day(text: str) -> date:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        raise BadInput(f'"{text}" is no day: write it as in --day 2026-05-04.') from None


def _told(day: date, now: datetime, form: str, *, to_file: bool) -> str:
    from gateway.reports.day import report as reports
    from gateway.reports.day.figures import read

    with Asker(load_settings()) as asker:
        found = read(asker, day, now)
    if form == "text":
        colour = not to_file and console.is_terminal and sys.stdout.isatty()
        return reports.as_text(found, width=max(60, shutil.get_terminal_size((100, 24)).columns), colour=colour)
    return {"markdown": reports.as_markdown, "html": reports.as_html, "json": reports.as_json}[form](found)
