"""Vectors of whole tables of texts, kept on disk when they come from a slow embedder."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.embedding import Embedder

FILES_MAX = 16
"""The oldest goes when there are more."""


def vectors(texts: Sequence[str], embedder: Embedder, folder: Path) -> NDArray[np.float32]:
    """A row a text, as the embedder makes them."""
    if embedder.name.startswith("static"):
        return embedder.embed(texts)
    digest = hashlib.sha256("\0".join([embedder.name, *texts]).encode("utf-8", "replace")).hexdigest()
    place = folder / f"{embedder.name.replace('/', '-')}-{digest[:32]}.npy"
    if place.is_file():
        found = np.load(place, allow_pickle=False)
        if found.shape == (len(texts), embedder.size):
            return np.asarray(found, np.float32)
    found = embedder.embed(texts)
    folder.mkdir(parents=True, exist_ok=True)
    for old in sorted(folder.glob("*.npy"), key=lambda one: one.stat().st_mtime)[: 1 - FILES_MAX]:
        old.unlink(missing_ok=True)
    np.save(place, found)
    return found
