"""`headway alerts`: what is wrong with the line, what to do about it, and who has taken it on."""

import getpass
import time
from collections.abc import Mapping
from typing import Any

import click

from gateway import alerts as of_alerts
from gateway.cli.alerts.rules import rules
from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.errors import GatewayError
from gateway.history import newest_by_key, reach
from gateway.nearest import did_you_mean
from gateway.sending import Sender, now_us
from gateway.units import duration, many, moment
from infra.registry import ALERTS, RULES, SILENCES, newest
from infra.settings import Settings, load_settings
from schemas.events import Alert, AlertCommand

OBEYED_S = 5.0
"""How long the monitor may take to say that it has followed a command."""
RESOLVED_SHOWN = 20

comment_option = click.option("--comment", default="", help="Why, in words, for those who look later.")


@click.group(invoke_without_command=True)
@click.option("--all", "everything", is_flag=True, help="Also those that were resolved.")
@json_option
@click.pass_context
def alerts(ctx: click.Context, everything: bool, as_json: bool) -> None:
    """Show what is wrong with the line: the alerts that fire, the worst first.

    Example: headway alerts
    """
    if ctx.invoked_subcommand is None:
        _list(everything, as_json)


@alerts.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that were resolved.")
@json_option
def list_(everything: bool, as_json: bool) -> None:
    """List the alerts, as `headway alerts` does.

    Example: headway alerts list --all
    """
    _list(everything, as_json)


def _list(everything: bool, as_json: bool) -> None:
    settings = load_settings()
    found = of_alerts.listed(_known(settings).values(), None if everything else "firing")
    if as_json:
        for alert in found:
            print_json(alert)
        return
    now = now_us()
    if not found:
        say("Nothing is wrong, as far as the rules see: `headway alerts rules` lists them.")
        _tell_silences(settings, now)
        return
    table(
        ["alert", "severity", "since", "what is seen", "taken on by"],
        ([a["alert_id"], _state(a), _since(a, now), a["evidence"], _taken(a, now)] for a in found),
        giving=["what is seen", "taken on by"],
    )
    _tell_silences(settings, now)
    remark("`headway alerts show ID` tells what to do.")


def _tell_silences(settings: Settings, now: int) -> None:
    for one in of_alerts.lasting(newest(settings, SILENCES), now):
        why = f", {one['comment']!r}" if one["comment"] else ""
        say(f"{one['target']} is silent until {moment(one['until_at'] or 0)}, by {one['by']}{why}.")


@alerts.command()
@click.argument("alert_id", metavar="ID")
@json_option
def show(alert_id: str, as_json: bool) -> None:
    """Show one alert: what was seen, what was done, and what to do.

    Example: headway alerts show errors/line
    """
    settings = load_settings()
    alert = _one(_known(settings), alert_id)
    rule = _rules(settings).get(alert["rule"])
    if as_json:
        print_json({**alert, "advice": rule["advice"] if rule else ""})
        return
    for name, value in _facts(alert, now_us()).items():
        say(f"{name:<12} {value}")
    if rule and rule["advice"]:
        say()
        say(rule["advice"])


@alerts.command()
@click.argument("alert_id", metavar="ID")
@comment_option
def ack(alert_id: str, comment: str) -> None:
    """Take an alert on: others see that you do, and a silence that ends notifies nobody anew.

    Example: headway alerts ack errors/line --comment "looking at it"
    """
    settings = load_settings()
    alert = _one(_known(settings), alert_id)
    command = of_alerts.acknowledgement(alert, getpass.getuser(), comment, now_us())
    _send(settings, command, f"{alert_id} is taken on by {command['by']}.")


@alerts.command()
@click.argument("target", metavar="ID|RULE")
@click.option("--for", "for_", required=True, metavar="TIME", help="How long, as 30m, 2h or 1d; 0 ends a silence.")
@comment_option
def silence(target: str, for_: str, comment: str) -> None:
    """Notify nobody for a while: of one alert, or of all alerts of a rule. They are seen all the same.

    Example: headway alerts silence errors --for 2h --comment "a load test"
    """
    settings = load_settings()
    known, rules = _known(settings), _rules(settings)
    command = of_alerts.silence(target, known, rules, of_alerts.seconds(for_), getpass.getuser(), comment, now_us())
    if command is None:
        near = did_you_mean(target, [*known, *rules])
        raise GatewayError(f"There is no alert and no rule {target}{near} `headway alerts --all` lists the alerts.")
    until = command["until_at"] or 0
    over = f"The silence of {target} is over."
    _send(settings, command, f"{target} is silent until {moment(until)}." if until > command["at"] else over)


alerts.add_command(rules)


def _send(settings: Settings, command: AlertCommand, done: str) -> None:
    Sender(settings).alert_command(command)
    until = time.monotonic() + OBEYED_S
    while time.monotonic() < until:
        if of_alerts.obeyed(command, _known(settings)):
            say(done)
            return
        time.sleep(0.2)
    remark("It is written down, but the monitor has not followed yet: see `headway status`.")


def _known(settings: Settings) -> dict[str, Alert]:
    reach(settings)
    return {a["alert_id"]: a for a in newest_by_key(settings, ALERTS).values()}  # type: ignore[misc]


def _rules(settings: Settings) -> dict[str, Any]:
    return {one["rule"]: one for one in newest_by_key(settings, RULES).values() if not one["removed"]}


def _one(known: Mapping[str, Alert], alert_id: str) -> Alert:
    if alert_id not in known:
        near = did_you_mean(alert_id, known)
        raise GatewayError(f"There is no alert {alert_id}{near} `headway alerts --all` lists them.")
    return known[alert_id]


def _facts(alert: Alert, now: int) -> dict[str, str]:
    facts = {"alert": f"{alert['alert_id']}, {_state(alert)}", "since": _since(alert, now), "seen": alert["evidence"]}
    facts["worst"] = f"{alert['worst']:.4g} (threshold {alert['threshold']:.4g})"
    if alert["tasks"]:
        facts["tasks"] = ", ".join(task["task_id"] for task in alert["tasks"])
    for action in alert["actions"]:
        facts[action["what"]] = f"{action['result']}, {moment(action['at'])}"
    if taken := _taken(alert, now):
        facts["people"] = f"{taken}{': ' + alert['comment'] if alert['comment'] else ''}"
    facts["fired"] = many(alert["fired"], "time")
    return facts


def _state(alert: Alert) -> str:
    return alert["severity"] if alert["state"] == "firing" else f"resolved, {alert['severity']}"


def _since(alert: Alert, now: int) -> str:
    until = alert["until_at"]
    if until is None:
        return f"{moment(alert['since_at'])} ({duration(now - alert['since_at'])})"
    return f"{moment(alert['since_at'])}, for {duration(until - alert['since_at'])}"


def _taken(alert: Alert, now: int) -> str | None:
    silent = alert["silenced_until_at"] is not None and alert["silenced_until_at"] > now
    said = [alert["acknowledged_by"] or "", f"silent until {moment(alert['silenced_until_at'] or 0)}" if silent else ""]
    return ", ".join(filter(None, said)) or None
