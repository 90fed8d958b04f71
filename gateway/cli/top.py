"""`headway top`: the agents by load, each second anew; in a pipe one table."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import click
from rich.text import Text

from gateway.cli import door
from gateway.cli.output import console, json_option, print_json, table
from gateway.cli.screen.asking import AWAY, Asking, asking
from gateway.cli.screen.grid import Size
from gateway.cli.screen.link import Link, Now
from gateway.cli.screen.load import COST_S, SORTS, Fleet, Load, Look, cost_said, draw, loads, ordered
from gateway.cli.screen.terminal import show
from gateway.cli.screen.words import percent
from gateway.cli.watch import asked_of, gateway_option
from gateway.sending import now_us
from gateway.units import duration
from infra.settings import Settings, load_settings

REFRESH_S = 1.0
COST_EVERY = 10
"""So many looks at the agents make one at what they cost."""

PAGE, PAGES_MAX = 500, 4


@click.command()
@click.option("--sort", type=click.Choice(list(SORTS)), default="load", show_default=True, help="What comes first.")
@click.option("--plain", is_flag=True, help="Print one table and end; what a pipe gets anyhow.")
@gateway_option
@json_option
def top(sort: str, plain: bool, gateway: str | None, as_json: bool) -> None:
    """Show the agents by load, each second anew: instances, queue, running, mean run, errors, cost of the last hour.

    \b
    Example: headway top
    Example: headway top --sort cost --json
    """
    settings = asked_of(load_settings(), gateway)
    door.reach(settings)
    token = door.token_of(settings)
    me = door.ask(settings, token, "/api/me")
    if as_json or plain or not console.is_terminal:
        _print_once(ordered(asyncio.run(_once(settings, token)), sort), as_json)
    else:
        screen = Top(settings, token, f"{me['tenant_id']} ({me['role']})", sort)
        asyncio.run(show(screen, screen.work()))


async def _once(settings: Settings, token: str) -> list[Load]:
    async with asking(settings, token) as gateway:
        try:
            agents = (await gateway.get("/api/agents"))["agents"]
            tasks, all_tasks = await _tasks_of_an_hour(gateway)
        except AWAY as error:
            raise door.silent(settings) from error
    return loads(agents, tasks, all_tasks=all_tasks)


async def _tasks_of_an_hour(gateway: Asking) -> tuple[list[Mapping[str, Any]], bool]:
    tasks, is_all, _ = await gateway.tasks(PAGES_MAX, PAGE, since=now_us() - 1_000_000 * COST_S)
    return tasks, is_all


def _print_once(rows: Sequence[Load], as_json: bool) -> None:
    if as_json:
        for row in rows:
            print_json(row._asdict())
        return
    table(
        ["agent", "instances", "waiting", "running", "load", "mean run", "errors", "done", "failed", "cost 1 h"],
        (
            [
                row.agent_id,
                f"{row.instances_live}/{row.instances}",
                row.waiting,
                f"{row.running}/{row.slots}",
                f"{row.load_score:.0f}",
                duration(1000 * row.mean_response_ms),
                percent(row.error_rate),
                row.completed,
                row.failed,
                cost_said(row.cost_usd_micros, is_whole=row.cost_is_whole),
            ]
            for row in rows
        ),
        right=["instances", "waiting", "running", "load", "mean run", "errors", "done", "failed", "cost 1 h"],
        giving=["failed", "done"],
    )


class Top:
    """The screen of `headway top`."""

    def __init__(self, settings: Settings, token: str, who: str, sort: str) -> None:
        self._settings, self._token = settings, token
        self._fleet, self._look = Fleet(), Look(sort)
        self._link = Link(settings.gateway, who)

    def lines(self, width: int, height: int) -> Sequence[Text]:
        size, now = Size(width, height), Now(time.monotonic(), now_us())
        return draw(self._fleet, self._link, self._look, size, now)

    def press(self, key: str) -> bool:
        look, sorts = self._look, list(SORTS)
        match key:
            case "q":
                return True
            case "right" | "tab":
                look.sort, look.backwards = sorts[(sorts.index(look.sort) + 1) % len(sorts)], False
            case "left" | "back tab":
                look.sort, look.backwards = sorts[sorts.index(look.sort) - 1], False
            case "r":
                look.backwards = not look.backwards
            case "down" | "j":
                look.first = min(look.first + 1, max(0, len(self._fleet.rows) - 1))
            case "up" | "k":
                look.first = max(0, look.first - 1)
        return False

    async def work(self) -> None:
        """Until something is wrong for good."""
        tasks: list[Mapping[str, Any]] = []
        is_all, looks = True, 0
        async with asking(self._settings, self._token) as gateway:
            while True:
                with suppress(*AWAY):
                    await gateway.health(self._link)
                    agents = (await gateway.get("/api/agents"))["agents"]
                    if looks % COST_EVERY == 0 and self._link.caught_up:
                        tasks, is_all = await _tasks_of_an_hour(gateway)
                    looks += 1
                    self._fleet.rows = loads(agents, tasks, all_tasks=is_all)
                    self._link.heard_at = time.monotonic()
                await asyncio.sleep(REFRESH_S)
