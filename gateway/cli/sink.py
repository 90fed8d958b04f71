"""`headway sink` and `headway rebuild`: whether the warehouse holds what the topics hold, and a table made anew."""

import sys

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.history import reach
from gateway.rebuilding import rebuild as rebuilt
from gateway.reckoning import reckon
from infra.settings import load_settings

FIGURES = ("records", "rows", "missing", "duplicates", "lag")


@click.group()
def sink() -> None:
    """Look at what stores every event as a row of the warehouse.

    Example: headway sink status --json
    """


@sink.command()
@json_option
def status(as_json: bool) -> None:
    """Count topics against tables, partition by partition: exit code 1 when a record has no row, or two.

    Example: headway sink status
    """
    settings = load_settings()
    reach(settings)
    found = list(reckon(settings))
    total = {name: sum(row[name] for row in found) for name in FIGURES}
    if as_json:
        print_json(total | {"partitions": found})
    else:
        busy = [row for row in found if any(row[name] for name in FIGURES)]
        columns = ["topic", "partition", *FIGURES]
        table(columns, ([row[name] for name in columns] for row in busy), right=columns[1:])
        exact = not (total["missing"] or total["duplicates"])
        what = "every record stored is one row" if exact else "NOT every record stored is one row"
        say(f"{total['rows']} rows for {total['records']} records, {total['lag']} still to come: {what}.")
    sys.exit(1 if total["missing"] or total["duplicates"] else 0)


@click.command()
@click.argument("name", metavar="TABLE")
def rebuild(name: str) -> None:
    """Make a table of the warehouse anew from its topics, while the line goes on.

    Rows whose records the topics have forgotten are kept.

    Example: headway rebuild task_outcome
    """
    settings = load_settings()
    reach(settings)
    count = rebuilt(settings, name, remark)
    say(f"{name} is made anew: {count} rows.")
