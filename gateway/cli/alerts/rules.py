"""`headway alerts rules`: what is watched, from when on it is an alert, and what is done then."""

import click

from gateway.alerts import limit_of
from gateway.cli import defined
from gateway.cli.output import json_option, print_json, say, table
from gateway.history import reach
from gateway.units import moment
from infra.definitions import RULE
from infra.settings import load_settings
from schemas.events import AlertRule


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def rules(ctx: click.Context, as_json: bool) -> None:
    """Show the rules: what is watched, and from when on it is an alert.

    Example: headway alerts rules
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@rules.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the rules, as `headway alerts rules` does.

    Example: headway alerts rules list --json
    """
    _list(as_json)


def _list(as_json: bool) -> None:
    settings = load_settings()
    reach(settings)
    found = defined.known(RULE, settings)
    if as_json:
        for _, rule in sorted(found.items()):
            print_json(rule)
        return
    table(
        ["rule", "severity", "holds when", "of", "does", "description"],
        (
            [name, rule["severity"], _holds(rule), rule["subjects"], ", ".join(rule["actions"]), rule["description"]]
            for name, rule in sorted(found.items())
        ),
        giving=["description", "does"],
    )
    defined.tell_problems(settings)


@rules.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one rule, with what to do when it holds.

    Example: headway alerts rules show errors
    """
    settings = load_settings()
    reach(settings)
    rule = defined.one_of(RULE, settings, name)
    if as_json:
        print_json(rule)
        return
    facts = {
        "description": rule["description"],
        "holds when": _holds(rule),  # type: ignore[arg-type]
        "of": rule["subjects"],
        "severity": rule["severity"],
        "does": ", ".join(rule["actions"]),
        "published": moment(rule["updated_at"]),
    }
    table(["", ""], ([key, value or None] for key, value in facts.items()), fold=True)
    if rule["advice"]:
        say()
        say(rule["advice"])


defined.keeping(rules, RULE, "slow-reviews", "errors")


def _holds(rule: AlertRule) -> str:
    side, value = limit_of(rule)
    return f"{rule['measure']} {side} {value:g} for {rule['for_s']:g} s"
