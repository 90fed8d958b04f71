"""The Python and the JavaScript client against a gateway that dies and comes back."""

import asyncio
import json
import shutil
import subprocess
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from gateway.client import FULL_TRIES, LiveError, Message, follow, sync
from infra.settings import Settings
from tests.gateway.live.serving import Door, Teller, serving
from tests.gateway.live.test_live import LIFE

pytestmark = pytest.mark.e2e
SCRIPT = Path(__file__).parents[3] / "gateway" / "page" / "headway.js"


async def _cut(door: Door) -> None:
    """Every connection ends as if the gateway had died."""
    for client in list(door.live._connections):
        client.transport.abort()


async def test_the_client_goes_on_by_itself_where_it_was(broker: Settings) -> None:
    teller = Teller(broker)
    task = teller.begin()
    async with serving(broker) as door, aclosing(follow(door.url, session_id=teller.session)) as messages:
        assert (await anext(messages)).event == "snapshot"
        heard: list[Message] = []
        while task.left:
            task.on()
            heard.append(await _next_about(messages, task.task_id))
            await _cut(door)
        assert [message.event for message in heard] == LIFE


async def _next_about(messages: Any, task_id: str) -> Message:
    async with asyncio.timeout(20):
        while True:
            message: Message = await anext(messages)
            if message.data.get("task_id") == task_id:
                return message


async def test_the_client_says_why_it_may_not_follow(broker: Settings) -> None:
    async with serving(broker, lambda _who, _now: False) as door:
        with pytest.raises(LiveError, match="access token is over"):
            async with asyncio.timeout(20):
                async for _ in follow(door.url, fleet=True):
                    pass


async def test_a_client_that_never_gets_in_says_that_there_are_too_many_connections(
    broker: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.client.AGAIN_S_MAX", 0.1)
    async with (
        serving(broker, gateway_connections_user_max=1) as door,
        aclosing(follow(door.url, fleet=True)) as first,
        asyncio.timeout(20),
    ):
        await anext(first)
        with pytest.raises(LiveError, match="close a tab, or have gateway_connections_user_max raised"):
            async for _ in follow(door.url, fleet=True):
                pass
    assert len(caplog.records) == FULL_TRIES


async def test_the_client_is_told_what_it_asks_wrongly(broker: Settings) -> None:
    async with serving(broker) as door:
        with pytest.raises(LiveError, match="session_id is a text"):
            async for _ in follow(door.url, session_id=7):
                pass


async def test_a_program_without_asyncio_follows_as_well(broker: Settings) -> None:
    teller = Teller(broker)
    task = teller.begin()

    def watch(url: str) -> list[str]:
        messages = sync.follow(url, task_id=task.task_id)
        assert next(messages).event == "snapshot"
        task.to_the_end()
        events = []
        for message in messages:
            if message.event in LIFE:
                events.append(message.event)
            if message.event == "task_completed":
                break
        messages.close()  # type: ignore[attr-defined]
        return events

    async with serving(broker) as door:
        assert await asyncio.to_thread(watch, door.url) == LIFE


NODE = """
globalThis.addEventListener = () => {};
const { Live, concerns } = await import(process.argv[2]);
const live = new Live({ url: process.argv[3], accessToken: "secret" });
const say = (what) => console.log(JSON.stringify(what));
live.onstate = ({ state }) => say({ state });
live.subscribe({ session_id: process.argv[4] }, (m) => say({ event: m.event, task: m.data.task_id ?? null }));
process.stdin.on("data", (line) => {
  const [what, name] = line.toString().trim().split(" ");
  if (what === "also") live.subscribe({ task_id: name }, (m) => say({ also: m.event }));
  if (what === "end") { live.close(); process.exit(0); }
});
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the browser's module without a browser")
async def test_the_browsers_client_goes_on_by_itself_where_it_was(broker: Settings, tmp_path: Path) -> None:
    teller = Teller(broker)
    task = teller.begin()
    script = tmp_path / "follow.mjs"
    script.write_text(NODE)
    async with serving(broker) as door:
        url = door.url.replace("http", "ws") + "/ws"
        node = await asyncio.create_subprocess_exec(
            "node",
            "--experimental-websocket",
            "--no-warnings",
            str(script),
            str(SCRIPT),
            url,
            teller.session,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            said = _Said(node)
            await said.until({"event": "snapshot", "task": None})
            for event in LIFE[:4]:
                task.on()
                await said.until({"event": event, "task": task.task_id})
                await _cut(door)
            assert {"state": "connecting"} in said.all and {"state": "live"} in said.all
            await said.tell(f"also {task.task_id}")
            await said.until({"also": "snapshot"})
            await _cut(door)
            task.to_the_end()
            await said.until({"event": "task_completed", "task": task.task_id})
            await said.until({"also": "task_completed"})
            assert [m["event"] for m in said.all if m.get("task") == task.task_id] == LIFE
            assert [m["also"] for m in said.all if m.get("also") in LIFE] == LIFE[4:]
        finally:
            node.kill()
            await node.wait()


class _Said:
    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.all: list[dict[str, Any]] = []

    async def tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await self._process.stdin.drain()

    async def until(self, wanted: dict[str, Any]) -> None:
        end = time.monotonic() + 20
        assert self._process.stdout is not None
        while wanted not in self.all:
            left = end - time.monotonic()
            assert left > 0, (wanted, self.all)
            line = await asyncio.wait_for(self._process.stdout.readline(), left)
            assert line, self.all
            self.all.append(json.loads(line))
