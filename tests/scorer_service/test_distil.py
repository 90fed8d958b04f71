"""How the static table is made: definitions read, token vectors fitted, packed small."""

import numpy as np
from safetensors.numpy import load

from infra.embedding.reading import Reader
from scorer_service.distil import bags, definitions, fit, packed

LICENCE = "  1 This software and database is being provided to you\n"
NOUN = "13097752 20 n 02 heartwood 0 tree_heart(a) 0 001 @ 15098161 n 0000 | the older central wood; usually darker  \n"


def test_definitions_are_words_with_what_they_mean(tmp_path):
    for part in ("noun", "verb", "adj", "adv"):
        (tmp_path / f"data.{part}").write_text(LICENCE + (NOUN if part == "noun" else ""), encoding="utf-8")
    assert list(definitions(tmp_path)) == ["heartwood, tree heart: the older central wood; usually darker"]


def world() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """60 tokens, of which the first says nothing and stands in every text; texts mean the sum of their other tokens."""
    numbers = np.random.default_rng(0)
    meaning = numbers.normal(size=(60, 12))
    meaning[0] = 0
    has = (numbers.random((400, 60)) < 0.1).astype(float)
    has[:, 0] = 1
    wanted = has @ meaning
    return meaning + numbers.normal(size=meaning.shape), has, wanted / np.linalg.norm(wanted, axis=1, keepdims=True)


def test_fitted_tokens_add_up_to_what_the_model_says_of_texts():
    alone, has, wanted = world()
    words = [f"t{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(60)]
    texts = bags(Reader(words), [" ".join(np.array(words)[row > 0]) for row in has], 60)
    assert np.array_equal(texts.toarray(), has)
    tokens = fit(alone, texts, wanted, size=12)
    assert tokens.shape == (60, 12)

    def likeness(rows: np.ndarray) -> float:
        sums = has @ rows
        sums /= np.linalg.norm(sums, axis=1, keepdims=True)
        return float(np.corrcoef((sums @ sums.T).ravel(), (wanted @ wanted.T).ravel())[0, 1])

    assert likeness(tokens) > likeness(alone) + 0.1
    assert np.linalg.norm(tokens[0]) < np.linalg.norm(tokens[1:], axis=1).mean() / 2  # what is everywhere says little
    assert np.array_equal(tokens, fit(alone, texts, wanted, size=12))


def test_the_packed_table_gives_back_each_row_to_a_hundredth():
    rows = np.random.default_rng(0).normal(size=(5, 16)) * np.array([[1], [0.1], [3], [0.01], [0]])
    table = load(packed(["a", "##b", "é", "漢", "[UNK]"], rows))
    assert table["vocabulary"].tobytes().decode().split("\n") == ["a", "##b", "é", "漢", "[UNK]"]
    got = table["rows"] * table["scales"].astype(float)[:, None]
    unit = np.abs(rows).max() / 127
    assert (np.abs(got * unit - rows).max(axis=1) <= 0.01 * np.abs(rows).max(axis=1)).all()
