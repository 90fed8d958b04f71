"""The embedding of the line: a committed table, the same everywhere, safe on any text, and light to load."""

import hashlib
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.embedding import load
from infra.embedding.reading import HEAD_CHARS, TAIL_CHARS, Reader
from infra.embedding.static import NAME, TABLE
from infra.settings import EMBEDDERS, Settings

STATIC = load("static")
SIZE_MAX = 8_000_000

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=300)
"""Also lone surrogates, unassigned signs and what joins to others."""


def near(one: str, other: str) -> float:
    a, b = STATIC.embed([one, other])
    return float(a @ b)


def test_the_name_tells_these_very_bytes():
    """Whoever makes the table anew changes both lines: a model made with the old one must not be used with the new."""
    table = (files("infra.embedding") / TABLE).read_bytes()
    assert NAME == "static/1"
    assert hashlib.sha256(table).hexdigest() == "42b8c6f25bacb4284c739596262238a0cf05ac6862076161bb7249b8c072f845"
    assert len(table) <= SIZE_MAX


def test_the_name_tells_how_texts_are_read():
    """These signs of the first axes change with the reading of texts as with the table: then too the name counts up."""
    rows = STATIC.embed(["Fix the flaky test in the naïve payment module", "翻訳して: 東京の天気 für C++ → 3.14"])
    assert ["".join("+" if value > 0 else "-" for value in row[:32]) for row in rows] == [
        "++-+-----+--+-++--+-+--+++--+++-",
        "+++-+++++-+-+-++++--+++----+--+-",
    ]


@given(st.lists(ANY_TEXT, max_size=5))
def test_a_row_is_as_long_as_one_or_zero_whatever_the_text(texts):
    rows = STATIC.embed(texts)
    assert rows.shape == (len(texts), STATIC.size)
    assert rows.dtype == np.float32
    lengths = np.linalg.norm(rows, axis=1)
    assert all(length == 0 or abs(length - 1) < 1e-5 for length in lengths)


@given(st.lists(ANY_TEXT | st.just("write a test for the parser"), min_size=1, max_size=5))
def test_a_text_has_the_same_bits_alone_and_among_others(texts):
    together = STATIC.embed(texts)
    alone = np.concatenate([STATIC.embed([text]) for text in texts])
    assert together.tobytes() == alone.tobytes()


@pytest.mark.parametrize("text", ["", "   \n\t", "\x00", "\ud800", "x" * 100])
def test_a_text_without_a_known_word_is_all_zero(text):
    assert not STATIC.embed([text]).any()


def test_only_the_ends_of_a_long_text_are_read():
    head, tail = ("summarise this report " * 100)[:HEAD_CHARS], ("in two French sentences " * 100)[-TAIL_CHARS:]
    one, other = STATIC.embed([head + middle + tail for middle in ("zebra " * 200, "quantum " * 2_000_000)])
    assert (one == other).all()
    assert abs(np.linalg.norm(one) - 1) < 1e-5


@pytest.mark.parametrize(
    ("text", "nearer", "farther"),
    [
        ("fix the bug in the login page", "repair a broken sign-in form", "translate this letter into French"),
        ("compare three databases for us", "research which data store suits", "write a birthday poem"),
        ("what is the boiling point of water", "chemistry question about temperature", "unit tests for the parser"),
        ("review this pull request", "check the code changes of a colleague", "cook pasta for six people"),
        ("プログラムのテスト", "テスト", "birthday"),
    ],
)
def test_what_means_the_same_stands_nearer_than_what_does_not(text, nearer, farther):
    assert near(text, nearer) > near(text, farther) + 0.1


def test_case_accents_and_repetition_change_little_or_nothing():
    assert near("Café in ZÜRICH", "cafe in zurich") > 0.999
    assert near("test test test the parser", "test the parser") > 0.999


VOCABULARY = ["un", "##happi", "##ness", "happy", "c", "+", "漢", "字", "##s"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("unhappiness", ["un", "##happi", "##ness"]),
        ("HAPPY!", ["happy"]),
        ("unhappy", []),  # no piece for the rest: half a word means something else
        ("C++", ["c", "+"]),  # each once
        ("漢字", ["漢", "字"]),
        ("un" + "s" * 100, []),  # too long for a word
    ],
)
def test_words_are_cut_into_the_longest_known_pieces(text, tokens):
    assert [VOCABULARY[number] for number in Reader(VOCABULARY).read(text)] == tokens


def test_every_name_of_the_setting_can_be_asked_for_and_no_other():
    assert Settings().embedder in EMBEDDERS
    assert load("static") is STATIC
    with pytest.raises(ValueError, match="there are static and minilm"):
        load("word2vec")


def test_the_static_embedding_imports_neither_torch_nor_a_tokenizer():
    program = """
import sys
from infra.embedding import load
assert "numpy" in sys.modules and "safetensors" not in sys.modules
assert load("static").embed(["a test"]).any()
print([name for name in ("torch", "tokenizers", "scipy", "infra.embedding.minilm") if name in sys.modules])
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert shown.stdout == "[]\n", shown.stderr
