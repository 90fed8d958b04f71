"""`headway sql`: one statement, or a prompt for many, on the tables that hold every event."""

import sys
from pathlib import Path

import click

from gateway.asking import Asker
from gateway.cli.answering import form_of, format_options, hand_over, list_tables
from gateway.errors import BadInput
from infra.settings import load_settings


@click.command()
@click.argument("statement", required=False)
@click.option(
    "--tables",
    "name",
    metavar="[NAME]",
    is_flag=False,
    flag_value="",
    help="List tables and views, or the columns of one, with what they mean.",
)
@format_options
def sql(statement: str | None, name: str | None, form: str | None, as_json: bool, file: Path | None) -> None:
    """Ask the warehouse in ClickHouse SQL. It reads only: 30 s, 2 GB and 1,000,000 rows a statement at most.

    STATEMENT - reads it from stdin; without one a terminal gets a prompt. Tables show 1,000 rows at most.

    Example: headway sql "SELECT status, count() FROM task_outcome GROUP BY status"
    """
    if name is not None and statement is not None:
        raise BadInput("--tables takes no statement.")
    chosen = form_of(form, as_json, file)
    with Asker(load_settings()) as asker:
        if name is not None:
            list_tables(asker, name, chosen, file)
        elif statement is None and sys.stdin.isatty():
            if chosen != "table" or file is not None:
                raise BadInput("The prompt shows tables; give a statement with --format or --output.")
            from gateway.cli.prompt import converse

            converse(asker, load_settings().state)
        elif statement is None:
            raise BadInput('Give a statement, as in headway sql "SELECT 1"; - reads it from stdin.')
        else:
            hand_over(asker, sys.stdin.read() if statement == "-" else statement, chosen, file)
