"""One training: the best kind is taken, the gate decides, and the same samples and seed give the same weights."""

import numpy as np
import pytest

from infra import models
from infra.settings import Settings
from processors.learning.drift import Reference
from processors.learning.learned import INPUTS
from processors.learning.model import FEATURES
from schemas.events import RoutingModel, SampleRange
from scorer_service import attempt
from scorer_service.attempt import Asked, Made, NothingToLearn, compared, event_of, judged, of_what_holds
from scorer_service.dataset import Dataset, gathered
from scorer_service.service import is_due, newest
from tests.support.learning import AGENTS, Tables, Words, history, model, records


@pytest.fixture(scope="module")
def data() -> Dataset:
    return gathered(records(history(2000), 3), [], AGENTS, Words())


def trained(data: Dataset, known: dict[str, RoutingModel] | None = None, seed: int = 0) -> RoutingModel:
    best, _ = compared(data, Tables(), Tables.kinds, seed, Words.name)
    finding = judged(data, best, known or {}, Tables(), Words.name, 0.7)
    return event_of(best, finding, data, Asked(seed=seed), Words.name)


def test_the_kind_that_predicts_best_is_taken_and_passes(data: Dataset) -> None:
    made = trained(data)
    assert (made["kind"], made["status"]) == ("table", "candidate"), made["reason"]
    assert made["metrics"]["gain_low"] > 0.2
    assert made["samples"] == 2000
    arrays, notes = models.from_bytes(made["weights"])
    assert (notes["kind"], notes["embedder"], notes["features"]) == ("table", "words/1", FEATURES)
    assert Reference.read(notes[INPUTS]) is not None  # what drift is measured against
    assert arrays["quality"].shape == (5, 4)


def test_the_same_samples_and_seed_give_the_same_weights_and_another_seed_may_not(data: Dataset) -> None:
    again = gathered(records(history(2000), 2), [], AGENTS, Words())
    assert trained(data)["weights_hash"] == trained(again)["weights_hash"]
    guesses = {compared(data, Tables(), ["guess"], seed, Words.name)[0].weights for seed in (1, 1, 2)}
    assert len(guesses) == 2


def test_labels_that_say_nothing_teach_nothing() -> None:
    poisoned = [one | {"label": float(i % 3 == 0)} for i, one in enumerate(history(2000))]
    made = trained(gathered(records(poisoned), [], AGENTS, Words()))
    assert made["status"] == "rejected"
    assert "does not predict success better" in made["reason"]


def test_a_model_in_use_is_compared_where_it_can_be_asked(data: Dataset) -> None:
    good = trained(data)
    used = good | {"name": "used", "status": "promoted", "promoted_at": 1}
    assert trained(data, {"used": used})["metrics"]["over_champion"] == pytest.approx(0)
    for over in ({"embedder": "other/1"}, {"weights": b"\x80\x04K\x01."}, {"features": "features/0"}):
        assert "over_champion" not in trained(data, {"used": used | over})["metrics"]  # type: ignore[dict-item]


def test_after_agents_changed_it_is_learned_from_what_came_since() -> None:
    """The whole does not hold of late, nor does its newer half; the half of that, which is of the new times, does."""
    before = history(4000, seed=1, finished_at=1)
    since = [
        one | {"task_id": f"n{one['task_id']}", "label": 1 - one["label"], "finished_at": 2 + n}
        for n, one in enumerate(history(2000, seed=2))
    ]
    samples, asked = [*before, *since], []

    def make(some: list[SampleRange]) -> Made:
        asked.append((some[0]["from_offset"], some[0]["to_offset"]))
        data = gathered(records(samples[slice(*asked[-1])]), [], AGENTS, Words())
        if len(data) < 1400:
            raise NothingToLearn
        best, tried = compared(data, Tables(), ("table",), 0, Words.name)
        return Made(data, best, tried, judged(data, best, {}, Tables(), Words.name, 0.7))

    whole: list[SampleRange] = [{"partition": 0, "from_offset": 0, "to_offset": 6000}]
    first = make(whole)
    assert first.finding.changed and not first.finding.passed
    made = of_what_holds(make, whole, first)
    assert made.finding.passed, made.finding.reason
    assert (len(made.data), asked) == (1500, [(0, 6000), (3000, 6000), (4500, 6000)])
    # Too few of the new times: what there is stays refused, and says so.
    short: list[SampleRange] = [{"partition": 0, "from_offset": 2200, "to_offset": 4900}]
    late = make(short)
    assert late.finding.changed and of_what_holds(make, short, late) is late
    assert "does not hold of late" in late.finding.reason


def test_rates_are_drawn_towards_that_of_all(data: Dataset) -> None:
    rates = attempt._rates(data, np.ones(len(data), np.bool_))
    seen = [data.label[data.option == i].mean() for i in range(4)]
    assert all(
        abs(rate - data.label.mean()) <= abs(own - data.label.mean()) for rate, own in zip(rates, seen, strict=True)
    )


def test_a_training_is_due_at_enough_samples_and_then_when_they_have_grown_by_a_share() -> None:
    settings = Settings(train_min_samples=1000, retrain_growth=0.2)
    assert [is_due(settings, None, new) for new in (999, 1000)] == [False, True]
    last = model("m", samples=5000)
    assert [is_due(settings, last, new) for new in (0, 999, 1000)] == [False, False, True]
    assert not is_due(settings, model("m", samples=900), 0)


def test_the_newest_model_is_the_one_trained_last_and_never_the_rules() -> None:
    old, new = (
        model("old", created_at=1, status="promoted", promoted_at=9),
        model("new", created_at=2, status="rejected"),
    )
    known = {"old": old, "new": new, "rules": models.rules_alone(5)}
    assert newest(known) is new
    assert newest({"rules": models.rules_alone(5)}) is None
