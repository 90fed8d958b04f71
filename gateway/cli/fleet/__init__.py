"""`headway fleet`: its agents, hosts and zones; asking for other numbers; what it will have to carry."""

import getpass
import time
from typing import Any

import click

from gateway.alive import lease_us
from gateway.cli.fleet.events import events
from gateway.cli.fleet.forecast import forecast
from gateway.cli.fleet.predict import predict
from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.cli.scaling import decisions
from gateway.cli.submit import Duration
from gateway.errors import BadInput, GatewayError
from gateway.fleet import HostRow, agent_rows, host_rows, zone_rows
from gateway.history import newest_by_key, reach, read
from gateway.sending import now_us
from gateway.units import duration, many
from infra.fleet import desired, hosts, set_host
from infra.registry import WEIGHTS, newest
from infra.settings import Settings, load_settings
from schemas.events import HostDesired, HostState

SECOND_US = 1_000_000
LOOK_BACK_US = 900 * SECOND_US
"""So long a host that fell silent is still shown."""
_LOOK_AGAIN_S = 0.5
LATE = 2.5
"""Heartbeats after which a host that is called open is doubted."""


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def fleet(ctx: click.Context, as_json: bool) -> None:
    """Show the fleet: agents with their instances and load, hosts, zones.

    Example: headway fleet --json
    """
    if ctx.invoked_subcommand is None:
        _show_fleet(as_json)


@fleet.command()
@click.argument("agent")
@click.argument("instances", type=int)
@click.option("--zone", help="In this zone only; by default they are spread over all.")
@click.option("--reason", default="", help="Why, for those who look later.")
@json_option
def scale(agent: str, instances: int, zone: str | None, reason: str, as_json: bool) -> None:
    """Ask for so many instances of an agent. It goes before the number in the agent's file, until it is asked again.

    What runs on instances that go is finished first. docs/fleet.md tells how instances are placed.

    Example: headway fleet scale code-writer 8
    """
    from gateway.desiring import Wish
    from gateway.desiring import scale as ask

    settings = load_settings()
    reach(settings)
    wish = ask(settings, Wish(agent, instances, zone, reason, getpass.getuser()))
    if as_json:
        print_json(wish)
        return
    where = ", ".join(f"{of['instances']} in {of['zone']}" for of in wish["zones"] if of["zone"])
    total = sum(of["instances"] for of in wish["zones"])
    say(f"{many(total, 'instance')} of {agent} asked for{f': {where}' if where else ''}.")
    remark("Hosts follow within a second or two; `headway fleet` shows it.")


@fleet.command()
@click.argument("host")
@click.option("--reason", default="", help="Why, for those who look later.")
@click.option("--wait", type=Duration(SECOND_US), metavar="DURATION", help="Wait until nothing is left there, as 10m.")
def drain(host: str, reason: str, wait: int | None) -> None:
    """Empty a host: others take over its instances within seconds, and it finishes what it has in hand.

    After that it can be stopped without anything moving; `headway fleet open` gives it work again.

    Example: headway fleet drain host-1 --wait 10m
    """
    settings = _ask(host, "drained", reason)
    if wait is None:
        say(f"{host} gives its instances away and finishes what it has; `headway fleet` shows when nothing is left.")
    elif _is_empty(settings, host, wait / SECOND_US):
        say(f"{host} is empty.")
    else:
        instances, running = _left(settings, host)
        left = many(running, "attempt") if running else many(instances, "instance")
        raise GatewayError(
            f"{host} still has {left} after {duration(wait)}; it goes on by itself, `headway fleet` shows it."
        )


@fleet.command()
@click.argument("host")
@click.option("--reason", default="", help="Why, for those who look later.")
def cordon(host: str, reason: str) -> None:
    """Start nothing new on a host; its instances stay there, idle when they have finished.

    Example: headway fleet cordon host-1 --reason "it swaps"
    """
    _ask(host, "cordoned", reason)
    say(f"{host} starts nothing new; `headway fleet open {host}` ends that.")


@fleet.command("open")
@click.argument("host")
def open_(host: str) -> None:
    """Let a host that was drained or cordoned work again.

    Example: headway fleet open host-1
    """
    _ask(host, "open", "")
    say(f"{host} works again.")


def _ask(host: str, state: HostState, reason: str) -> Settings:
    settings = load_settings()
    reach(settings)
    wishes = hosts(settings)
    rows = _hosts(settings, wishes)
    if host not in wishes and host not in {row.host_id for row in rows}:
        names = ", ".join(row.host_id for row in rows) or "none"
        raise BadInput(f"No host {host} was heard of lately; those there are: {names}.")
    set_host(settings, host, state, by=getpass.getuser(), reason=reason)
    others = [row for row in rows if row.state == "open" and row.host_id != host]
    if state != "open" and not others:
        remark("No other host is open: new work waits until one is.")
    elif state != "open" and (since := _all_late(others, settings)):
        remark(f"None of the other hosts was heard of for {since}: where they are gone, new work waits until one is.")
    return settings


def _all_late(others: list[HostRow], settings: Settings) -> str:
    """How long nothing was heard of any that is called open, where one should have spoken since; or empty."""
    since_us = now_us() - max(row.heard_at or 0 for row in others)
    return duration(since_us) if since_us > LATE * settings.heartbeat_s * SECOND_US else ""


def _is_empty(settings: Settings, host: str, limit_s: float) -> bool:
    until = time.monotonic() + limit_s
    while _left(settings, host) != (0, 0):
        if time.monotonic() > until:
            return False
        time.sleep(_LOOK_AGAIN_S)
    return True


def _left(settings: Settings, host: str) -> tuple[int, int]:
    """Instances and attempts that a host has."""
    for row in _hosts(settings, hosts(settings)):
        if row.host_id == host and row.state == "silent":
            raise BadInput(f"{host} is silent: it has died or hangs, and what it had in hand goes to others.")
        if row.host_id == host and row.state != "drained":
            return row.instances, row.running
    return 0, 0


def _hosts(settings: Settings, wishes: dict[str, HostDesired]) -> list[HostRow]:
    return host_rows(_beats(settings), wishes, now_us() - lease_us(settings))


def _beats(settings: Settings) -> list[dict[str, Any]]:
    since_us = now_us() - LOOK_BACK_US
    return [record.event for record in read(settings, "agents.heartbeats", since_us=since_us)]


def _show_fleet(as_json: bool) -> None:
    settings = load_settings()
    reach(settings)
    beats, asked, since_us = _beats(settings), desired(settings), now_us() - lease_us(settings)
    definitions = list(newest_by_key(settings, "agents.registry").values())
    pools = list(newest_by_key(settings, "pools.status").values())
    agents = agent_rows(
        definitions,
        pools,
        beats,
        heard_since_us=since_us,
        model_default=settings.model_default,
        desired=asked,
        zones=settings.zone_names,
        weights=newest(settings, WEIGHTS),
    )
    of_hosts = host_rows(beats, hosts(settings), since_us)
    zones = zone_rows(definitions, beats, asked, settings.zones, since_us)
    if as_json:
        found = {
            "agents": [row._asdict() for row in agents],
            "hosts": [row._asdict() for row in of_hosts],
            "zones": [row._asdict() for row in zones],
        }
        print_json(found)
        return
    table(
        ["agent", "instances", "running", "waiting", "errors", "load", "hosts"],
        (
            [
                row.agent_id,
                f"{row.instances_live}/{row.instances}",
                f"{row.running}/{row.slots}",
                f"{row.waiting}/{row.waiting_max}",
                f"{row.error_rate:.1%}",
                f"{row.load_score:.0f}",
                ", ".join(row.hosts) or None,
            ]
            for row in agents
        ),
        right=["instances", "running", "waiting", "errors", "load"],
        giving=["hosts"],
    )
    for pool in pools:
        for ill in pool["ill"]:
            remark(
                f"{ill['instance_id']} has been left out for {duration(now_us() - ill['since_at'])}: {ill['reason']}."
            )
    say()
    _tell_hosts(of_hosts, bool(settings.zones))
    if zones:
        say()
        rows = ([z.zone, z.hosts, f"{z.instances_live}/{z.instances}", z.running] for z in zones)
        table(["zone", "hosts", "instances", "running"], rows, right=["hosts", "instances", "running"])


def _tell_hosts(rows: list[HostRow], with_zones: bool) -> None:
    now = now_us()
    heads = ["host", *(["zone"] if with_zones else []), "state", "instances", "running", "heard", "reason"]
    table(
        heads,
        (
            [
                row.host_id,
                *([row.zone] if with_zones else []),
                row.state,
                row.instances,
                row.running,
                f"{duration(now - row.heard_at)} ago" if row.heard_at else None,
                row.reason or None,
            ]
            for row in rows
        ),
        right=["instances", "running"],
        giving=["reason"],
    )


fleet.add_command(forecast)
fleet.add_command(decisions)
fleet.add_command(events)
fleet.add_command(predict)
