"""The table of token vectors: a text is the sum of its different tokens, in microseconds and the same on every machine.

`scorer_service/distil.py` makes the table, README.md beside it says from what. Other bytes are another space: whoever
makes the table anew counts NAME up.
"""

from collections.abc import Sequence
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load

from infra.embedding.reading import Reader

NAME = "static/1"
TABLE = "static.safetensors"


class Static:
    """Embeds with the committed table.

    Each text by itself and by numpy's own sums, never by a product of matrices, whose last bits depend on how many
    texts there are and on the machine.
    """

    name = NAME

    def __init__(self) -> None:
        table = load((files("infra.embedding") / TABLE).read_bytes())
        self._reader = Reader(table["vocabulary"].tobytes().decode().split("\n"))
        self._rows: NDArray[np.int8] = table["rows"]  # (tokens, size), whole numbers so that the file stays small ...
        self._scales: NDArray[np.float32] = table["scales"].astype(np.float32)[:, None]  # ... times a scale a row
        self.size = self._rows.shape[1]

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        found = np.zeros((len(texts), self.size), np.float32)
        for row, text in zip(found, texts, strict=True):
            self._embed(text, row)
        return found

    def _embed(self, text: str, row: NDArray[np.float32]) -> None:
        tokens = np.array(self._reader.read(text), np.intp)
        np.add.reduce(self._rows[tokens] * self._scales[tokens], axis=0, out=row)
        length = np.sqrt(np.add.reduce(np.square(row, dtype=np.float64)))
        if length > 0:
            row /= np.float32(length)
