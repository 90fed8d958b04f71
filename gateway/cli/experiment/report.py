"""`headway experiment report`: what an experiment on the line says, for people and for programs."""

from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.cli.output import console, remark
from gateway.errors import BadInput
from gateway.history import reach
from infra.settings import load_settings

FORMATS = {"text": "", "markdown": ".md", "html": ".html", "json": ".json"}
"""And the ends of the names that mean them."""


@click.command()
@click.argument("name")
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), help="Text by default, or what the name of --output says."
)
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file.")
@click.option("--as-of", metavar="TIME", help="With the data up to this time (ISO 8601, or µs), as a verdict names it.")
def report(name: str, form: str | None, output: Path | None, as_of: str | None) -> None:
    """Report on an experiment: what to conclude, how sure, effects over time, and what to do next.

    Example: headway experiment report quick-balancing --output quick.html
    """
    from gateway.reports import experiment as reports
    from gateway.reports import told as telling
    from gateway.telling import told

    settings = load_settings()
    until = _time(as_of) if as_of else None
    reach(settings)
    found = told(settings, name, until)
    form = form or next((f for f, end in FORMATS.items() if output and end == output.suffix), "text")
    to_terminal = output is None and console.is_terminal
    written = {
        "text": lambda: reports.as_text(found, width=console.width if to_terminal else 100, colour=to_terminal),
        "markdown": lambda: reports.as_markdown(found),
        "html": lambda: reports.as_html(found),
        "json": lambda: telling.as_json(found),
    }[form]()
    if output is None:
        click.echo(written, nl=False)
        return
    try:
        output.write_text(written, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{output} cannot be written: {error.strerror}.") from error
    remark(f"The report is in {output}.")


def _time(text: str) -> int:
    if text.isdecimal():
        return int(text)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no time: write 2026-11-21T10:00:00Z, or microseconds.") from None
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1_000_000)
