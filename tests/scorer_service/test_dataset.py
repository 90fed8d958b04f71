"""Samples as numbers: the newest revision of each task, nothing that makes no sense, no more than there is room for."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from scorer_service import dataset
from scorer_service.dataset import gathered, hash_of
from tests.support.learning import AGENTS, Words, history, records, sample
from tests.support.records import Record


def numbers(samples: Any, partitions: int = 1, most: int | None = None) -> dataset.Dataset:
    return gathered(records(samples, partitions), [], AGENTS, Words(), most)


def test_each_task_is_told_with_its_vector_its_features_and_its_agent() -> None:
    first = sample("t-1", "bravo: fix the code", "bravo-agent", label=1.0, propensity=0.02, past_success_rate=0.9)
    other = sample("t-2", "alpha", "gone-agent", label=0.0, scorer="mlp-1", avg_task_duration_ms=500.0)
    data = numbers([first, other])
    row = {hash_of(b"t-1"): 0, hash_of(b"t-2"): 1}
    at, beside = (row[int(key)] for key in data.task_hash)
    rows = {at: 0, beside: 1}
    one, two = rows[0], rows[1]
    assert data.vectors[one].argmax() == 1
    assert data.features[one][0] == len("bravo: fix the code")
    assert data.options.ids[data.option[one]] == "bravo-agent"
    assert data.option_features[one] == pytest.approx([1, 0, 0.9, 10, 2.0])
    assert data.weight[one] == dataset.WEIGHT_MAX
    assert list(data.by_rules[[one, two]]) == [True, False]
    assert data.option_features[two] == pytest.approx([0, 0, 0.5, 10, 0.5])  # it is not in the registry any more
    assert not data.working[data.options.ids.index("gone-agent")]


def test_the_highest_revision_counts_in_whatever_order_they_come() -> None:
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        data = numbers([sample("t", revision=n, label=n / 2, text=f"alpha {n}") for n in order])
        assert (len(data), data.label[0], data.superseded) == (1, 1.0, 2)
        assert data.features[0][0] == len("alpha 2")


def test_a_text_that_stays_is_not_embedded_again() -> None:
    words = Words()
    found = [sample(f"t-{i}") for i in range(dataset.BATCH)] + [sample(f"t-{i}", revision=1) for i in range(5)]
    gathered(records(found), [], AGENTS, words)
    assert words.batches == [dataset.BATCH, len(AGENTS)]


def test_of_how_many_partitions_the_samples_come_makes_no_difference() -> None:
    samples = history(300)
    one, four = numbers(samples), numbers(random.Random(1).sample(samples, len(samples)), 4)
    for name in ("vectors", "features", "option", "label", "propensity", "option_features", "task_hash", "text_hash"):
        assert np.array_equal(getattr(one, name), getattr(four, name)), name
    assert one.options.ids == four.options.ids
    assert np.allclose(one.options.features, four.options.features)


@given(
    st.sampled_from(
        [
            {"label": float("nan")},
            {"label": 1e308},
            {"label": -0.1},
            {"propensity": 0.0},
            {"propensity": float("inf")},
            {"propensity": -1.0},
            {"past_success_rate": float("nan")},
            {"past_success_rate": 7.0},
            {"avg_task_duration_ms": 1e300},
            {"recent_task_count": -1},
            {"item_count": -5},
            {"text": " \n "},
            {"agent_id": ""},
        ]
    )
)
def test_a_sample_nothing_can_be_learned_from_is_counted_and_passed_over(poison: dict[str, Any]) -> None:
    data = numbers([sample("t-1"), sample("t-2", **poison), sample("t-3")])
    assert (len(data), data.read, data.malformed.total()) == (2, 3, 1)
    assert np.isfinite(data.option_features).all()


@given(st.binary(max_size=60) | st.none())
def test_bytes_that_are_no_sample_are_passed_over(value: bytes | None) -> None:
    swapped = Record("training.samples", 0, 1, encode("TrainingSample", sample("t-2")), b"t-9")
    some = [*records([sample("t-1")]), Record("training.samples", 0, 2, value), swapped]
    data = gathered(some, [], AGENTS, Words())
    assert (len(data), data.malformed.total()) == (1, 2)


def test_of_more_tasks_than_there_is_room_for_the_same_ones_are_taken_each_time() -> None:
    samples = history(500)
    most = dataset._threshold((one["task_id"].encode() for one in samples), 200)
    data = numbers(samples, 2, most)
    assert (len(data), data.read, data.left_out) == (200, 500, 300)
    assert list(data.task_hash) == sorted(hash_of(one["task_id"].encode()) for one in samples)[:200]
    assert dataset._threshold([b"a", b"b", b"a"], 2) is None


def test_what_is_held_out_stays_held_out_when_more_comes_and_shares_no_text() -> None:
    fewer, more = numbers(history(600)), numbers([*history(600), *history(900, seed=1)])
    held, by_text = more.held_out()
    assert by_text
    assert 0.15 < held.mean() < 0.25
    assert not set(more.text_hash[held]) & set(more.text_hash[~held])
    earlier = set(fewer.task_hash[fewer.held_out()[0]])
    assert earlier <= set(more.task_hash[held])


def test_where_the_same_texts_come_again_and_again_tasks_are_held_out() -> None:
    data = numbers([sample(f"t-{i}", f"alpha {i % 7}") for i in range(500)])
    held, by_text = data.held_out()
    assert not by_text
    assert 0.12 < held.mean() < 0.28


def test_no_samples_are_an_empty_dataset() -> None:
    data = numbers([])
    assert (len(data), data.read) == (0, 0)
    assert data.held_out()[0].shape == (0,)
