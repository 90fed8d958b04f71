"""Learned models for tests of what is made of them: their opinions are given, nothing was trained."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra import models
from processors.learning.learned import Opinion
from processors.learning.model import FEATURES, Options, Prediction, Tasks
from processors.reading import Places
from processors.standing import Standing
from schemas.events import RoutingModel, TaskSubmitted


class Says:
    """A scorer with one opinion on every task: the quality of each agent, in the order of their ids."""

    name = "says-1"

    def __init__(self, *quality: float, known: float = 1.0, abstains: bool = False) -> None:
        self.opinion = Opinion(np.array(quality, np.float64), known, abstains)

    def ask(self, tasks: Sequence[TaskSubmitted], standing: Standing, places: Places | None) -> list[Opinion]:
        if places is None:
            return [self.opinion] * len(tasks)
        quality = np.full(len(self.opinion.quality), np.nan)
        quality[places] = self.opinion.quality[places]
        return [self.opinion._replace(quality=quality)] * len(tasks)


class Silent:
    name = "silent-1"

    def ask(self, tasks: Sequence[TaskSubmitted], standing: Standing, places: Places | None) -> str:
        return "silent-1 is out of service: 70 ms for an opinion"


class ByFirstWord:
    """An embedder: texts with the same first word are alike, others are not."""

    name = "first-word/1"
    size = 16

    def __init__(self) -> None:
        self.texts: list[str] = []

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.texts += texts
        rows = np.zeros((len(texts), self.size), np.float32)
        for row, text in enumerate(texts):
            first = text.split()[:1]
            rows[row, sum(first[0].lower().encode()) % self.size if first else 0] = bool(first)
        return rows


class Alike:
    """A model: an agent succeeds as far as its description is like the task; by id where that is said."""

    kind = "alike"

    def __init__(self, own: Mapping[str, float] | None = None) -> None:
        self.own = own or {}

    def predict(self, tasks: Tasks, options: Options) -> Prediction:
        quality = 0.2 + 0.6 * np.clip(tasks.vectors @ options.vectors.T, 0, 1)
        for place, name in enumerate(options.ids):
            if name in self.own:
                quality[:, place] = self.own[name]
        count = len(tasks.vectors)
        return Prediction(quality.astype(np.float32), np.ones(count, np.float32), np.zeros(count, np.bool_))

    def arrays(self) -> dict[str, NDArray[np.float32]]:
        return {}


def promoted_record(name: str = "mlp-1", at: int = 1, **over: Any) -> RoutingModel:
    """The record of a model in use, made with `ByFirstWord`; its weights are readable and stand for nothing."""
    weights = models.to_bytes({"x": np.zeros(1, np.float32)}, {})
    return {  # type: ignore[return-value]
        **models.rules_alone(at),
        "name": name,
        "kind": "alike",
        "status": "promoted",
        "promoted_at": at,
        "weights": weights,
        "weights_hash": models.hash_of(weights),
        "embedder": ByFirstWord.name,
        "features": FEATURES,
    } | over
