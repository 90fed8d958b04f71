"""`headway up`, `down`, `status`, `config`: the line on this machine."""

import sys
from typing import Any

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from infra import stack
from infra.settings import Settings, explain_settings, load_settings


@click.command()
@click.option("--detach", "-d", is_flag=True, help="Return when all is ready; the line runs on until `headway down`.")
def up(detach: bool) -> None:
    """Start the line on this machine: Kafka, Redis, the services and the gateway with its page.

    Without --detach it shows what the processes say and stops them all on Ctrl-C. Exit code 1 when it runs already.

    Example: headway up --detach
    """
    settings = load_settings()
    if detach:
        stack.up(settings, detach=True)
        say(f"The line is up at {settings.bootstrap}; `headway status` shows it, `headway down` stops it.")
        say(where_to_look(settings))
    else:
        stack.up(settings, on_ready=lambda: say(where_to_look(settings)))


def where_to_look(settings: Settings) -> str:
    """Where the page of a line that was just started is."""
    if not settings.gateways:
        return "It runs without a gateway, so without page and API (gateways = 0)."
    return f"Its page is {settings.gateway}/: `headway open` opens it, `headway watch` shows the same in the terminal."


@click.command()
def down() -> None:
    """Stop the line on this machine; its data stays.

    Example: headway down
    """
    settings = load_settings()
    if stack.down(settings):
        remark("The line has stopped.")
    else:
        remark(f"No line was running here; its state would be in {settings.state.resolve()}.")
        _tell_elsewhere(settings)


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Show the processes of the line. Exit code 1 unless all is ready.

    Example: headway status --json
    """
    settings = load_settings()
    found = stack.status(settings)
    if as_json:
        print_json(found)
    else:
        _print_status(found, settings)
    if found["state"] != "ready":
        sys.exit(1)


def _print_status(found: dict[str, Any], settings: Settings) -> None:
    late = ", ".join(f"{row['name']} is {row['state']}" for row in found["processes"] if row["state"] != "ready")
    if found["state"] == "stopped":
        say(f"The line is stopped. Its state is in {settings.state.resolve()}; `headway up` starts it.")
        _tell_elsewhere(settings)
        return
    say(f"The line is {found['state']}{f': {late}' if late else ''}.")
    table(
        ["process", "pid", "state", "restarts", "MiB"],
        ([row["name"], row["pid"], row["state"], row["restarts"], row["rss_mb"]] for row in found["processes"]),
        right=["pid", "restarts", "MiB"],
        giving=["MiB", "restarts"],
    )
    remark(f"What they write: `headway logs NAME`, or {stack.logs(settings)}.")


def _tell_elsewhere(settings: Settings) -> None:
    other = stack.elsewhere(settings)
    if other is not None:
        remark(f"Another line answers at {settings.bootstrap}: its state is in {other}.")


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
        table(["setting", "value", "from", "meaning"], found, giving=["meaning", "from"], fold=True)
