"""The life of an experiment: whatever is done to it in whatever order, no unit is ever in two that would collide."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from processors.experiments import lifecycle
from processors.experiments.assignment import BUCKETS, Assignment
from processors.experiments.lifecycle import DAY_MS, BadChange
from tests.support.experiments import experiment, running
from tests.support.world import submission

DAY_US = DAY_MS * 1000
NAMES = ["one", "two", "three", "four"]


class Lives(RuleBasedStateMachine):
    """Some experiments on two settings, in three layers, and anything done to them."""

    @initialize()
    def begin(self) -> None:
        self.now = 1_000_000
        self.known: dict[str, Any] = {}
        self.first_arms: dict[tuple[str, str], str] = {}

    def attempt(self, make: Any) -> None:
        try:
            made = make()
        except BadChange as error:
            assert str(error).endswith(".")
            return
        before = self.known.get(made["experiment"])
        assert made["version"] == (before["version"] + 1 if before else 1)
        assert made["at"] >= (before["at"] if before else 0)
        self.known[made["experiment"]] = made

    @rule(
        name=st.sampled_from(NAMES),
        parameter=st.sampled_from(["balancer", "redos_max"]),
        layer=st.sampled_from(["balancer", "redos_max", "shared"]),
        buckets=st.sampled_from([1, 100, 4_000, 10_000]),
        mode=st.sampled_from(["sequential", "fixed"]),
    )
    def create(self, name: str, parameter: str, layer: str, buckets: int, mode: Any) -> None:
        plan = experiment(name, parameter=parameter, layer=layer, buckets=buckets, mode=mode, days=3.0, at=self.now)
        self.attempt(lambda: lifecycle.created(plan, self.known.get(name)))

    @rule(
        name=st.sampled_from(NAMES),
        what=st.sampled_from(["start", "pause", "resume", "stop", "extend", "adopt", "give"]),
    )
    def change(self, name: str, what: str) -> None:
        if name not in self.known:
            return
        one, now = self.known[name], self.now
        acts: dict[str, Any] = {
            "start": lambda: lifecycle.started(one, self.known, now, "me"),
            "pause": lambda: lifecycle.paused(one, now, "me"),
            "resume": lambda: lifecycle.resumed(one, now, "me"),
            "stop": lambda: lifecycle.stopped(one, now, "me"),
            "extend": lambda: lifecycle.extended(one, self.known, 2.0, now, "me"),
            "adopt": lambda: lifecycle.adopted(one, "b", now, "me"),
            "give": lambda: lifecycle.given_back(one, now, "me"),
        }
        self.attempt(acts[what])

    @rule(days=st.floats(0.1, 2))
    def wait(self, days: float) -> None:
        self.now += int(days * DAY_US)

    @invariant()
    def no_two_that_hold_units_of_a_layer_share_a_bucket(self) -> None:
        held = [e for e in self.known.values() if e["status"] in ("running", "paused")]
        for layer in {e["layer"] for e in held}:
            ranges = sorted((e["first_bucket"], e["first_bucket"] + e["buckets"]) for e in held if e["layer"] == layer)
            assert all(low >= 0 and high <= BUCKETS for low, high in ranges)
            assert all(one[1] <= other[0] for one, other in pairwise(ranges))

    @invariant()
    def no_unit_has_one_setting_from_two_experiments(self) -> None:
        running_now = [e for e in self.known.values() if e["status"] == "running"]
        of = {e["experiment"]: e["parameter"] for e in running_now}
        for unit in ("a", "b", "c"):
            varied = [of[x["experiment"]] for x in Assignment(running_now).of(submission("t", session_id=unit))[0]]
            assert len(varied) == len(set(varied))

    @invariant()
    def a_unit_keeps_its_arm_over_pauses_and_extensions(self) -> None:
        for unit in ("a", "b", "c"):
            for exposure in Assignment(self.known.values()).of(submission("t", session_id=unit))[0]:
                name = exposure["experiment"]
                started = self.known[name]["started_at"]
                first = self.first_arms.setdefault((f"{name}/{started}", unit), exposure["arm"])
                assert exposure["arm"] == first

    @invariant()
    def it_never_has_run_longer_than_there_was_time(self) -> None:
        for one in self.known.values():
            ran = lifecycle.ran_ms(one, self.now)
            assert 0 <= ran <= (self.now - (one["started_at"] or self.now)) // 1000 + 1
            assert (one["ended_at"] is not None) == (one["status"] == "completed")


Lives.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLives = Lives.TestCase


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=10))
def test_shares_are_as_near_to_the_split_as_whole_ones_can_be(split):
    shares = lifecycle.shares(split)
    assert sum(shares) == BUCKETS
    assert all(abs(share - wanted / sum(split) * BUCKETS) < 1 for share, wanted in zip(shares, split, strict=True))


def test_pauses_do_not_count_as_running():
    one = lifecycle.started(experiment(days=2.0), {}, 10 * DAY_US, "me")
    one = lifecycle.paused(one, 11 * DAY_US, "me")
    one = lifecycle.resumed(one, 30 * DAY_US, "me")
    assert not lifecycle.is_due(one, 30 * DAY_US + DAY_US // 2)
    assert lifecycle.is_due(one, 31 * DAY_US)


def test_one_that_was_never_started_may_be_drafted_anew_and_one_with_data_not():
    draft = lifecycle.created(experiment(), None)
    assert lifecycle.created(experiment(question="again"), draft)["version"] == 2
    with pytest.raises(BadChange, match="it has data"):
        lifecycle.created(experiment(), lifecycle.started(draft, {}, 2, "me"))


def test_the_first_free_range_that_is_large_enough_is_taken_and_what_would_fit_is_told():
    left = running("left", first_bucket=0, buckets=2_000)
    right = running("right", first_bucket=5_000, buckets=5_000)
    others = {"left": left, "right": right}
    assert lifecycle.started(experiment(buckets=3_000), others, 5, "me")["first_bucket"] == 2_000
    with pytest.raises(BadChange, match=r"left \(20%\), right \(50%\).*--traffic 0.3 would fit"):
        lifecycle.started(experiment(buckets=3_001), others, 5, "me")


def test_a_setting_is_varied_in_one_layer_only():
    with pytest.raises(BadChange, match="other varies balancer too, in layer balancer"):
        lifecycle.started(experiment(layer="mine"), {"other": running("other")}, 5, "me")


def test_a_fixed_test_may_be_made_longer_before_its_end_and_not_after():
    one = lifecycle.started(experiment(mode="fixed"), {}, 0, "me")
    assert lifecycle.extended(one, {}, 7, 5, "me")["days"] == 21
    with pytest.raises(BadChange, match="read once, at its end"):
        lifecycle.extended(lifecycle.stopped(one, 5, "me"), {}, 7, 6, "me")


def test_an_extension_of_what_is_over_runs_again_for_that_long():
    one = lifecycle.ended(lifecycle.started(experiment(days=2.0), {}, 0, "me"), 2 * DAY_US, "judge", "over")
    again = lifecycle.extended(one, {}, 3, 50 * DAY_US, "me")
    assert (again["status"], again["ended_at"], again["first_bucket"]) == ("running", None, 0)
    assert not lifecycle.is_due(again, 52 * DAY_US)
    assert lifecycle.is_due(again, 53 * DAY_US)


def test_its_units_may_have_gone_to_another_meanwhile():
    one = lifecycle.stopped(lifecycle.started(experiment("one"), {}, 0, "me"), 5, "me")
    with pytest.raises(BadChange, match=r"Its units are in next \(100%\)"):
        lifecycle.extended(one, {"next": running("next")}, 3, 6, "me")


def test_stopping_the_last_arm_beside_control_ends_it_and_one_of_several_does_not():
    arms = running()["arms"]
    assert lifecycle.arm_stopped(running(), "b", 5, "judge", "harm")["status"] == "completed"
    three: Any = [arms[0], {**arms[1], "share": 2_500}, {**arms[1], "name": "c", "share": 2_500}]
    left = lifecycle.arm_stopped(running(arms=three), "b", 5, "judge", "harm")
    assert (left["status"], [a["stopped"] for a in left["arms"]]) == ("running", [False, True, False])
    with pytest.raises(BadChange, match="Control is what the others"):
        lifecycle.arm_stopped(running(), "control", 5, "judge", "harm")


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"experiment": "Has Space"}, "is no name"),
        ({"arms": running()["arms"][:1]}, "2 to 10 arms"),
        ({"control": "nobody"}, "no arm"),
        ({"mode": "bandit"}, "use --unit task"),
        ({"days": 1000.0}, "up to 365 days"),
        ({"arms": [running()["arms"][0]] * 2}, "one name"),
        ({"arms": [{**arm, "share": 100} for arm in running()["arms"]]}, "must make 10,000"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_what_would(over, said):
    with pytest.raises(BadChange, match=said):
        lifecycle.created(experiment(**over), None)
