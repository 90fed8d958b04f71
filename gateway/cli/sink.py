"""`headway sink` and `headway rebuild`: whether the warehouse holds what the topics hold, and a table made anew."""

import sys

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.history import reach
from gateway.rebuilding import rebuild as rebuilt
from gateway.reckoning import differing, reckon
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
    """Count topics against tables, partition by partition, and compare the rollup of tasks with its tables.

    Exit code 1 when a record has no row, or two, or when the rollup says something else than a table does.

    Example: headway sink status
    """
    settings = load_settings()
    reach(settings)
    found = list(reckon(settings))
    total = {name: sum(row[name] for row in found) for name in FIGURES}
    rollup = differing(settings)
    total["differing"] = sum(rollup.values())
    if as_json:
        print_json(total | {"rollup": rollup, "partitions": found})
    else:
        busy = [row for row in found if any(row[name] for name in FIGURES)]
        columns = ["topic", "partition", *FIGURES]
        table(columns, ([row[name] for name in columns] for row in busy), right=columns[1:])
        exact = not (total["missing"] or total["duplicates"])
        what = "every record stored is one row" if exact else "NOT every record stored is one row"
        say(f"{total['rows']} rows for {total['records']} records, {total['lag']} still to come: {what}.")
        for name, count in rollup.items():
            if count:
                say(f"The rollup differs from {name} in {count} tasks; `headway rebuild task_rollup` makes it anew.")
    sys.exit(1 if total["missing"] or total["duplicates"] or total["differing"] else 0)


@click.command()
@click.argument("name", metavar="TABLE")
def rebuild(name: str) -> None:
    """Make a table of the warehouse anew from its topics, while the line goes on.

    Rows whose records the topics have forgotten are kept. A table of tasks brings their rollup along; `task_rollup`
    itself is made anew from its tables.

    Example: headway rebuild task_outcome
    """
    settings = load_settings()
    reach(settings)
    count = rebuilt(settings, name, remark)
    say(f"{name} is made anew: {count} rows.")
