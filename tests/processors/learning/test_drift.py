"""Drift: what moved is seen, what did not is not, at the same price for every task."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.learning.drift import (
    ECE_MAX,
    HALF_LIFE,
    NAMES,
    PSI_MAX,
    Calibration,
    Feedback,
    Inputs,
    Reference,
    alerts,
)


def features(count, seed=0, length=200.0, code=0.5):
    chance = np.random.default_rng(seed)
    rows = np.zeros((count, len(NAMES)), np.float32)
    rows[:, 0] = chance.lognormal(np.log(length), 0.5, count)
    rows[:, 2] = chance.random(count) < code
    rows[:, 5] = chance.random(count)
    return rows


def watched(rows, trained=None):
    inputs = Inputs(Reference.of(features(5000) if trained is None else trained))
    for row in rows.tolist():
        inputs.add(row)
    return inputs.psi()


def test_tasks_like_those_of_the_training_have_not_moved():
    found = watched(features(3000, seed=1))
    assert set(found) == set(NAMES)
    assert max(found.values()) < 0.1


@pytest.mark.parametrize(("over", "name"), [({"length": 800.0}, "task_length"), ({"code": 0.95}, "has_code_keywords")])
def test_what_moved_is_named(over, name):
    found = watched(features(3000, seed=2, **over))
    assert {each for each, psi in found.items() if psi > PSI_MAX} == {name}


def test_what_came_long_ago_is_forgotten():
    rows = np.concatenate([features(3000, seed=3, length=5000.0), features(12 * HALF_LIFE, seed=4)])
    assert max(watched(rows).values()) < 0.1


def test_nothing_is_said_of_few_tasks():
    assert watched(features(20)) == {}


def test_the_sums_stay_finite_over_any_number_of_tasks():
    found = watched(np.tile(features(2500, seed=5), (12, 1)))
    assert all(np.isfinite(value) for value in found.values()) and max(found.values()) < 0.1


def test_a_reference_goes_through_a_models_notes():
    reference = Reference.of(features(500))
    assert Reference.read(json.loads(json.dumps(reference.told()))) == reference


@pytest.mark.parametrize("junk", [None, 1, {}, {"bounds": [[1]], "shares": [[1]]}, {"bounds": "x", "shares": "y"}])
def test_notes_that_hold_no_reference_give_none(junk):
    assert Reference.read(junk) is None


@given(st.lists(st.floats(0, 1e6, width=32), min_size=1, max_size=300), st.floats(-1e9, 1e9, width=32))
@settings(max_examples=100, deadline=None)
def test_any_value_has_its_bin(trained, value):
    rows = np.tile(np.array(trained, np.float32)[:, None], (1, len(NAMES)))
    reference = Reference.of(rows)
    assert all(sum(shares) == pytest.approx(1) for shares in reference.shares)
    Inputs(reference).add([value] * len(NAMES))


def calibrated(off, count=4000, seed=0):
    chance, found = np.random.default_rng(seed), Calibration()
    for expected in chance.random(count):
        found.add(expected, float(chance.random() < min(1, max(0, expected + off))))
    return found.ece()


def test_probabilities_that_hold_have_a_small_error_and_others_a_large_one():
    assert calibrated(0.0) < 0.07
    assert calibrated(0.3) > 0.2
    assert calibrated(0.0, count=50) is None


def test_an_agent_that_changes_is_seen_within_some_half_lives():
    found = Calibration()
    for _ in range(2000):
        found.add(0.9, 1.0)
    assert found.ece() == pytest.approx(0.1)
    for _ in range(3 * HALF_LIFE):
        found.add(0.9, 0.0)
    assert found.ece() > 0.7


def test_the_error_is_that_of_the_weighted_samples():
    """Against the same sums made at once."""
    chance, found = np.random.default_rng(7), Calibration()
    expected, label = chance.random(1500), chance.random(1500)
    for one, other in zip(expected.tolist(), label.tolist(), strict=True):
        found.add(one, other)
    weight = 0.5 ** (np.arange(1499, -1, -1) / HALF_LIFE)
    bins = np.minimum(9, (expected * 10).astype(int))
    gaps = [abs(((expected - label) * weight)[bins == place].sum()) for place in range(10)]
    assert found.ece() == pytest.approx(sum(gaps) / weight.sum())


def test_feedback_is_counted_by_kind_among_all_samples():
    found = Feedback()
    assert found.rates() == {}
    for number in range(2000):
        found.add("negative" if number % 5 == 0 else "positive" if number % 5 == 1 else None)
    rates = found.rates()
    assert rates["negative"] == pytest.approx(0.2, abs=0.01) and rates["positive"] == pytest.approx(0.2, abs=0.01)
    assert rates["neutral"] == 0


def test_alerts_name_what_is_beyond_its_threshold_and_what_to_do():
    assert alerts({"task_length": PSI_MAX}, ECE_MAX, {"positive": 0.5, "negative": 0.1}) == []
    said = alerts({"task_length": 0.4}, 0.2, {"positive": 0.1, "negative": 0.1})
    assert [any(word in one for one in said) for word in ("task_length", "off by 0.20", "50%")] == [True] * 3
    assert "headway train" in said[0]
