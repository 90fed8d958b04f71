"""Disconnects of any length, two gateways that are killed and started again, held against the topics. A thousand of
them, on a whole line whose broker is killed too, are a campaign of their own: `python -m lab.disconnects`.
"""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import aiohttp
import pytest

from gateway.live.messages import keys_of, told_of
from gateway.live.order import Read
from gateway.live.places import TOPICS, Layout
from infra import kafka
from infra.settings import Settings, as_env
from lab.ports import free_ports
from schemas.codec import BadMessage, decode
from tests.gateway.live.serving import Teller
from tests.gateway.live.test_resume import _assert_order, _identity
from tests.support.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CLIENTS, SESSIONS, DISCONNECTS = 40, 8, 300


class GatewayProcess:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.url = f"http://127.0.0.1:{settings.gateway_port}"
        self.start()

    def start(self) -> None:
        with (self._settings.state / f"gateway-{self._settings.gateway_port}.log").open("a") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway.server"], env={**os.environ, **as_env(self._settings)}, stderr=said
            )

    def listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._settings.gateway_port)) == 0

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(20)


class Wanderer:
    """A client that comes and goes, to whichever gateway, and keeps what it has read."""

    def __init__(self, to: dict[str, Any], gateways: list[GatewayProcess], access: str, chance: random.Random) -> None:
        self.to, self._gateways, self._access, self._chance = to, gateways, access, chance
        self.heard: list[dict[str, Any]] = []
        self.done: set[str] = set()
        self.token: str | None = None
        self.first: str | None = None
        self.gaps: list[str] = []

    async def come_and_go(self, http: aiohttp.ClientSession, go: "Tally") -> None:
        while go.disconnects < DISCONNECTS:
            stay = self._chance.choice([0.0, 0.05, 0.2, 1.0]) * self._chance.random()
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await asyncio.wait_for(self._read(http, stay), 30)
                go.disconnects += 1
            await asyncio.sleep(self._chance.choice([0.0, 0.1, 0.5, 4.0]) * self._chance.random())

    async def read_to_the_end(self, http: aiohttp.ClientSession, enough: Any) -> None:
        """It stays: what all of them missed at once is read from the topics, and who leaves meanwhile begins anew."""
        async with asyncio.timeout(120):
            while not enough(self):
                with suppress(aiohttp.ClientError, OSError):
                    await self._read(http, 120.0, enough)

    async def _read(self, http: aiohttp.ClientSession, stay_s: float, enough: Any = lambda self: False) -> None:
        """For some time after its first message; then the connection is cut, whatever is under way."""
        url = self._chance.choice(self._gateways).url + "/ws"
        headers = {"Authorization": f"Bearer {self._access}"}
        async with http.ws_connect(url, headers=headers, max_msg_size=0) as socket:
            await socket.send_json({"action": "subscribe", **self.to} | ({"token": self.token} if self.token else {}))
            until_s = None
            while (until_s is None or time.monotonic() < until_s) and not enough(self):
                left = 30.0 if until_s is None else max(0.001, until_s - time.monotonic())
                try:
                    frame = await socket.receive(timeout=left)
                except TimeoutError:
                    break
                if frame.type is not aiohttp.WSMsgType.TEXT:
                    break
                self._keep(json.loads(frame.data))
                until_s = until_s or time.monotonic() + stay_s
            if socket._response.connection is not None and socket._response.connection.transport is not None:
                socket._response.connection.transport.abort()

    def _keep(self, message: dict[str, Any]) -> None:
        if message["event"] == "gap":
            self.gaps.append(message["data"]["reason"])
        if message["token"]:
            self.first = self.first or message["token"]
            self.token = message["token"]
        if "task_id" in message["data"]:
            self.heard.append(message)
            if message["event"] == "task_completed":
                self.done.add(message["data"]["task_id"])


class Tally:
    disconnects = 0


def test_disconnects_leave_no_gap_and_no_double(broker: Settings) -> None:
    port = free_ports(10)
    limits = {"gateway_connections_max": 500, "gateway_connections_user_max": 500, "gateway_requests_per_s": 1e4}
    gateways = [
        GatewayProcess(replace(broker, gateway_port=port + n, metrics_port=port + 2 + n, **limits)) for n in range(2)
    ]
    try:
        until(lambda: (broker.state / "token").exists(), 30)
        access = (broker.state / "token").read_text().strip()
        wanderers, restarts = asyncio.run(_wander(broker, gateways, access))
    finally:
        for gateway in gateways:
            gateway.stop()
    assert restarts >= 2
    layout, reads = _topics(broker)
    for wanderer in wanderers:
        _assert_told(wanderer, layout, reads)


async def _wander(broker: Settings, gateways: list[GatewayProcess], access: str) -> tuple[list[Wanderer], int]:
    chance = random.Random(11)
    teller = Teller(broker)
    sessions = [f"{teller.session}-{n}" for n in range(SESSIONS)]
    seen: list[dict[str, Any]] = [{"session_id": session} for session in sessions]
    seen += [{"tenant_id": "*"}, {"agent_id": "writer"}]
    wanderers = [Wanderer(seen[n % len(seen)], gateways, access, random.Random(n)) for n in range(CLIENTS)]
    go, restarts = Tally(), 0
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        with _writing(teller, sessions, chance):
            coming = [asyncio.ensure_future(wanderer.come_and_go(http, go)) for wanderer in wanderers]
            while not all(done.done() for done in coming):
                await asyncio.wait(coming, timeout=3.0)
                victim = gateways[restarts % 2]
                await asyncio.to_thread(victim.kill)
                await asyncio.sleep(chance.random())
                victim.start()
                restarts += 1
                await asyncio.to_thread(until, victim.listens, 60)
            await asyncio.gather(*coming)
        ends = {teller.begin(session=session).to_the_end().task_id for session in sessions}

        def enough(wanderer: Wanderer) -> bool:
            wanted = (
                {i for i in ends if i.startswith(wanderer.to["session_id"] + ".")}
                if "session_id" in wanderer.to
                else ends
            )
            return wanted <= wanderer.done

        await asyncio.gather(*(wanderer.read_to_the_end(http, enough) for wanderer in wanderers))
    return wanderers, restarts


@contextmanager
def _writing(teller: Teller, sessions: list[str], chance: random.Random) -> Iterator[None]:
    over = threading.Event()

    def write() -> None:
        tasks = []
        while not over.is_set():
            tasks = [task for task in tasks if task.left]
            if len(tasks) < 12:
                tasks.append(teller.begin(session=chance.choice(sessions), attempts=chance.randint(0, 3)))
            chance.choice(tasks).on()
            time.sleep(0.004)
        for task in tasks:
            task.to_the_end()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _topics(broker: Settings) -> tuple[Layout, list[Read]]:
    cluster = kafka.AdminClient(kafka.client_config(broker)).list_topics(timeout=10)
    layout = Layout({topic: len(cluster.topics[topic].partitions) for topic in TOPICS}, cluster.cluster_id)
    reads = []
    for topic in layout.partitions:
        for message in kafka.read_all(broker, topic):
            try:
                name, event = decode(message.value())
            except BadMessage:
                continue  # of a test that shares the broker
            reads.append(Read(layout.place(topic, message.partition()), message.offset(), 0, name, event))
    return layout, reads


def _assert_told(wanderer: Wanderer, layout: Layout, reads: list[Read]) -> None:
    """What the topics have since its first token, each once; but progress that was read after its task's end."""
    assert wanderer.gaps == [] and wanderer.first is not None
    told = Counter(map(_identity, wanderer.heard))
    assert max(told.values()) == 1, [what for what, times in told.items() if times > 1]
    _assert_order(wanderer.heard)
    since = layout.places(wanderer.first)
    missing, late = [], 0
    for read in reads:
        found = told_of(read) if read.event.get("tenant_id") else None
        if found is None or read.offset < since[read.place] or not _wants(wanderer, found):
            continue
        if not told.pop(_identity(json.loads(found.head + b"}")), 0):
            late += found.is_progress
            if not found.is_progress:
                missing.append((found.event, found.task_id))
    assert missing == [] and not told
    assert late <= 0.02 * len(wanderer.heard)


def _wants(wanderer: Wanderer, found: Any) -> bool:
    ((field, name),) = wanderer.to.items()
    keys = set(keys_of(found.tenant_id, found.session_id, found.task_id, found.agent_id))
    return (field.removesuffix("_id"), None, name) in keys
