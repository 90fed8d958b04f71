"""The HTTP API: how soon a task handed in is accepted while the line works, beside a bare producer; and how soon tasks
are found among a hundred thousand."""

import asyncio
import dataclasses
import itertools
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import aiohttp
import psutil
from confluent_kafka import Producer

from infra import kafka
from infra.settings import Settings
from infra.stack import broker, services
from infra.stack.part import Part, http_answers
from lab.bench.figures import quantile
from lab.bench.load import AGENTS, TEXT
from lab.bench.places import PORT, bench_settings
from lab.bench.program import program
from lab.own_line import running, until
from schemas.codec import encode
from schemas.examples import examples

RATE, SECONDS, ROUNDS = 200.0, 10.0, 3
TASKS, LOOKS = 100_000, 200
ACCEPTED_BAR_MS, ONE_BAR_MS, LIST_BAR_MS = 20.0, 50.0, 200.0
GATEWAY_PORT = PORT + 40
_WARM_UP = 1_000
_LIMIT_S = 180.0
_EVENTS = (
    ("tasks.submitted", "task_submitted", "TaskSubmitted"),
    ("routing.decisions", "routing_decision", "RoutingDecision"),
    ("tasks.assigned", "task_assigned", "TaskAssigned"),
    ("tasks.progress", "task_progress", "TaskProgress"),
    ("tasks.results", "task_result", "TaskResult"),
    ("evaluations", "evaluation", "Evaluation"),
    ("tasks.outcomes", "task_outcome", "TaskOutcome"),
)
"""What the line writes of a task that goes well."""
_LOOKED = {
    "one": "/api/tasks/{task_id}",
    "newest": "/api/tasks",
    "rare": "/api/tasks?text=needle%2050000",
    "none": "/api/tasks?tenant=nobody&state=completed&text=nowhere",
}


def measure(folder: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    home = folder / "api"
    shutil.rmtree(home, ignore_errors=True)
    return _on_a_broker(home / "broker", quick, say) | _on_a_line(home / "line", quick, say)


def _on_a_broker(home: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    settings = _with_gateway(bench_settings(home))
    seconds, rounds = (2.0, 1) if quick else (SECONDS, ROUNDS)
    took: dict[str, list[float]] = {"accepted": [], "handler": [], "bare": []}
    with program(broker.prepare(settings)):
        kafka.ensure_topics(settings)
        with program(services.part(settings, "gateway", 0)), program(_peer(settings)):
            _ready(settings)
            for _ in range(rounds):
                took["accepted"] += asyncio.run(_over_http(settings, seconds))
                took["handler"] += asyncio.run(_over_peer(settings, seconds))
                took["bare"] += _bare(settings, seconds)
                for name, those in took.items():
                    say(f"{name}: p50 {quantile(those, 0.5):.1f} ms, p99 {quantile(those, 0.99):.1f} ms")
        found = _finding(settings, TASKS // 20 if quick else TASKS, say)
    shares = {key: value for name, those in took.items() for key, value in _shares(name, those).items()}
    return shares | {"api_requests": len(took["accepted"]), "api_load": round(os.getloadavg()[0], 1)} | found


def _on_a_line(home: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    settings = _with_gateway(bench_settings(home))
    with running(settings), program(services.part(settings, "gateway", 0)):
        _ready(settings)
        ours = asyncio.run(_over_http(settings, 2.0 if quick else SECONDS))
    say(f"HTTP while the line works: p50 {quantile(ours, 0.5):.1f} ms, p99 {quantile(ours, 0.99):.1f} ms")
    return _shares("working", ours)


def _shares(name: str, took: list[float]) -> dict[str, Any]:
    return {f"api_{name}_p{share}_ms": round(quantile(took, share / 100), 1) for share in (50, 99)}


# --- handing in


async def _over_http(settings: Settings, seconds: float) -> list[float]:
    async with _client(settings) as client:
        return await _handed_in(client, "/api/tasks", seconds)


async def _over_peer(settings: Settings, seconds: float) -> list[float]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{settings.gateway_port + 1}") as client:
        return await _handed_in(client, "/", seconds)


async def _handed_in(client: aiohttp.ClientSession, path: str, seconds: float) -> list[float]:
    """From the moment each task was to be handed in to the answer read [ms], whether the server kept up or not."""
    took: list[float] = []

    async def submit(due: float, number: int) -> None:
        task = {"text": TEXT, "agent_id": AGENTS[number % len(AGENTS)]}
        async with client.post(path, json=task) as answer:
            told = await answer.read()
            if answer.status != 202:
                raise RuntimeError(f"{answer.status}: {told.decode()}")
        if number >= _WARM_UP:
            took.append((time.perf_counter() - due) * 1000)

    await _at_a_rate(RATE, int(RATE * seconds) + _WARM_UP, submit)
    return took


async def _at_a_rate(rate: float, count: int, work: Callable[[float, int], Awaitable[None]]) -> None:
    start = time.perf_counter() + 0.1
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(work(due, number))  # type: ignore[arg-type]


def _bare(settings: Settings, seconds: float) -> list[float]:
    """The same tasks, produced and flushed one by one in this process: the least that acks=all can take [ms]."""
    producer = kafka.producer(settings, enable_idempotence=False, linger_ms=0)
    took: list[float] = []
    start = time.perf_counter() + 0.1
    for number in range(int(RATE * seconds) + _WARM_UP):
        due = start + number / RATE
        time.sleep(max(0.0, due - time.perf_counter()))
        task_id = uuid.uuid4().hex
        task = {"task_id": task_id, "session_id": task_id, "tenant_id": "bench", "text": TEXT, "agent_id": AGENTS[0]}
        task["submitted_at"] = time.time_ns() // 1000  # type: ignore[assignment]
        producer.produce("tasks.submitted", encode("TaskSubmitted", task), task_id)
        producer.flush(10)
        if number >= _WARM_UP:
            took.append((time.perf_counter() - due) * 1000)
    return took


# --- finding


def _finding(settings: Settings, count: int, say: Callable[[str], None]) -> dict[str, Any]:
    ids = _written(settings, count)
    with program(services.part(settings, "gateway", 0)):
        began = time.monotonic()
        _ready(settings)
        caught_up_s = time.monotonic() - began
        megabytes = _process(settings).memory_info().rss / 1e6
        say(f"{count:,} tasks read in {caught_up_s:.1f} s, then {megabytes:.0f} MB")
        looks = asyncio.run(_looks(settings, ids))
    found = {"api_tasks": count, "api_caught_up_s": round(caught_up_s, 1), "api_memory_mb": round(megabytes)}
    for name, took in looks.items():
        say(f"{name}: p50 {quantile(took, 0.5):.1f} ms, p99 {quantile(took, 0.99):.1f} ms")
        found |= _shares(name, took)
    return found


def _written(settings: Settings, count: int) -> list[str]:
    """The events of so many tasks that went well, as the line leaves them; the tasks' ids."""
    producer: Producer = kafka.producer(settings, queue_buffering_max_messages=1_000_000, enable_idempotence=False)
    made = [(topic, event, examples(folder, 1)[0]) for topic, folder, event in _EVENTS]
    now, ids = time.time_ns() // 1000, []
    for number in range(count):
        task_id = str(uuid.uuid4())
        ids.append(task_id)
        own = {"task_id": task_id, "session_id": f"s{number % 5000}", "tenant_id": f"tenant-{number % 7}"}
        for topic, event, example in made:
            fields = {**example, **own, "event_id": f"{task_id}/{event}"}
            if event == "TaskSubmitted":
                fields |= {"text": f"{TEXT} needle {number}", "submitted_at": now + number}
            producer.produce(topic, encode(event, fields), own["session_id"])
        producer.poll(0)
    producer.flush(60)
    return ids


async def _looks(settings: Settings, ids: list[str]) -> dict[str, list[float]]:
    """How long each kind of look takes [ms], one after the other."""
    took: dict[str, list[float]] = {name: [] for name in _LOOKED}
    async with _client(settings) as client:
        chosen = itertools.cycle(ids[:: max(1, len(ids) // LOOKS)])
        for _ in range(LOOKS):
            for name, path in _LOOKED.items():
                began = time.perf_counter()
                async with client.get(path.format(task_id=next(chosen))) as answer:
                    await answer.read()
                    if answer.status != 200:
                        raise RuntimeError(f"{path}: {answer.status}")
                took[name].append((time.perf_counter() - began) * 1000)
    return took


def _ready(settings: Settings) -> None:
    if not until(partial(_caught_up, settings), _LIMIT_S):
        raise RuntimeError(f"the gateway had not read what is on the topics after {_LIMIT_S:.0f} s")


def _caught_up(settings: Settings) -> bool:
    with urlopen(f"http://127.0.0.1:{settings.gateway_port}/healthz", timeout=5) as answer:
        return bool(json.load(answer)["state"] == "ready")


# --- the gateway


def _with_gateway(settings: Settings) -> Settings:
    return dataclasses.replace(settings, gateway_port=GATEWAY_PORT, gateway_requests_per_s=2 * RATE)


def _peer(settings: Settings) -> Part:
    port = settings.gateway_port + 1
    return Part(
        name="api_peer",
        command=(sys.executable, "-m", "lab.bench.api_peer", settings.bootstrap, str(port)),
        probe=partial(http_answers, "127.0.0.1", port, "/healthz"),
        stop_s=5.0,
        env={},
    )


def _process(settings: Settings) -> psutil.Process:
    """Ours: others may run one here too."""
    listening = [c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    return next(psutil.Process(c.pid) for c in listening if c.laddr[1:] == (settings.gateway_port,))


def _client(settings: Settings) -> aiohttp.ClientSession:
    token = (settings.state / "token").read_text(encoding="utf-8").strip()
    return aiohttp.ClientSession(
        f"http://127.0.0.1:{settings.gateway_port}", headers={"Authorization": f"Bearer {token}"}
    )


def _held(p99_ms: float) -> str:
    return "within what is allowed" if p99_ms <= ACCEPTED_BAR_MS else "which is more than is allowed"


def section(found: dict[str, Any]) -> str:
    f = found
    return (
        f"Tasks handed in by HTTP at {RATE:.0f}/s with nobody working on them, broker, gateway and client on the same "
        f"two cores, timed from when each was due to the answer, which comes when Kafka has the task on every copy "
        f"(acks=all): p50 {f['api_accepted_p50_ms']} ms, p99 **{f['api_accepted_p99_ms']} ms** "
        f"({ACCEPTED_BAR_MS:.0f} are allowed), {f['api_requests']:,} requests after {_WARM_UP:,} of warm-up a round, "
        f"all accepted. By turns with it in the same run, a bare aiohttp handler that "
        f"only produces the body with acks=all, and checks and keeps nothing (`lab/bench/api_peer.py`): p50 "
        f"{f['api_handler_p50_ms']} ms, p99 {f['api_handler_p99_ms']} ms; and a bare confluent producer that flushes "
        f"after each message: p50 {f['api_bare_p50_ms']} ms, p99 {f['api_bare_p99_ms']} ms. "
        f"The machine's load average was {f['api_load']} by then. While the "
        f"whole line works on the tasks on these two cores: p50 {f['api_working_p50_ms']} ms, p99 "
        f"**{f['api_working_p99_ms']} ms**, {_held(f['api_working_p99_ms'])}.\n\n"
        f"With {f['api_tasks']:,} tasks of {len(_EVENTS)} events each on the topics, the gateway knew all of them "
        f"{f['api_caught_up_s']} s after it began to listen, in {f['api_memory_mb']} MB. One task with its timeline: "
        f"p99 **{f['api_one_p99_ms']} ms** ({ONE_BAR_MS:.0f} are allowed). The newest page: p99 "
        f"{f['api_newest_p99_ms']} ms; a search that finds one task: p99 {f['api_rare_p99_ms']} ms; one that finds "
        f"none and looks at all: p99 **{f['api_none_p99_ms']} ms** ({LIST_BAR_MS:.0f} are allowed)."
    )
