"""What is learned from labels: specialists are found, one that dominates is left alone, nothing is left to chance."""

import numpy as np
import pytest

from processors.learning import linear, metrics, space
from processors.learning.fitting import choice_gains, fit
from processors.learning.model import Labelled, Options
from processors.learning.space import Points
from tests.support.routing_worlds import DOMINANT, SIZE, SPECIALISTS, choices, options, scores, table

KINDS = ("clusters", "knn", "linear")
"""Those that need no torch."""


def earned(kind: str, rates: np.ndarray, seed: int = 1) -> tuple[float, float]:
    """Mean score of the router and of the best single option, on tasks it has not seen."""
    model = fit(kind, table(rates, 400, seed), seed)
    unseen = table(rates, 2000, seed + 100)
    found = scores(unseen)
    quality = model.predict(unseen.tasks, unseen.options).quality
    return float(found[np.arange(len(found)), quality.argmax(1)].mean()), float(found.mean(0).max())


@pytest.mark.parametrize("kind", KINDS)
def test_specialists_are_found(kind: str) -> None:
    router, single = earned(kind, SPECIALISTS)
    assert router > single + 0.15


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_nobody_is_worse_than_one_that_dominates(kind: str, seed: int) -> None:
    router, single = earned(kind, DOMINANT, seed)
    assert router >= single - 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_labels_of_chance_teach_nothing_and_the_best_on_the_whole_is_chosen(kind: str) -> None:
    alike = np.full((3, 3), 0.5)
    model = fit(kind, table(alike, 200, 5), 5)
    unseen = table(alike, 300, 6)
    assert model.trust == 0.0
    assert len(set(model.predict(unseen.tasks, unseen.options).quality.argmax(1))) == 1


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_come_true(kind: str) -> None:
    model = fit(kind, table(SPECIALISTS, 600, 2), 2)
    unseen = table(SPECIALISTS, 3000, 3)
    said = model.predict(unseen.tasks, unseen.options).quality
    assert metrics.ece(said.ravel(), scores(unseen).ravel()) < 0.05


def test_one_label_a_task_is_enough() -> None:
    model = fit("clusters", choices(SPECIALISTS, 900, 1), 1)
    unseen = table(SPECIALISTS, 1000, 2)
    found, quality = scores(unseen), model.predict(unseen.tasks, unseen.options).quality
    assert found[np.arange(len(found)), quality.argmax(1)].mean() > found.mean(0).max() + 0.15


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_data_and_seed_give_the_same_arrays(kind: str) -> None:
    data = table(SPECIALISTS, 150, 4)
    one, again, other = (fit(kind, data, seed).arrays() for seed in (7, 7, 8))
    assert all(one[name].tobytes() == again[name].tobytes() for name in one)
    assert any(one[name].tobytes() != other[name].tobytes() for name in one)


def test_an_option_without_a_label_is_judged_as_those_of_like_description_are() -> None:
    described = np.zeros((3, SIZE), np.float32)
    described[np.arange(3), np.arange(3)] = 1
    model = fit("clusters", choices(SPECIALISTS, 900, 1, options("a", "b", "c", vectors=described)), 1)
    new = described[[1]] * 0.95
    new[0, 5] = 0.3
    whole = options("a", "b", "c", "new", vectors=np.concatenate([described, new]))
    unseen = table(SPECIALISTS, 500, 2)
    quality = model.predict(unseen.tasks, whole).quality
    assert np.abs(quality[:, 3] - quality[:, 1]).max() < 0.05
    assert np.abs(quality[:, 1] - quality[:, 0]).max() > 0.3


def test_few_labels_leave_an_option_near_its_like() -> None:
    described = np.zeros((3, SIZE), np.float32)
    described[:, 0], described[2, :2] = 1, (0, 1)
    data = table(np.array([[0.9, 0.9, 0.1]]), 200, 3, options("old", "new", "other", vectors=described))
    kept = (data.option != 1) | (data.task == 0)
    label = np.where((data.option == 1) & (data.task == 0), 0.0, data.label).astype(np.float32)
    few = Labelled(data.tasks, data.options, data.task[kept], data.option[kept], label[kept], data.weight[kept])
    quality = fit("clusters", few, 1).predict(data.tasks, data.options).quality.mean(0)
    assert quality[1] > 0.7
    assert quality[2] < 0.2


def test_eight_labels_of_a_kind_of_task_are_enough_to_find_who_is_best_at_it() -> None:
    """Of tasks that lie in many regions, so that none of these has more than one or two of the labels."""
    rates = np.array([[0.4, 0.4, 0.4, 0.95], [0.95, 0.4, 0.4, 0.4], [0.4, 0.95, 0.4, 0.4]])
    found = []
    for seed in range(6):
        data = choices(rates, 4000, seed)
        newcomer = np.flatnonzero(data.option == 3)
        kept = np.setdiff1d(np.arange(len(data.option)), newcomer[24:])
        few = Labelled(
            data.tasks, data.options, data.task[kept], data.option[kept], data.label[kept], data.weight[kept]
        )
        unseen = table(rates, 600, seed + 50)
        chosen = fit("clusters", few, 1).predict(unseen.tasks, unseen.options).quality.argmax(1)
        found.append(scores(unseen)[np.arange(600), chosen].mean())
    assert np.mean(found) > 0.925


def test_a_label_counts_by_its_weight() -> None:
    data = table(np.array([[0.5]]), 400, 1)
    heavy = Labelled(data.tasks, data.options, data.task, data.option, data.label, np.where(data.label > 0, 9, 1))
    assert fit("clusters", heavy, 1).predict(data.tasks, data.options).quality.mean() > 0.8


def test_choice_gains_compare_with_the_best_on_the_whole() -> None:
    task, option = np.array([0, 0, 1, 1, 2]), np.array([0, 1, 0, 1, 0])
    label = np.array([1, 0, 0.2, 0.9, 1], np.float32)
    quality = np.array([0.9, 0.1, 0.3, 0.4, 0.5], np.float32)
    assert choice_gains(task, option, quality, label, 2).tolist() == pytest.approx([0.0, 0.7])


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"label": np.full(6, 2.0, np.float32)}, "not between 0 and 1"),
        ({"label": np.full(6, np.nan, np.float32)}, "not between 0 and 1"),
        ({"weight": np.zeros(6, np.float32)}, "weight"),
        ({"option": np.full(6, 9)}, "option 9"),
        ({"task": np.zeros(6, np.int64)}, "fewer than two tasks"),
    ],
)
def test_labels_that_make_no_sense_are_refused(over: dict[str, np.ndarray], told: str) -> None:
    data = table(SPECIALISTS, 2, 1)
    given = {"task": data.task, "option": data.option, "label": data.label, "weight": data.weight} | over
    with pytest.raises(ValueError, match=told):
        fit("clusters", Labelled(data.tasks, data.options, **given), 1)


def test_a_vector_that_is_no_number_is_refused() -> None:
    data = table(SPECIALISTS, 20, 1)
    data.tasks.vectors[3, 2] = np.nan
    with pytest.raises(ValueError, match="no number"):
        fit("clusters", data, 1)


def test_kinds_that_there_are_not_are_named() -> None:
    with pytest.raises(ValueError, match=r"There is no kind 'oracle'.*clusters"):
        fit("oracle", table(SPECIALISTS, 20, 1), 1)


def test_two_tasks_are_enough_to_begin() -> None:
    data = table(SPECIALISTS, 2, 1)
    quality = fit("clusters", data, 1).predict(data.tasks, data.options).quality
    assert np.isfinite(quality).all()


def test_options_of_no_label_at_all_do_no_harm() -> None:
    data = table(SPECIALISTS, 60, 1)
    more = Options(
        (*data.options.ids, "idle"),
        np.zeros((4, SIZE), np.float32),
        np.zeros((4, data.options.features.shape[1]), np.float32),
    )
    with_idle = Labelled(data.tasks, more, data.task, data.option, data.label, data.weight)
    assert np.isfinite(fit("clusters", with_idle, 1).predict(data.tasks, more).quality).all()


def test_few_labels_are_solved_as_many_are() -> None:
    data = table(np.array([[0.7]]), 300, 1)
    points = Points(space.fit(data.tasks), data.tasks)
    weight = np.random.default_rng(1).random(300) + 0.5
    label = data.label.astype(np.float64)
    many = linear._ridge(points, np.arange(300), label, weight)
    few = linear._ridge_of_few(linear._with_one(points[np.arange(300)]).astype(np.float64), label, weight)
    assert np.allclose(many, few, atol=1e-4)
