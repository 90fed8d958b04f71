"""The chat: how soon the first piece of an answer is there after a message, through the whole line to a model's server.

The server is the local one of the tests, which answers at once: what is measured is ours.
"""

import asyncio
import dataclasses
import itertools
import json
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp

from infra.settings import Settings
from infra.stack import services
from infra.stack.part import Part, http_answers
from lab.bench.figures import quantile
from lab.bench.places import PORT, bench_settings
from lab.bench.program import program
from lab.own_line import running

MESSAGES, AT_ONCE = 300, 4
BAR_MS = 300.0
GATEWAY_PORT, MODEL_PORT = PORT + 42, PORT + 43
AGENTS = Path(__file__).parents[2] / "infra" / "agents"
READ_S = 0.25
"""A person reads an answer before they say something; so quick are few."""
_WARM_UP = 40
_LIMIT_S = 60.0


def measure(folder: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    home = folder / "chat"
    shutil.rmtree(home, ignore_errors=True)
    settings = _settings(home)
    with program(_model()), running(settings), program(services.part(settings, "gateway", 0)):
        found = asyncio.run(_talk(settings, MESSAGES // 6 if quick else MESSAGES))
    for name, took in found.items():
        say(f"{name}: p50 {quantile(took, 0.5):.0f} ms, p99 {quantile(took, 0.99):.0f} ms")
    shares = {f"chat_{name}_p{n}_ms": round(quantile(took, n / 100)) for name, took in found.items() for n in (50, 99)}
    return {"chat_messages": len(found["first"]), **shares}


def section(found: dict[str, Any]) -> str:
    def shares(name: str) -> str:
        return f"p50 {found[f'chat_{name}_p50_ms']} ms, p99 {found[f'chat_{name}_p99_ms']} ms"

    return (
        f"{found['chat_messages']} messages over `/ws/chat`, {AT_ONCE} conversations at a time, each message "
        f"{READ_S} s after the answer to the one before, to a local server of the Messages API that answers at once; "
        "broker, Redis, line, gateway, model's server and clients on the same two cores. From the message sent to its "
        f"first piece of text received: p50 {found['chat_first_p50_ms']} ms, p99 **{found['chat_first_p99_ms']} ms** "
        f"({BAR_MS:.0f} are allowed). To accepted, which means on Kafka with acks=all: {shares('accepted')}; to the "
        f"attempt begun: {shares('started')}; to the outcome: {shares('end')}."
    )


async def _talk(settings: Settings, count: int) -> dict[str, list[float]]:
    """How long it took from each message to what came of it [ms]."""
    took: dict[str, list[float]] = {name: [] for name in ("accepted", "started", "first", "end")}
    left = itertools.count(count + _WARM_UP, -1)
    token = (settings.state / "token").read_text(encoding="utf-8").strip()
    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(_conversation(http, settings, token, left, count, took))
    return took


async def _conversation(
    http: aiohttp.ClientSession,
    settings: Settings,
    token: str,
    left: "itertools.count[int]",
    count: int,
    took: dict[str, list[float]],
) -> None:
    url = f"http://127.0.0.1:{settings.gateway_port}/ws/chat/bench-{uuid.uuid4().hex}"
    async with http.ws_connect(url, protocols=("headway.live", f"headway.token.{token}")) as socket:
        await socket.send_json({"action": "open"})
        while (number := next(left)) > 0:
            await asyncio.sleep(READ_S)
            began = time.perf_counter()
            said = {"action": "message", "key": uuid.uuid4().hex, "text": "Tell me of a ship, in a sentence or two."}
            await socket.send_json(said)
            found = await asyncio.wait_for(_heard(socket, began), _LIMIT_S)
            if number <= count:
                for name, ms in found.items():
                    took[name].append(ms)


async def _heard(socket: aiohttp.ClientWebSocketResponse, began: float) -> dict[str, float]:
    """When what happened to the newest message came [ms]."""
    found: dict[str, float] = {}
    while "end" not in found:
        message = json.loads((await socket.receive()).data)
        event, ms = message["event"], (time.perf_counter() - began) * 1000
        if event in ("error", "closing") or (event == "task_failed"):
            raise RuntimeError(f"{event}: {message['data']}")
        if event == "accepted":
            found["accepted"] = ms
        elif event == "task_started":
            found["started"] = ms
        elif event == "progress_update" and message["data"]["kind"] == "text":
            found.setdefault("first", ms)
        elif event == "task_completed":
            found["end"] = ms
    return found


def _settings(home: Path) -> Settings:
    """The line with the agents that come with it, asking a model; and no bound that a person would meet."""
    settings = bench_settings(
        home,
        agents_dir=str(AGENTS),
        gateway_port=GATEWAY_PORT,
        anthropic_api_key="local",
        anthropic_base_url=f"http://127.0.0.1:{MODEL_PORT}",
        requests_per_min=100_000,
        tokens_per_min=1_000_000_000,
        cost_cap_usd=1_000_000.0,
        redos_max=0,
    )
    return dataclasses.replace(settings, gateway_connections_user_max=100)


def _model() -> Part:
    return Part(
        name="model",
        command=(sys.executable, "-m", "tests.support.messages_api", "--port", str(MODEL_PORT)),
        probe=partial(http_answers, "127.0.0.1", MODEL_PORT, "/", good=(HTTPStatus.NOT_IMPLEMENTED,)),
        stop_s=5.0,
        env={},
    )
