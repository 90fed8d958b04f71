"""The words of a task: stems, phrases, and what they say about it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.features import (
    GENERAL,
    Lexicon,
    as_written,
    canonical,
    read,
    skill_lexicon,
    skill_of,
    skill_points,
    stem,
    task_features,
)


@pytest.mark.parametrize(
    "family",
    [
        "test tests testing tested",
        "code codes coding coded",
        "write writes writing",
        "debug debugs debugging debugged",
        "fix fixes fixing fixed",
        "call calls calling called",
        "summarise summarises summarising summarised",
        "translate translates translation translations",
    ],
)
def test_forms_of_a_word_meet(family):
    assert len({stem(word) for word in family.split()}) == 1


@pytest.mark.parametrize("pair", ["test text", "class clash", "bug big", "status state", "diff different"])
def test_different_words_stay_apart(pair):
    assert len({stem(word) for word in pair.split()}) == 2


def test_phrases_need_their_words_in_order():
    lexicon = Lexicon([("pull request", 1), ("unit-tests", 2), ("c++", 3), ("c", 4), ("", 5), ("é", 6)])
    assert lexicon.find(read("a Pull-Request with unit testing")) == [1, 2]
    assert lexicon.find(read("request a pull in C++")) == [3]
    assert lexicon.find(read("É")) == [6]
    assert lexicon.find(read("pull 実装 request")) == []


def test_words_without_spaces_are_found_in_the_order_of_the_text():
    lexicon = Lexicon([("実装", "implement"), ("テスト", "test")])
    assert lexicon.find(read("テストを実装")) == ["test", "implement"]
    assert lexicon.find(read("ﾃｽﾄ")) == ["test"]


@pytest.mark.parametrize(
    ("text", "entry", "told"),
    [
        ("Two pages on sheets", "pages", "pages"),
        ("Working on a Working paper", "work on", "working on"),
        ("a unit, and two Unit-Tests", "unit test", "unit tests"),
        ("テストを実装", "実装", "実装"),
        ("nothing of that", "pages", "pag"),
    ],
)
def test_a_word_is_told_as_it_stands_in_the_text(text, entry, told):
    assert as_written(canonical(entry), read(text)) == told


@given(st.lists(st.sampled_from(["pages", "sheets", "working", "on", "code-review", "C++", "実装"]), min_size=1))
def test_every_word_that_was_found_is_one_of_the_text(words):
    text = " ".join(words).lower()
    lexicon = Lexicon([(entry, canonical(entry)) for entry in ("page", "sheet", "work on", "code review", "実装")])
    for word in lexicon.find(read(text)):
        assert as_written(word, read(text)) in text.replace("-", " ")


@pytest.mark.parametrize(
    ("text", "skill"), [("write a poem", GENERAL), ("", GENERAL), ("write python", "code_generation")]
)
def test_one_faint_word_makes_no_skill(text, skill):
    assert skill_of(skill_points(skill_lexicon({}).find(read(text)))) == skill


def test_features_of_a_task():
    text = "Research and test this code:\n```\nprint()\n```"
    words = read(text)
    features = task_features(text, 3, words, skill_points(skill_lexicon({}).find(words)))
    assert features.task_length == len(text)
    assert features.item_count == 3
    assert (features.has_code_keywords, features.has_research_keywords, features.has_test_keywords) == (
        True,
        True,
        True,
    )
    assert 0 < features.complexity_score < 1
