"""Routing that learns, among 200 agents: how long a decision takes, and what it costs the line in throughput."""

import dataclasses
import json
import random
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

from infra import agent_file, embedding, kafka, models
from infra.folders import load as load_files
from infra.settings import ROUTING_LEARNED, ROUTING_RULES, Settings
from infra.stack import broker
from lab.bench.figures import quantile, spread
from lab.bench.load import Load
from lab.bench.places import bench_settings
from lab.bench.program import program
from lab.own_line import OwnLine, running
from processors.admission import Limits
from processors.learning.hybrid import Asked, Hybrid
from processors.learning.learned import Learned, made
from processors.routing import Index
from schemas.codec import decode_as, encode
from schemas.events import PoolStatus, TaskSubmitted, TrainingSample

AGENTS, SAMPLES, DECISIONS, WARM_UP = 200, 5_000, 5_000, 200
ROUNDS, TASKS, TASKS_BEFORE = 3, 4_000, 1_000
P50_BAR_MS, P99_BAR_MS, THROUGHPUT_BAR = 1.0, 5.0, 0.8
PATIENCE_S = 120.0
WORK = {
    "code_generation": "Write a function that parses a line of CSV",
    "code_review": "Review this change of the login module",
    "test_run": "Run the tests of the parser",
    "documentation": "Document the public interface of the parser",
    "research": "Compare three message brokers for our orders",
    "light": "Summarise this note in a sentence",
    "translation": "Translate the release notes into Japanese",
    "planning": "Plan the migration of the billing service",
}
_WORDS = """
    retry timeout payment invoice cursor cache queue session voucher ledger order stock index mail calendar map image
    video audio chart form login password token cookie header proxy router packet socket thread lock heap stack graph
    tree table column row view trigger cluster shard replica backup archive export import filter sort search page
"""
_DETAILS = _WORDS.split()
_FILE = """---
description: Does {skill} for {detail} and {other}.
role: standard
capabilities: [{skill}]
perspectives: []
keywords: [{detail}, {other}, {skill}]
runner: simulated
instances: 8
max_tokens: 16
---
You do nothing.
"""


def measure(folder: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """One broker for all; the line on it is started anew for each round, by the rules and with the model by turns."""
    shutil.rmtree(folder / "routing", ignore_errors=True)
    _write_agents(folder / "routing" / "agents")
    shared = bench_settings(folder / "routing" / "broker", agents_dir=str(folder / "routing" / "agents"), scorers=0)
    settings = dataclasses.replace(
        shared, state_dir=str(folder / "routing" / "line"), kafka_bootstrap=shared.bootstrap, explore=0.0
    )
    with program(broker.prepare(shared)):
        with running(settings) as line:
            found: dict[str, Any] = {"model": _learn(line, SAMPLES // 4 if quick else SAMPLES), "agents": AGENTS}
            say(f"{found['model']['kind']} trained in {found['model']['seconds']:.0f} s")
            routed = models.champion(models.all_models(settings))
        assert routed is not None
        for name, scorer in (("learned", True), ("rules", False)):
            took = _decisions_ms(settings, routed if scorer else None, DECISIONS // 10 if quick else DECISIONS)
            found[f"{name}_p50_ms"], found[f"{name}_p99_ms"] = quantile(took, 0.5), quantile(took, 0.99)
            say(f"{name}: p50 {found[f'{name}_p50_ms']:.2f} ms, p99 {found[f'{name}_p99_ms']:.2f} ms")
        found |= {"rules_tasks_per_s": [], "learned_tasks_per_s": []}
        for number in range(1 if quick else ROUNDS):
            for name in ("rules", "learned")[:: 1 if number % 2 else -1]:
                routing = ROUTING_LEARNED if name == "learned" else ROUTING_RULES
                rate = _throughput(dataclasses.replace(settings, routing=routing), TASKS // 4 if quick else TASKS)
                found[f"{name}_tasks_per_s"].append(rate)
                say(f"{name}: {rate:,.0f} tasks/s")
    return found


def section(found: dict[str, Any]) -> str:
    share = median(found["learned_tasks_per_s"]) / median(found["rules_tasks_per_s"])
    model = found["model"]
    lines = [
        f"A decision among {found['agents']} agents, with features, embedding and the model's opinion of every agent: "
        f"p50 **{found['learned_p50_ms']:.2f} ms** (at most {P50_BAR_MS:.0f} is asked for), p99 "
        f"**{found['learned_p99_ms']:.2f} ms** (at most {P99_BAR_MS:.0f}), on one core; each text is another, none is "
        f"known by heart. The line does **{share:.0%}** of the tasks a second that it does by the rules alone (at "
        f"least {THROUGHPUT_BAR:.0%} is asked for). The model: `{model['kind']}`, {model['weights_bytes'] / 1000:.0f} "
        f"KB, trained in {model['seconds']:.0f} s from {model['samples']:,} samples.",
        "",
        "| what | rules alone | with the model |",
        "|---|--:|--:|",
        f"| decision, p50 (ms) | {found['rules_p50_ms']:.2f} | {found['learned_p50_ms']:.2f} |",
        f"| decision, p99 (ms) | {found['rules_p99_ms']:.2f} | {found['learned_p99_ms']:.2f} |",
        f"| tasks a second, submitted → outcome | {spread(found['rules_tasks_per_s'])} "
        f"| {spread(found['learned_tasks_per_s'])} |",
    ]
    return "\n".join(lines)


# --- the world


def _write_agents(folder: Path) -> None:
    folder.mkdir(parents=True)
    for number in range(AGENTS):
        skill = list(WORK)[number % len(WORK)]
        detail, other = (_DETAILS[(number * step) % len(_DETAILS)] for step in (3, 5))
        text = _FILE.format(skill=skill, detail=detail, other=other)
        (folder / f"worker-{number:03}.md").write_text(text, encoding="utf-8")


def _texts(seed: int) -> Iterator[tuple[str, str]]:
    """Kinds of work with texts, none twice."""
    chance = random.Random(seed)
    while True:
        skill = chance.choice(list(WORK))
        details = " ".join(chance.choices(_DETAILS, k=4))
        yield skill, f"{WORK[skill]}: {details} {chance.randrange(10**9)}"


def _learn(line: OwnLine, count: int) -> dict[str, Any]:
    """Samples of agents that are better or worse, and the model that comes of them, put to use."""
    producer = kafka.producer(line.settings)
    chance, texts = random.Random(7), _texts(7)
    for number in range(count):
        skill, text = next(texts)
        agent = chance.choice(range(list(WORK).index(skill), AGENTS, len(WORK)))
        sample = _sample(f"s-{number}", text, skill, f"worker-{agent:03}", float(chance.random() < 0.4 + agent / 400))
        producer.produce("training.samples", encode("TrainingSample", sample), sample["task_id"])
        producer.poll(0)
    producer.flush(30)
    told: dict[str, Any] = json.loads(_done(line, "train", "--seed", "7", "--json"))
    if told["status"] != "promoted":
        _done(line, "models", "promote", told["name"], "--force", "--reason", "for the benchmark")
    return {name: told[name] for name in ("name", "kind", "samples", "weights_bytes", "seconds")}


def _sample(task_id: str, text: str, skill: str, agent_id: str, label: float) -> TrainingSample:
    return {
        "event_id": f"{task_id}/sample/0",
        "task_id": task_id,
        "session_id": "bench",
        "tenant_id": "bench",
        "revision": 0,
        "at": 0,
        "text": text,
        "skill": skill,
        "agent_id": agent_id,
        "model": None,
        "priority": 5,
        "item_count": 0,
        "decided": {
            "router": "rules/2",
            "propensity": len(WORK) / AGENTS,
            "scorer": None,
            "expected": None,
            "complexity": 0.2,
            "past_success_rate": 0.8,
            "recent_task_count": 0,
            "avg_task_duration_ms": 0.0,
        },
        "status": "completed",
        "quality": None,
        "feedback": None,
        "score": None,
        "label": label,
        "cost_usd_micros": 0,
        "wait_ms": 0,
        "duration_ms": 1,
        "submitted_at": 0,
        "finished_at": 0,
    }


def _done(line: OwnLine, *words: str) -> str:
    done = line.headway(*words, timeout_s=600.0)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


# --- what is measured


def _decisions_ms(settings: Settings, used: Any, count: int) -> list[float]:
    """In this process, as the router makes them."""
    agents = load_files(agent_file.FORM, Path(settings.agents_dir))
    index = Index(agents, Limits())
    pools = {name: _status(name, place) for place, name in enumerate(index.ids)}
    scorer = None
    if used is not None:
        embedder = embedding.load(settings.embedder)
        model = made(used, *models.from_bytes(used["weights"]), embedder.name)
        descriptions = [agent["description"] for agent in index.definitions]
        scorer = Learned(model, embedder.embed, index.definitions, embedder.embed(descriptions))
    hybrid, texts, took = Hybrid(index, scorer), _texts(11), []
    for number in range(WARM_UP + count):
        task = _task(f"d-{number}", next(texts)[1])
        began = time.perf_counter()
        (choice,) = hybrid.route([Asked(task)], pools)
        took.append((time.perf_counter() - began) * 1000)
        assert choice.agent_id is not None
    return took[WARM_UP:]


def _task(task_id: str, text: str) -> TaskSubmitted:
    who = {"task_id": task_id, "session_id": "bench", "tenant_id": "bench"}
    task: TaskSubmitted = decode_as("TaskSubmitted", encode("TaskSubmitted", {**who, "text": text, "submitted_at": 0}))
    return task


def _status(agent_id: str, place: int) -> PoolStatus:
    return {
        "event_id": f"{agent_id}/0",
        "pool": agent_id,
        "agent_id": agent_id,
        "at": 0,
        "waiting": place % 3,
        "waiting_max": 1000,
        "running": place % 10,
        "slots": 10,
        "instances": 2,
        "oldest_wait_ms": 0,
        "completed": 100 + place,
        "failed": place % 7,
        "mean_response_ms": 1000.0 + place,
        "error_rate": 0.02,
        "load_score": float(place % 40),
        "ill": [],
        "silent_since_at": None,
    }


def _throughput(settings: Settings, count: int) -> float:
    with running(settings):
        load = Load(settings)
        texts = _texts(13)
        try:
            _tasks_per_s(load, texts, min(count, TASKS_BEFORE))
            return _tasks_per_s(load, texts, count)
        finally:
            load.close()


def _tasks_per_s(load: Load, texts: Iterator[tuple[str, str]], count: int) -> float:
    began = time.monotonic()
    wanted = {load.submit(text=next(texts)[1]) for _ in range(count)}
    load.flush()
    while wanted and time.monotonic() < began + PATIENCE_S:
        wanted -= {outcome["task_id"] for outcome in load.outcomes(0.005)}
    if wanted:
        raise RuntimeError(f"{len(wanted)} of {count} tasks had no outcome within {PATIENCE_S:.0f} s")
    return count / (time.monotonic() - began)
