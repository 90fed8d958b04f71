"""A learned model beside the agents of a registry: what it says of a task, as the hybrid router asks it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from processors.features import ends
from processors.learning.blend import restore
from processors.learning.drift import NAMES, Inputs, Reference
from processors.learning.kin import SHARPNESS
from processors.learning.model import FEATURES, BadModel, Model, Options, Tasks, task_features
from processors.reading import Places
from processors.standing import Floats, Standing
from schemas.events import AgentDefinition, RoutingModel, TaskSubmitted

INPUTS = "inputs"
"""Under which name a model's notes tell how its training data were spread (`Reference.told`)."""
TEXTS_KEPT = 1024
"""Texts of which the vector is remembered: programs hand the same text in again and again."""
GROUPS_KEPT = 64
"""Sets of agents that it is asked about: those of a kind of work are one each."""

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]


class Opinion(NamedTuple):
    """What a model says of a task."""

    quality: Floats
    """What it expects of each agent of the index; NaN of one about whom it was not asked."""
    known: float
    """How like its training data the task is: the share of these that were no more like the others."""
    abstains: bool
    like: Floats | None = None
    """How much more like the task each agent's description is than those of others: 1 is as much. None: not looked."""


class Scorer(Protocol):
    """A learned model that can be asked. In place of an opinion it may say in words why it has none."""

    @property
    def name(self) -> str: ...

    def ask(self, tasks: Sequence[TaskSubmitted], standing: Standing, places: Places | None) -> Sequence[Opinion] | str:
        """One opinion a task. `places`: the agents about whom it is asked; None: all."""


class Made(NamedTuple):
    """A model as it came, and what goes with it."""

    name: str
    model: Model
    inputs: Inputs | None


def made(record: RoutingModel, arrays: Mapping[str, NDArray[Any]], notes: Mapping[str, Any], embedder: str) -> Made:
    """The model of a record, whose weights hold these arrays and notes. Raises BadModel, also for one that was made
    with another embedder or other features than there are here."""
    if record["embedder"] != embedder:
        raise BadModel(f"it was made with the embedder {record['embedder']}, and here is {embedder}: train anew")
    if record["features"] != FEATURES:
        raise BadModel(f"it was made with {record['features']}, and here is {FEATURES}: train anew")
    reference = Reference.read(notes.get(INPUTS))
    return Made(record["name"], restore(record["kind"], arrays), Inputs(reference) if reference else None)


class Learned:
    """Asked about the agents of one index, in their order."""

    def __init__(self, made: Made, embed: Embed, agents: Sequence[AgentDefinition], vectors: Vectors) -> None:
        """`vectors`: of the agents' descriptions, a row an agent, all zero where there is none."""
        self.name = made.name
        self._inputs = made.inputs
        self._model = made.model
        self._embed = embed
        self._ids = tuple(agent["agent_id"] for agent in agents)
        self._vectors = vectors
        counts = [(len(agent["capabilities"]), len(agent["perspectives"])) for agent in agents]
        self._counts = np.array(counts, np.float32).reshape(-1, 2)
        self._texts: dict[tuple[str, int], tuple[NDArray[np.float32], NDArray[np.float32]]] = {}
        """Vector and features by text and items."""
        self._groups: dict[bytes, tuple[tuple[str, ...], Vectors, Vectors]] = {}

    def ask(
        self, tasks: Sequence[TaskSubmitted], standing: Standing, places: Places | None = None
    ) -> Sequence[Opinion]:
        """Raises ValueError, and whatever else a broken model may."""
        read = self._read(tasks)
        told = self._model.predict(read, self._options(standing, places))
        if self._inputs is not None:
            for features in read.features[:, : len(NAMES)].tolist():
                self._inputs.add(features)
        said, known = np.asarray(told.quality, np.float64), np.asarray(told.known, np.float64)
        count = len(self._ids) if places is None else len(places)
        if said.shape != (len(tasks), count) or not (np.isfinite(said).all() and np.isfinite(known).all()):
            raise ValueError("the model gave no number for some agent")
        quality = np.full((len(tasks), len(self._ids)), np.nan)
        quality[:, slice(None) if places is None else places] = np.clip(said, 0.0, 1.0)
        like = self._like(read.vectors)
        return list(map(Opinion, quality, np.clip(known, 0.0, 1.0).tolist(), told.abstains.tolist(), like))

    def _like(self, texts: Vectors) -> Floats:
        """(tasks, agents)"""
        odds = np.exp(SHARPNESS * (texts @ self._vectors.T).astype(np.float64))
        return np.asarray(odds / np.maximum(odds.sum(1, keepdims=True), 1e-9) * len(self._ids))

    def _options(self, standing: Standing, places: Places | None) -> Options:
        ids, vectors, counts = self._group(places)
        states = np.stack([standing.experience, standing.runs, standing.mean_ms / 1000], 1)
        states = states if places is None else states[places]
        return Options(ids, vectors, np.concatenate([counts, states], 1, dtype=np.float32))

    def _group(self, places: Places | None) -> tuple[tuple[str, ...], Vectors, Vectors]:
        """The same objects for the same agents, by which a model knows what it has worked out before."""
        if places is None:
            return self._ids, self._vectors, self._counts
        found = self._groups.get(key := places.tobytes())
        if found is None:
            if len(self._groups) >= GROUPS_KEPT:
                self._groups.clear()
            ids = tuple(self._ids[place] for place in places)
            found = self._groups[key] = ids, self._vectors[places], self._counts[places]
        return found

    def _read(self, tasks: Sequence[TaskSubmitted]) -> Tasks:
        """As training reads them: of a long text the two ends."""
        keys = [(ends(task["text"]), len(task["items"])) for task in tasks]
        if len(self._texts) >= TEXTS_KEPT:
            self._texts.clear()
        new = [key for key in dict.fromkeys(keys) if key not in self._texts]
        if new:
            vectors = np.asarray(self._embed([text for text, _ in new]), np.float32)
            self._texts.update((key, (vector, task_features(*key))) for key, vector in zip(new, vectors, strict=True))
        read = [self._texts[key] for key in keys]
        return Tasks(np.stack([vector for vector, _ in read]), np.stack([features for _, features in read]))
