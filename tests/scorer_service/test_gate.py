"""The gate: what has learned something passes, and what is worse than the rules never does."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorer_service import gate
from scorer_service.gate import Difference, Held, Scores, judge

COUNT, OPTIONS = 600, 3


def world(seed: int = 0, propensity: float = 1 / OPTIONS, good: float = 0.9, bad: float = 0.4) -> tuple[Held, Any]:
    """Tasks given to agents by chance, and how likely each agent really is to succeed."""
    chance = np.random.default_rng(seed)
    truth = chance.choice([good, bad], size=(COUNT, OPTIONS))
    option = chance.integers(0, OPTIONS, COUNT)
    label = (chance.random(COUNT) < truth[np.arange(COUNT), option]).astype(np.float32)
    held = Held(
        option=option,
        label=label,
        propensity=np.full(COUNT, propensity, np.float32),
        by_rules=np.ones(COUNT, np.bool_),
        ended=np.arange(COUNT, dtype=np.float64),
        working=np.ones(OPTIONS, np.bool_),
        rate=np.full(OPTIONS, float(label.mean())),
    )
    return held, truth


def says(quality: Any, abstains: Any = None) -> Scores:
    return Scores(np.asarray(quality, np.float64), np.zeros(len(quality), np.bool_) if abstains is None else abstains)


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (Difference(0.1234, 0.01, 0.2, 1.0), "+0.123 [+0.010, +0.200]"),
        (Difference(0.00012, -0.00003, 0.00041, 0.9), "+0.00012 [-0.00003, +0.00041]"),
        (Difference(0.0, 0.0, 0.0, 0.5), "no difference"),
        (Difference(0.0, -math.inf, math.inf, 0.5), "+0.000 [-inf, +inf]"),
    ],
)
def test_a_difference_is_told_with_the_digits_that_it_takes_to_be_seen(difference: Difference, said: str) -> None:
    assert str(difference) == said


@pytest.mark.parametrize("propensity", [1 / OPTIONS, 1.0], ids=["by chance", "nothing left to chance"])
def test_who_knows_the_truth_passes_and_who_does_not_is_told_why(propensity: float) -> None:
    held, truth = world(propensity=propensity)
    assert judge(held, says(truth), None, 0.7).passed
    for quality, why in (
        (np.full_like(truth, held.label.mean()), "does not predict success better"),
        (np.random.default_rng(1).random(truth.shape), "does not predict success better"),
        (1.3 - truth, "not certain enough to choose better"),
        (np.clip(truth * 0.4, 0, 1), "What it says does not hold"),
    ):
        found = judge(held, says(quality), None, 0.7)
        assert not found.passed
        assert why in found.reason


def test_what_its_choices_would_have_earned_is_close_to_what_they_earn() -> None:
    """Off-policy: the truth is known here."""
    gains, real = [], []
    for seed in range(20):
        held, truth = world(seed)
        gain, _ = gate.off_policy(held, says(truth), held.label.astype(np.float64))
        assert gain is not None
        gains.append(gain.mean)
        real.append(truth.max(1).mean() - truth[np.arange(COUNT), held.option].mean())
    assert abs(np.mean(gains) - np.mean(real)) < 0.02


def test_too_few_decisions_or_of_one_kind_only_are_not_judged() -> None:
    held, truth = world()
    few = Held(
        *(getattr(held, name)[: gate.HELD_MIN - 1] for name in ("option", "label", "propensity", "by_rules", "ended")),
        working=held.working,
        rate=held.rate,
    )
    assert "it takes 100" in judge(few, says(truth[: gate.HELD_MIN - 1]), None, 0.7).reason
    never = replace(held, label=np.zeros_like(held.label))
    assert not judge(never, says(truth), None, 0.7).passed


def test_who_always_abstains_is_not_promoted() -> None:
    held, truth = world()
    assert not judge(held, says(truth, np.ones(COUNT, np.bool_)), None, 0.7).passed


def test_what_is_no_probability_is_refused() -> None:
    held, truth = world()
    for bad in (truth * np.nan, truth + 1, truth - 1, truth[:, :2]):
        assert "no probabilities" in judge(held, says(bad), None, 0.7).reason


def test_an_agent_that_is_gone_is_not_chosen() -> None:
    held, truth = world()
    gone = replace(held, working=np.array([True, False, True]))
    assert 1 not in gate.choices(gone, says(truth))


def test_beside_a_model_in_use_the_candidate_must_predict_as_well() -> None:
    held, truth = world()
    blurred = 0.5 * truth + 0.5 * held.label.mean()
    better = judge(held, says(truth), says(blurred), 0.7)
    assert better.passed
    assert better.metrics["over_champion"] > 0
    worse = judge(held, says(blurred), says(truth), 0.7)
    assert not worse.passed
    assert "The model in use predicts better" in worse.reason


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    trust=st.floats(-1, 1),
    propensity=st.sampled_from([0.05, 1 / OPTIONS, 0.9, 1.0]),
    certainty=st.floats(0.5, 0.999),
    with_champion=st.booleans(),
    abstaining=st.floats(0, 1),
)
def test_no_model_is_promoted_whose_interval_is_below_the_rules(
    seed: int, trust: float, propensity: float, certainty: float, with_champion: bool, abstaining: float
) -> None:
    held, truth = world(seed % 50, propensity)
    chance = np.random.default_rng(seed)
    quality = np.clip(0.65 + trust * (truth - 0.65) + 0.05 * chance.standard_normal(truth.shape), 0, 1)
    abstains = chance.random(COUNT) < abstaining
    used = says(np.full_like(truth, 0.65)) if with_champion else None
    found = judge(held, says(quality, abstains), used, certainty)
    assert found.reason
    assert all(np.isfinite(value) for value in found.metrics.values())
    if found.passed:
        assert found.metrics["skill_low"] > 0
        assert found.metrics.get("gain_high", 1.0) >= 0
        if used is None and "gain" in found.metrics:
            assert found.metrics["gain"] > 0
            assert found.metrics["gain_certainty"] >= certainty


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.9]), st.booleans()), min_size=2, max_size=30))
def test_the_auc_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[float, bool]]) -> None:
    chosen, good = np.array([p for p, _ in pairs]), np.array([g for _, g in pairs])
    some = [(a > b) + 0.5 * (a == b) for a in chosen[good] for b in chosen[~good]]
    assert gate.auc(chosen, good) == pytest.approx(np.mean(some) if some else 0.5)


def test_one_that_holds_on_the_whole_and_not_of_late_is_refused_with_what_to_do() -> None:
    held, truth = world()
    late = np.arange(COUNT) >= int(0.85 * COUNT)
    changed = replace(held, label=np.where(late, 0.0, held.label).astype(np.float32))
    expected = truth * (1 - late.mean())  # what a training on all of it would make of it
    found = judge(changed, says(expected), None, 0.0)
    assert not found.passed
    assert "does not hold of late" in found.reason and "headway train --from TIME" in found.reason
    assert "of late" not in judge(held, says(truth), None, 0.0).reason


@pytest.mark.parametrize("count", [120, COUNT])
def test_what_is_true_is_said_to_hold_of_late_however_few_the_newest_are(count: int) -> None:
    refused = 0
    for seed in range(60):
        held, truth = world(seed, good=0.5, bad=0.35)
        held = replace(held, **{name: getattr(held, name)[:count] for name in ("option", "label", "propensity")})
        held = replace(held, by_rules=held.by_rules[:count], ended=held.ended[:count])
        refused += judge(held, says(truth[:count]), None, 0.0).changed
    assert refused <= 1
