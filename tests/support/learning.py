"""A small world to learn in: agents that are good at one kind of work each, samples of what they did, and a trainer
that needs no torch."""

import random
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra import models
from processors.learning.model import Labelled, Model, Options, Prediction, Tasks
from schemas.codec import encode
from schemas.events import AgentDefinition, RoutingModel, TrainingSample
from tests.support.agents import agent
from tests.support.records import Record

KINDS_OF_WORK = ("alpha", "bravo", "candy", "delta")
AGENTS: dict[str, AgentDefinition] = {f"{word}-agent": agent(f"{word}-agent", word) for word in KINDS_OF_WORK}


def sample(task_id: str, text: str = "alpha work", agent_id: str = "alpha-agent", **over: Any) -> TrainingSample:
    decided = {
        "router": "rules/2",
        "propensity": 1.0,
        "scorer": None,
        "expected": None,
        "complexity": 0.2,
        "past_success_rate": 0.5,
        "recent_task_count": 10,
        "avg_task_duration_ms": 2000.0,
    }
    decided |= {name: over.pop(name) for name in list(over) if name in decided}
    return {  # type: ignore[return-value]
        "event_id": f"{task_id}/sample/{over.get('revision', 0)}",
        "task_id": task_id,
        "session_id": "s",
        "tenant_id": "default",
        "revision": 0,
        "at": 0,
        "text": text,
        "skill": "general",
        "agent_id": agent_id,
        "model": None,
        "priority": 5,
        "item_count": 0,
        "decided": decided,
        "status": "completed",
        "quality": None,
        "feedback": None,
        "score": None,
        "label": 1.0,
        "cost_usd_micros": 0,
        "wait_ms": 0,
        "duration_ms": 0,
        "submitted_at": 0,
        "finished_at": 0,
    } | over


def history(count: int, seed: int = 0, good: float = 0.95, bad: float = 0.3, **over: Any) -> list[TrainingSample]:
    """Tasks of four kinds given to agents by chance; an agent is `good` at its own kind and `bad` at the others."""
    chance = random.Random(seed)
    found = []
    for i in range(count):
        word, name = chance.choice(KINDS_OF_WORK), chance.choice(list(AGENTS))
        succeeds = chance.random() < (good if name.startswith(word) else bad)
        text = f"{word} work number {chance.randrange(10**6)}"
        found.append(sample(f"t-{seed}-{i}", text, name, label=float(succeeds), propensity=0.25, **over))
    return found


def records(samples: Sequence[TrainingSample], partitions: int = 1) -> list[Record]:
    """As a consumer hands them out, one partition after the other."""
    by: dict[int, list[Record]] = {}
    for one in samples:
        some = by.setdefault(sum(one["task_id"].encode()) % partitions, [])
        value = encode("TrainingSample", one)
        some.append(Record("training.samples", len(by) - 1, len(some), value, one["task_id"].encode()))
    return [record for _, some in sorted(by.items()) for record in some]


class Words:
    """An embedder: a text is the kind of work that its first word names."""

    name = "words/1"
    size = len(KINDS_OF_WORK) + 1

    def __init__(self) -> None:
        self.batches: list[int] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(len(texts))
        rows = np.zeros((len(texts), self.size), np.float32)
        for row, text in enumerate(texts):
            first = text[:5]
            rows[row, KINDS_OF_WORK.index(first) if first in KINDS_OF_WORK else -1] = 1
        return rows


class Table:
    """A model: the rate of success by kind of work and agent."""

    kind = "table"

    def __init__(self, quality: NDArray[np.float32]) -> None:
        self.quality = quality

    def predict(self, tasks: Tasks, options: Options) -> Prediction:
        rows = self.quality[tasks.vectors.argmax(1)]
        return Prediction(rows, np.ones(len(rows), np.float32), np.zeros(len(rows), np.bool_))

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {"quality": self.quality}


class Tables:
    """A trainer. `guess` makes models that have learned nothing."""

    kinds = ("table", "guess")

    def train(self, kind: str, data: Labelled, seed: int) -> Model:
        shape = (data.tasks.vectors.shape[1], len(data.options.ids))
        if kind == "guess":
            return Table(np.random.default_rng(seed).random(shape).astype(np.float32))
        sums, counts = np.full(shape, 0.5), np.ones(shape)
        place = (data.tasks.vectors[data.task].argmax(1), data.option)
        np.add.at(sums, place, data.label)
        np.add.at(counts, place, 1)
        return Table((sums / counts).astype(np.float32))

    def restore(self, kind: str, arrays: Mapping[str, NDArray[Any]]) -> Model:
        return Table(arrays["quality"])


def model(name: str, **over: Any) -> RoutingModel:
    """One that can be written and read."""
    weights = over.pop("weights", None) or models.to_bytes({"w": np.arange(4, dtype=np.float16)}, {"kind": "table"})
    found: Any = models.rules_alone(over.get("created_at", 0)) | {
        "name": name,
        "kind": "table",
        "weights": weights,
        "weights_hash": models.hash_of(weights),
        "by": "scorer",
        "embedder": "words/1",
        "features": "features/1",
        "samples": 1000,
    }
    return found | over  # type: ignore[no-any-return]
