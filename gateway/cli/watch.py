"""`headway watch`: what happens on the line, live: the board of it all, or the events of one thing as lines."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import click
from rich.text import Text

from gateway.cli import door
from gateway.cli.output import console, json_option
from gateway.cli.screen.asking import AWAY, Asking, asking
from gateway.cli.screen.board import LISTS, Look, Picture, draw
from gateway.cli.screen.grid import Size, fitted
from gateway.cli.screen.link import Link, Now
from gateway.cli.screen.seen import Seen
from gateway.cli.screen.stream import Narrow, stream
from gateway.cli.screen.terminal import show
from gateway.cli.waiting import STOPPED
from gateway.client import LiveError, follow
from gateway.errors import GatewayError
from gateway.sending import now_us
from infra.settings import Settings, load_settings

LOOK_S = 2.0
LIST_EVERY = 5
"""So many looks at the gateway's health make one at its agents and open tasks."""

PAGE, PAGES_MAX = 500, 4

gateway_option = click.option(
    "--gateway", metavar="URL", help="Another gateway than that of this line; its token is HEADWAY_GATEWAY_TOKEN."
)


@click.command()
@click.argument("what", required=False)
@click.option("--task", metavar="ID", help="Only this task; ends when it has ended.")
@click.option("--session", help="Only this session.")
@click.option("--agent", help="Only this agent.")
@click.option("--tenant", help="Only this tenant.")
@click.option("--plain", is_flag=True, help="A line for each event in place of the board; what a pipe gets anyhow.")
@gateway_option
@json_option
def watch(
    what: str | None,
    task: str | None,
    session: str | None,
    agent: str | None,
    tenant: str | None,
    plain: bool,
    gateway: str | None,
    as_json: bool,
) -> None:
    """Show live what happens: the board of the whole line, or the events of WHAT, a task, session or agent.

    It goes on by itself when the gateway was away: nothing is missed and nothing comes twice.

    \b
    Example: headway watch
    Example: headway watch code-reviewer
    Example: headway watch --session checkout-team --json
    """
    settings = asked_of(load_settings(), gateway)
    door.reach(settings)
    token = door.token_of(settings)
    me = door.ask(settings, token, "/api/me")
    narrow = Narrow(task, session, agent, tenant)
    if what is not None:
        narrow = _named(settings, token, what, narrow)
    all_of = "*" if me["role"] == "admin" else me["tenant_id"]
    try:
        if any(narrow) or plain or as_json or not console.is_terminal:
            _stream(settings, token, narrow, all_of, as_json)
        else:
            board = Board(settings, token, all_of, f"{me['tenant_id']} ({me['role']})")
            asyncio.run(show(board, board.work()))
    except LiveError as error:
        raise GatewayError(f"The gateway ended it: {error}") from None


def asked_of(settings: Settings, gateway: str | None) -> Settings:
    """The settings with another gateway, when one is named."""
    return settings if gateway is None else replace(settings, gateway_url=gateway)


def _stream(settings: Settings, token: str, narrow: Narrow, all_of: str, as_json: bool) -> None:
    try:
        ended = asyncio.run(stream(settings.gateway, token, narrow, all_of=all_of, as_json=as_json))
    except KeyboardInterrupt:
        sys.exit(STOPPED if narrow.task_id else 0)
    if narrow.task_id and ended != "completed":
        sys.exit(1)


def _named(settings: Settings, token: str, what: str, narrow: Narrow) -> Narrow:
    """What a name is of: an agent, a task by its id or how that begins, or else a session. Raises GatewayError."""
    if what in (row["agent_id"] for row in door.ask(settings, token, "/api/agents")["agents"]):
        return narrow._replace(agent_id=what)
    if door.tasks(settings, token, session=what, limit=1):
        return narrow._replace(session_id=what)
    found = [row["task_id"] for row in door.tasks(settings, token, text=what, limit=50)]
    found = [task_id for task_id in found if task_id.startswith(what)] or _ending(settings, token, what)
    if len(found) == 1:
        return narrow._replace(task_id=found[0])
    if found:
        raise GatewayError(f"{len(found)} tasks have ids like {what!r}: give more of it.")
    raise GatewayError(
        f"There is no agent, session or task {what!r} (`headway agents`, `headway tasks`); "
        f"a session that is still to come is watched with --session."
    )


def _ending(settings: Settings, token: str, what: str) -> list[str]:
    """A person sees the end of an id."""
    rows = door.tasks(settings, token, limit=PAGE)
    return [row["task_id"] for row in rows if row["task_id"].endswith(what)]


class Board:
    """The screen of `headway watch`: what the gateway says is folded into it, and keys move in it."""

    def __init__(self, settings: Settings, token: str, all_of: str, who: str) -> None:
        self._settings, self._token, self._all_of = settings, token, all_of
        self._seen, self._look = Seen(), Look()
        self._link = Link(settings.gateway, who)
        self._picture = Picture([], {})

    def lines(self, width: int, height: int) -> Sequence[Text]:
        frozen = self._look.paused and len(self._picture.lines) == height
        if not frozen:
            size, now = Size(width, height), Now(time.monotonic(), now_us())
            self._picture = draw(self._seen, self._link, self._look, size, now)
        return [fitted(line, width) for line in self._picture.lines]

    def press(self, key: str) -> bool:
        look = self._look
        name = LISTS[look.at]
        rows = self._picture.keys.get(name, [])
        at = min(look.rows.get(name, 0), max(0, len(rows) - 1))
        match key:
            case "q":
                return True
            case "esc":
                look.alone = None
            case " ":
                look.paused = not look.paused
            case "tab" | "right":
                look.at = (look.at + 1) % len(LISTS)
            case "back tab" | "left":
                look.at = (look.at - 1) % len(LISTS)
            case "up" | "k":
                look.rows[name] = max(0, at - 1)
            case "down" | "j":
                look.rows[name] = min(max(0, len(rows) - 1), at + 1)
            case "enter" if rows and look.alone is None:
                look.alone, look.paused = rows[at], False
        return False

    async def work(self) -> None:
        """Until something is wrong for good."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._keep_looking())

    async def _follow(self) -> None:
        to: list[Mapping[str, Any]] = [{"fleet": True}, {"tenant_id": self._all_of}]
        async for message in follow(self._settings.gateway, access_token=self._token, to=to):
            self._link.heard_at = time.monotonic()
            if message.event == "status":
                self._link.stale_since = message.data["since"] if message.data["state"] == "stale" else None
            self._seen.see(message, now_us())

    async def _keep_looking(self) -> None:
        """What no message tells: whether the gateway itself is up to date, how many instances there should be."""
        looks = 0
        async with asking(self._settings, self._token) as gateway:
            while True:
                with suppress(*AWAY):
                    await gateway.health(self._link)
                    if looks % LIST_EVERY == 0 and self._link.caught_up:
                        await self._ask_lists(gateway)
                    looks += 1
                await asyncio.sleep(LOOK_S)

    async def _ask_lists(self, gateway: Asking) -> None:
        agents = (await gateway.get("/api/agents"))["agents"]
        self._seen.targets = {row["agent_id"]: row["instances"] for row in agents}
        zones = (await gateway.get("/api/hosts"))["zones"]
        self._seen.zones = {row["zone"]: row["instances"] for row in zones}
        rows, is_all, as_of = await gateway.tasks(PAGES_MAX, PAGE, state="open")
        self._seen.listed(rows, all_open=is_all, as_of=as_of)
