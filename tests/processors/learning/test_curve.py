"""Calibration: curves rise, stay between 0 and 1, and make what is said come true."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.learning import curve
from processors.learning.metrics import ece

pairs = st.lists(st.tuples(st.floats(-0.5, 1.5), st.floats(0, 1), st.floats(0.1, 5)), min_size=2, max_size=200)
MAKERS = (curve.isotonic, curve.temperature)


@pytest.mark.parametrize("make", MAKERS)
@settings(max_examples=60, deadline=None)
@given(labels=pairs)
@example(labels=[(1.5, 0.0, 2.940418161826), (1.5, 1.0, 1.0)])
def test_of_two_unlike_values_the_greater_stays_the_greater(make: object, labels: list[tuple[float, ...]]) -> None:
    raw, label, weight = np.array(labels).T
    found = make(raw, label, weight)  # type: ignore[operator]
    said = found(np.linspace(-0.9, 1.9, 300))
    assert (np.diff(said) > 0).all()
    assert (np.diff(found.at) > 0).all()  # else what is stored could not be read
    assert ((said >= 0) & (said <= 1)).all()


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_too_sure_is_brought_down(make: object) -> None:
    chance = np.random.default_rng(1)
    truth = chance.random(8000)
    label = (chance.random(8000) < truth).astype(float)
    logit = np.log(truth / (1 - truth))
    raw = 1 / (1 + np.exp(-3 * logit))
    found = make(raw[:4000], label[:4000], np.ones(4000))  # type: ignore[operator]
    assert ece(raw[4000:], label[4000:]) > 0.1
    assert ece(found(raw[4000:]), label[4000:]) < 0.03


def test_what_comes_true_already_is_left_alone() -> None:
    chance = np.random.default_rng(2)
    raw = chance.random(6000)
    label = (chance.random(6000) < raw).astype(float)
    found = curve.best(raw, label, np.ones(6000), np.arange(6000) % 2)
    grid = np.linspace(0.05, 0.95, 50)
    assert np.abs(found(grid) - grid).max() < 0.05


def test_labels_that_rise_in_steps_get_the_steps() -> None:
    raw = np.linspace(0, 1, 4000)
    label = np.where(np.arange(4000) % 10 < np.where(raw < 0.5, 2, 8), 1.0, 0.0)
    found = curve.best(raw, label, np.ones(4000), np.arange(4000) % 2)
    assert np.abs(found(np.array([0.1, 0.4, 0.6, 0.9])) - [0.2, 0.2, 0.8, 0.8]).max() < 0.05


def test_labels_that_fall_make_no_falling_curve() -> None:
    raw = np.linspace(0, 1, 500)
    said = curve.best(raw, 1 - raw, np.ones(500), np.arange(500) % 2)(np.linspace(0, 1, 50))
    assert (np.diff(said) > 0).all()
