"""What happens as lines, one an event: for a pipe, for a log, and for who looks at one task, session or agent."""

import asyncio
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from rich.text import Text

from gateway.cli.output import console, print_json, remark
from gateway.cli.screen.link import SILENT_S
from gateway.cli.screen.seen import ENDS
from gateway.cli.screen.words import ID_CHARS, clock, line_of, words
from gateway.client import Message, follow
from gateway.units import many, short

NO_LINES = ("board", "pool", "status", "resumed", "snapshot")
"""What only says that something is connected, or is written otherwise."""

WRITES_CHARS = 100
"""Pieces of an answer come word by word, and are shown as lines of about this length."""


class Narrow(NamedTuple):
    """What somebody wants to see; null: whichever."""

    task_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    tenant_id: str | None = None

    def asked(self, all_of: str) -> list[Mapping[str, Any]]:
        """The narrowest is subscribed to; `all_of`: the tenant whose tasks are seen when nothing is named."""
        names = {name: value for name, value in self._asdict().items() if value is not None}
        name, value = next(iter(names.items()), ("tenant_id", all_of))
        return [{name: value}, {"fleet": True}]  # the board of the fleet comes each second: silence tells a loss

    def takes(self, message: Message) -> bool:
        data = message.data
        return (
            self.task_id in (None, data.get("task_id"))
            and self.session_id in (None, message.session_id)
            and self.agent_id in (None, data.get("agent_id"))
            and self.tenant_id in (None, data.get("tenant_id"))
        )


async def stream(url: str, access_token: str, narrow: Narrow, *, all_of: str, as_json: bool) -> str | None:
    """Prints until the task that was named has ended, and returns how; without one, for good."""
    heard = _Heard(url)
    tell: Callable[[Message], None] = _tell_json if as_json else _Lines(with_task=narrow.task_id is None).tell
    listening = asyncio.ensure_future(heard.watch())
    try:
        async with aclosing(follow(url, access_token=access_token, to=narrow.asked(all_of))) as messages:
            async for message in messages:
                heard.now()
                if message.event == "snapshot":
                    ended = _told_snapshot(message, narrow, as_json)
                elif message.event == "gap" or (message.event not in NO_LINES and narrow.takes(message)):
                    tell(message)
                    ended = message.data["status"] if message.event in ENDS and narrow.task_id else None
                else:
                    continue
                if ended:
                    return ended
    finally:
        listening.cancel()
    return None


class _Heard:
    """Says on stderr when nothing comes any more, and when it does again."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._at = time.monotonic()
        self._lost = False

    def now(self) -> None:
        self._at = time.monotonic()
        if self._lost:
            self._lost = False
            remark("Connected again; what was missed follows.")

    async def watch(self) -> None:
        while True:
            await asyncio.sleep(SILENT_S / 3)
            if not self._lost and time.monotonic() - self._at > SILENT_S:
                self._lost = True
                remark(f"Nothing comes from {self._url}: reconnecting…")


class _Lines:
    """For people. Pieces of an answer are gathered until they make a line."""

    def __init__(self, *, with_task: bool) -> None:
        self._with_task = with_task
        self._pieces: dict[str, Message] = {}

    def tell(self, message: Message) -> None:
        task_id = message.data.get("task_id", "")
        held = self._pieces.pop(task_id, None)
        if message.event == "progress_update" and message.data["kind"] == "text":
            if held is not None:
                message = message._replace(
                    data=message.data | {"message": held.data["message"] + message.data["message"]}
                )
            if len(message.data["message"]) < WRITES_CHARS and "\n" not in message.data["message"]:
                self._pieces[task_id] = message
                return
        elif held is not None:
            self._print(held)
        self._print(message)

    def _print(self, message: Message) -> None:
        console.print(line_of(message, with_task=self._with_task), soft_wrap=True)


def _tell_json(message: Message) -> None:
    print_json(message._asdict())
    sys.stdout.flush()


def _told_snapshot(message: Message, narrow: Narrow, as_json: bool) -> str | None:
    """How things are before anything new; how the one task ended, when it has."""
    rows: Sequence[Mapping[str, Any]] = message.data.get("tasks") or []
    rows = [row for row in rows if narrow.task_id or row["finished_at"] is None]
    if as_json:
        if "tasks" in message.data:
            _tell_json(message)
    elif "tasks" in message.data:
        for row in reversed(rows):
            if narrow.agent_id in (None, row["agent_id"]):
                console.print(_row(row), soft_wrap=True)
        if not rows and narrow.task_id is None:
            remark("Nothing is open here now; what happens is shown from now on. Ctrl-C ends this.")
        elif message.data.get("more"):
            remark(f"There is more than these {many(len(rows), 'task')}: `headway tasks --state open` lists all.")
    ended = [row["state"] for row in rows if row["finished_at"] is not None]
    return ended[0] if narrow.task_id and ended else None


def _row(row: Mapping[str, Any]) -> Text:
    since = row["finished_at"] or row["started_at"] or row["submitted_at"] or row["changed_at"]
    line = Text(clock(since, parts=True), "dim").append(f"  {row['task_id'][-ID_CHARS:]:<{ID_CHARS}}  ", "cyan")
    where = f" on {row['instance_id']}" if row["instance_id"] else f" for {row['agent_id']}" if row["agent_id"] else ""
    error = f": {row['error']}" if row["finished_at"] and row["error"] else ""
    said = f"is {row['state'].replace('_', ' ')}{where}{error}: “{short(row['text'], 100)}”"
    return line.append(words(Message(said, None, {}, since, None, None)))
