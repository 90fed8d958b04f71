"""`headway up`, `down`, `status`, `config`: the line on this machine."""

import sys

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from infra import stack
from infra.settings import explain_settings, load_settings


@click.command()
@click.option("--detach", "-d", is_flag=True, help="Return when all is ready; the line runs on until `headway down`.")
def up(detach: bool) -> None:
    """Start the line on this machine: Kafka, Redis and the services.

    Without --detach it shows what the processes say and stops them all on Ctrl-C. Exit code 1 when it runs already.

    Example: headway up --detach
    """
    settings = load_settings()
    stack.up(settings, detach=detach)
    if detach:
        say(f"The line is up at {settings.bootstrap}; `headway status` shows it, `headway down` stops it.")


@click.command()
def down() -> None:
    """Stop the line on this machine; its data stays.

    Example: headway down
    """
    was_running = stack.down(load_settings())
    remark("The line has stopped." if was_running else "The line was not running.")


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Show the processes of the line. Exit code 1 unless all is ready.

    Example: headway status --json
    """
    found = stack.status(load_settings())
    if as_json:
        print_json(found)
    else:
        say(f"The line is {found['state']}.")
        rows = ([row["name"], row["pid"], row["state"], row["restarts"], row["rss_mb"]] for row in found["processes"])
        table(["process", "pid", "state", "restarts", "MiB"], rows, right=["pid", "restarts", "MiB"])
    if found["state"] != "ready":
        sys.exit(1)


@click.command()
@json_option
def config(as_json: bool) -> None:
    """Show every setting, its value and where it came from; secrets are masked.

    Example: HEADWAY_QUEUE_MAX=50 headway config
    """
    found = explain_settings()
    if as_json:
        for setting in found:
            print_json(setting._asdict())
    else:
        table(["setting", "value", "from", "meaning"], found)
