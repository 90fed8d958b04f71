"""Makes the table of the static embedding from MiniLM: `python -m scorer_service.distil --wordnet FOLDER`.

A token's own vector, the model's for the token alone, knows nothing of how tokens make up a text together. So the
table is fitted to what the model says of texts: the definitions of WordNet (Debian's package `wordnet-base`), which
are short, general and free. First one linear map for all tokens, which carries the rare ones, then a correction for
each token as far as the texts have it. How little a common word says is learned by this too: weights by frequency,
which a table of lone tokens needs, made it worse. Run again only to change the table; the line reads the committed one.
"""

import argparse
import hashlib
import random
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sparse  # type: ignore[import-untyped]
import torch
from numpy.typing import NDArray
from safetensors.numpy import save

import infra.embedding
from infra.embedding.minilm import END, START, MiniLM
from infra.embedding.reading import Reader
from infra.embedding.static import NAME, TABLE

Floats = NDArray[np.float64]
"""Double precision, so that the last bits, which depend on the machine, are gone after rounding."""

SIZE = 256
TEXTS, SEED = 20_000, 0
"""Definitions that are read: with twice as many the table is no better, and MiniLM takes 25 ms for each."""
MAP_RIDGE = 1e-2
"""How much the one map for all tokens is held back, as a share of what the texts weigh."""
OWN_RIDGE = 30.0
"""How much a token's own correction is held back: as by thirty texts that say it needs none."""
FITS, STEPS = 2, 5
"""Rounds of fitting, each with the texts' lengths of the last, and steps of the solver in each."""
SPREAD = 0.5
"""Each axis is divided by its strength to this power. The strongest ones, which tell a question from a definition,
would else drown what it is about; at 1 the noise of the weakest would."""

_SPECIAL = re.compile(r"\[(?!UNK).+\]")
"""Tokens that are in no text: marks of the model's, and places that its makers left free."""


def definitions(wordnet: Path) -> Iterator[str]:
    """Each meaning of WordNet as `word, word: what it is`."""
    for part in ("noun", "verb", "adj", "adv"):
        for line in (wordnet / f"data.{part}").read_text(encoding="utf-8").splitlines():
            if line.startswith(" "):  # the licence
                continue
            head, _, meaning = line.partition("|")
            fields = head.split()
            words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
            names = ", ".join(re.sub(r"\(\w+\)$", "", word).replace("_", " ") for word in words)
            yield f"{names}: {meaning.strip()}"


def token_vectors(model: MiniLM, tokens: Sequence[int]) -> Floats:
    """What the model says of each token alone."""
    alone = [[START, token, END] for token in tokens]
    batches = [model.embed_tokens(alone[at : at + 1024]) for at in range(0, len(alone), 1024)]
    return np.concatenate(batches).astype(float)


def bags(reader: Reader, texts: Sequence[str], tokens: int) -> sparse.csr_array:
    """Which tokens each text has: (texts, tokens), 1 or 0."""
    found = [reader.read(text) for text in texts]
    ends = np.cumsum([0, *map(len, found)])
    columns = np.concatenate([np.array(each, np.int64) for each in found])
    return sparse.csr_array((np.ones(len(columns)), columns, ends), shape=(len(texts), tokens))


def fit(alone: Floats, texts: sparse.csr_array, wanted: Floats, size: int = SIZE) -> Floats:
    """Token vectors (tokens, size) whose sums point where the model puts the texts."""
    _, axes = np.linalg.eigh(wanted.T @ wanted)
    wanted = _unit(wanted @ axes[:, ::-1][:, :size])
    rows = alone - alone.mean(axis=0)
    sums = _unit(texts @ rows)
    weight = sums.T @ sums + MAP_RIDGE * len(wanted) / len(sums.T) * np.eye(len(sums.T))
    mapped: Floats = rows @ np.linalg.solve(weight, sums.T @ wanted)
    mapped /= np.linalg.norm(texts @ mapped, axis=1).mean()  # so that a text weighs about 1 where ridges are compared
    fitted = mapped
    for _ in range(FITS):
        lengths = np.linalg.norm(texts @ fitted, axis=1)
        fitted = _corrected(mapped, fitted, (sparse.diags_array(1 / np.maximum(lengths, 1e-6)) @ texts).tocsr(), wanted)
    return _spread(fitted, _unit(texts @ fitted))


def _corrected(mapped: Floats, start: Floats, texts: sparse.csr_array, wanted: Floats) -> Floats:
    """Ridge regression of the texts on their tokens, held near `mapped`, by conjugate gradients from `start`.

    Steps are scaled by how often a token stands there (a Jacobi preconditioner): without, the common ones take
    all the steps, and the last bits of the input grow to differences that one can see.
    """
    back = texts.T.tocsr()
    scale: Floats = 1 / (back.power(2).sum(axis=1) + OWN_RIDGE)[:, None]
    change: Floats = start - mapped
    rest: Floats = back @ (wanted - texts @ start) - OWN_RIDGE * change
    step = scale * rest
    size = (rest * step).sum(axis=0)
    for _ in range(STEPS):
        slope = back @ (texts @ step) + OWN_RIDGE * step
        far = size / np.maximum((step * slope).sum(axis=0), 1e-12)
        change, rest = change + far * step, rest - far * slope
        scaled = scale * rest
        before, size = size, (rest * scaled).sum(axis=0)
        step = scaled + size / np.maximum(before, 1e-12) * step
    return mapped + change


def _spread(rows: Floats, sums: Floats) -> Floats:
    """The rows on the axes of the sums, each divided by its strength; signs so that the same data gives the same."""
    strengths, axes = np.linalg.eigh(sums.T @ sums)
    strengths = np.maximum(strengths, strengths[-1] * 1e-4)
    turned: Floats = rows @ (axes * strengths ** (-SPREAD / 2))[:, ::-1]
    furthest = turned[np.abs(turned).argmax(axis=0), np.arange(turned.shape[1])]
    turned *= np.sign(furthest)
    return turned


def packed(vocabulary: Sequence[str], rows: Floats) -> bytes:
    """The file of the table: whole numbers from -127 to 127 with a scale a row, and the tokens.

    The scales are shares of the largest, for a text's vector is made one long and their unit means nothing.
    """
    strongest = np.abs(rows).max(axis=1)
    scales = (strongest / strongest.max()).astype(np.float16)
    whole = np.rint(127 * rows / strongest.max() / np.maximum(scales, 1e-4)[:, None])
    arrays = {
        "rows": np.clip(whole, -127, 127).astype(np.int8),
        "scales": scales,
        "vocabulary": np.frombuffer("\n".join(vocabulary).encode(), np.uint8),
    }
    return save(arrays)


def _unit(rows: Floats) -> Floats:
    lengths: Floats = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(lengths, 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m scorer_service.distil", description=__doc__)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="folder with data.noun, ...")
    parser.add_argument("--out", type=Path, default=Path(infra.embedding.__file__).parent / TABLE)
    options = parser.parse_args()
    if not (options.wordnet / "data.noun").is_file():
        parser.error(f"there is no WordNet in {options.wordnet}: install Debian's wordnet-base, or name its folder")

    torch.set_num_threads(1)  # several add up in an order of their own
    model = MiniLM()
    known = [(number, token) for number, token in enumerate(model.vocabulary()) if not _SPECIAL.fullmatch(token)]
    vocabulary = [token for _, token in known]
    alone = token_vectors(model, [number for number, _ in known])
    texts = random.Random(SEED).sample(list(definitions(options.wordnet)), TEXTS)
    rows = fit(alone, bags(Reader(vocabulary), texts, len(vocabulary)), model.embed(texts).astype(float))
    rows[vocabulary.index("[UNK]")] = 0.0
    table = packed(vocabulary, rows)
    options.out.write_bytes(table)
    print(f"{options.out}: {len(table):,} bytes, sha256 {hashlib.sha256(table).hexdigest()}")
    print(f"Other bytes than before are another space: count up {NAME} in infra/embedding/static.py, and train anew.")


if __name__ == "__main__":
    main()
