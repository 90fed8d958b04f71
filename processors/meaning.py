"""What is near in meaning: named things as vectors of length 1, and which of them a text is like.

Who makes vectors of texts comes in as an argument: infra/embedding has those that do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray


class Embeds(Protocol):
    """Makes texts vectors: a row a text, of length 1, or all zero where nothing of it is known."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


class Near(NamedTuple):
    name: str
    likeness: float
    """Cosine, 0–1; what is opposite counts as 0."""


@dataclass(frozen=True)
class Meanings:
    """Things by name, each with the vector of what is said of it; a zero vector is like nothing."""

    names: Sequence[str]
    vectors: NDArray[np.float32]
    """(n, size)."""

    def near(self, vector: NDArray[np.float32]) -> list[Near]:
        """All of them, the most alike first; of equals by name."""
        if not self.names:
            return []
        likeness = np.clip(np.nan_to_num(self.vectors @ vector), 0.0, 1.0)
        near = (Near(name, round(float(value), 4)) for name, value in zip(self.names, likeness, strict=True))
        return sorted(near, key=lambda one: (-one.likeness, one.name))


class Likeness:
    """Things as vectors, made anew only where what is said of them changed. For one thread at a time."""

    def __init__(self, embedder: Embeds) -> None:
        self._embedder = embedder
        self._vectors: dict[str, NDArray[np.float32]] = {}
        """By text."""

    def vector(self, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = self._embedder.embed([text])[0]
        return vector

    def meanings(self, said: Mapping[str, str]) -> Meanings:
        """Of things by name, each with what is said of it."""
        if new := sorted(set(said.values()) - self._vectors.keys()):
            self._vectors |= zip(new, self._embedder.embed(new), strict=True)
        self._vectors = {text: self._vectors[text] for text in said.values()}
        rows = [self._vectors[text] for text in said.values()]
        return Meanings(tuple(said), np.stack(rows) if rows else np.zeros((0, 0), np.float32))


def said_of_agent(definition: Mapping[str, Any]) -> str:
    """The text that an agent is found by: description, capabilities, keywords."""
    return _joined(definition["description"], definition["capabilities"], definition["keywords"])


def said_of_skill(definition: Mapping[str, Any]) -> str:
    """The text that a skill is found by: name, description, words."""
    return _joined(definition["description"], [definition["skill"]], definition["words"])


def _joined(description: str, names: Sequence[str], words: Sequence[str]) -> str:
    parts = [description, ", ".join(name.replace("_", " ") for name in names), ", ".join(words)]
    return " ".join(part for part in parts if part)
