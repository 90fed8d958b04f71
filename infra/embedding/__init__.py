"""Texts as vectors: what stands near in meaning stands near in space.

What learns compares tasks by these vectors, and finds agents and skills by their descriptions. Two ways to make them:
`static`, a committed table of token vectors that needs numpy alone, and `minilm`, the model it was distilled from.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from infra.settings import EMBEDDERS


class Embedder(Protocol):
    name: str
    """Of the very vectors: another name is another space, and a model made in one says nothing in the other."""
    size: int

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """A row a text, of length 1; all zero for a text of which no token is known."""
        ...


def _static() -> Embedder:
    from infra.embedding.static import Static

    return Static()


def _minilm() -> Embedder:
    try:
        from infra.embedding.minilm import MiniLM
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the embedder minilm needs {error.name}: install headway[scorer], or use the embedder static"
        ) from error
    return MiniLM()


_MAKERS: dict[str, Callable[[], Embedder]] = {"static": _static, "minilm": _minilm}


@lru_cache(maxsize=len(EMBEDDERS))
def load(name: str) -> Embedder:
    """The embedder of the setting `embedder`, made once a process; nothing of the other one is imported."""
    if name not in _MAKERS:
        raise ValueError(f"there is no embedder {name!r}; there are {' and '.join(EMBEDDERS)}")
    return _MAKERS[name]()
