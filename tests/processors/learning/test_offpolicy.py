"""Off-policy estimates: right in the mean, honest about what they do not know."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.learning.offpolicy import CLIP, Log, TooFew, doubly_robust, ips, snips

RATES = np.array([0.8, 0.5, 0.3])
"""What three agents succeed with."""
LOGGING = np.array([0.1, 0.3, 0.6])
"""How often the policy of the log chooses each."""
TARGET = np.array([0.9, 0.05, 0.05])
TRUE = float(TARGET @ RATES)


def simulated(seed, count=2000):
    """A log of the logging policy, and what a poor model expects of each agent."""
    chance = np.random.default_rng(seed)
    action = chance.choice(3, count, p=LOGGING)
    reward = (chance.random(count) < RATES[action]).astype(np.float64)
    model = np.array([0.6, 0.6, 0.4])
    log = Log(LOGGING[action], reward, TARGET[action])
    return log, model[action], np.full(count, float(TARGET @ model))


def estimates(name, seeds=300):
    found = []
    for seed in range(seeds):
        log, expected, expected_target = simulated(seed)
        found.append(
            {"ips": ips, "snips": snips}[name](log) if name != "dr" else doubly_robust(log, expected, expected_target)
        )
    return found


@pytest.mark.parametrize("name", ["ips", "snips", "dr"])
def test_the_estimate_is_right_in_the_mean_and_its_interval_covers(name):
    found = estimates(name)
    values = np.array([one.value for one in found])
    assert values.mean() == pytest.approx(TRUE, abs=4 * values.std() / np.sqrt(len(values)))
    covered = np.mean([one.low <= TRUE <= one.high for one in found])
    assert 0.91 <= covered <= 0.985


def test_the_log_itself_is_far_from_what_is_estimated():
    log, _, _ = simulated(1)
    assert abs(log.reward.mean() - TRUE) > 0.2


def test_a_model_of_the_reward_makes_the_estimate_calmer():
    spread = {name: np.mean([one.high - one.low for one in estimates(name, 40)]) for name in ("ips", "dr")}
    assert spread["dr"] < spread["ips"]


def test_the_policy_of_the_log_is_worth_what_it_brought():
    log, expected, _ = simulated(3)
    own = Log(log.propensity, log.reward, log.propensity)
    assert ips(own).value == snips(own).value == pytest.approx(log.reward.mean())
    assert doubly_robust(own, expected, expected).value == pytest.approx(log.reward.mean())
    assert ips(own).support == 1 and ips(own).effective == pytest.approx(2000)


def test_what_is_clipped_is_told_and_errs_towards_nothing():
    log, _, _ = simulated(4)
    free, cut = ips(log), ips(log, clip=2.0)
    assert (free.clipped, cut.clipped) == (0, np.mean(log.propensity == 0.1))
    assert cut.value < free.value


def test_a_policy_that_the_log_never_followed_is_seen_by_its_support():
    log, _, _ = simulated(5)
    never = Log(log.propensity, log.reward, np.zeros(len(log.reward)))
    assert ips(never).support == 0
    with pytest.raises(TooFew, match="none of these"):
        snips(never)


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        (([0.5], [1], [1]), TooFew),
        (([0.5, 0.5], [1], [1, 1]), ValueError),
        (([0.0, 0.5], [1, 0], [1, 1]), ValueError),
        (([0.5, 1.5], [1, 0], [1, 1]), ValueError),
        (([0.5, 0.5], [1, 0], [1, 2]), ValueError),
    ],
)
def test_a_log_that_cannot_be_is_refused(columns, error):
    with pytest.raises(error):
        Log(*(np.array(column, np.float64) for column in columns))


@given(st.integers(2, 60), st.integers(0, 2**32 - 1), st.floats(-5, 5))
def test_self_normalised_estimates_move_with_the_reward(count, seed, shift):
    chance = np.random.default_rng(seed)
    propensity, reward = chance.uniform(0.02, 1, count), chance.random(count)
    log = Log(propensity, reward, np.ones(count))
    moved = Log(propensity, reward + shift, np.ones(count))
    assert snips(moved).value == pytest.approx(snips(log).value + shift)
    assert log.weights().max() <= CLIP
