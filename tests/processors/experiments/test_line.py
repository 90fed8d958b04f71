"""Experiments on the line: what a look at the tasks says, and what follows from it."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.experiments import line
from processors.experiments.analysis import analyze
from processors.experiments.assignment import Assignment
from processors.experiments.estimates import BadData
from processors.experiments.lifecycle import DAY_MS, is_due
from processors.experiments.story import story
from tests.support.experiments import running
from tests.support.world import submission

DAY_US = DAY_MS * 1000
NOW = 1_000_000 + 2 * DAY_US


@dataclass
class Tasks:
    arm: Any
    unit: Any
    columns: dict[str, Any]
    clusters: dict[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> Any:
        return np.arange(len(self.arm))

    @property
    def propensity(self) -> Any:
        return np.full(len(self.arm), 0.5)


def tasks(n: int = 2_000, effect: float = 0.0, **columns: Any) -> Tasks:
    random = np.random.default_rng(3)
    arm = random.integers(0, 2, n)
    known = {
        "completion_ms": random.normal(100, 10, n) + effect * arm,
        "errors": random.normal(0, 1, n),
        "usual_ms": np.full(n, np.nan),
        "redone": np.zeros(n),
    }
    return Tasks(arm, np.arange(n).astype(np.uint64), known | columns)


def looked(one: Any, found: Tasks, now: int = NOW) -> Any:
    rows, plan, _ = line.analyzed(one, found, now)
    return analyze(rows, plan)


def change(one: Any, found: Tasks, now: int = NOW) -> Any:
    return line.next_change(one, looked(one, found, now), None, now, "judge")


def test_what_is_the_same_for_all_or_not_known_is_left_out_with_a_note():
    one = running(metrics=["completion_ms:mean:lower", "redone:binary:lower"], covariates=["usual_ms"])
    _, plan, notes = line.analyzed(one, tasks(), NOW)
    assert [m.name for m in plan.metrics] == ["completion_ms"]
    assert plan.covariates == []
    assert [note.split()[0] for note in notes] == ["redone", "Of"]


@pytest.mark.parametrize("found", [tasks(0), tasks(50, completion_ms=np.full(50, np.nan))])
def test_without_data_there_is_a_sentence_and_no_report(found):
    with pytest.raises(BadData, match=r"No task has taken part yet|Nothing that is compared"):
        line.analyzed(running(), found, NOW)


def test_a_winner_is_adopted_when_so_set_and_left_to_people_otherwise():
    found = tasks(effect=-10)
    made = change(running(adopt_winner=True), found)
    assert (made["change"], made["adopted"], made["status"], made["by"]) == ("adopted", "b", "completed", "judge")
    assert "better" in made["reason"]
    assert change(running(), found) is None


def test_control_as_winner_ends_it_and_nothing_is_adopted():
    made = change(running(adopt_winner=True), tasks(effect=10))
    assert (made["change"], made["adopted"]) == ("ended", None)


def test_a_fixed_test_is_read_at_its_end_only():
    found = tasks(effect=-10)
    one = running(adopt_winner=True, mode="fixed", days=3.0)
    assert looked(one, found).winner is None
    assert change(one, found) is None
    late = 1_000_000 + 3 * DAY_US
    assert is_due(one, late)
    assert change(one, found, late)["adopted"] == "b"


def test_at_its_end_it_ends_with_what_it_says():
    made = change(running(days=2.0), tasks())
    assert (made["change"], made["status"]) == ("ended", "completed")
    assert made["reason"].startswith("Its time is over: no difference shown.")
    assert line.next_change(running(days=2.0), None, None, NOW, "judge")["reason"].endswith("with too few data.")


def test_an_arm_that_does_harm_is_stopped_also_while_it_wins_on_a_metric():
    found = tasks(effect=-10)
    found.columns["errors"] += found.arm * 2.0
    made = change(running(guardrails=["errors:mean:lower"], adopt_winner=True), found)
    assert (made["change"], made["status"]) == ("ended", "completed")
    assert [arm["stopped"] for arm in made["arms"]] == [False, True]
    assert made["adopted"] is None


def test_a_mismatch_of_samples_adopts_nobody_and_stops_nobody():
    found = tasks(n=4_000, effect=-10)
    kept = (found.arm == 1) | (np.arange(4_000) % 2 == 0)
    lost = Tasks(found.arm[kept], found.unit[kept], {name: values[kept] for name, values in found.columns.items()})
    one = running(adopt_winner=True, guardrails=["errors:mean:lower"])
    assert looked(one, lost).verdict == "invalid"
    assert change(one, lost) is None


def test_a_verdict_names_its_data_and_its_figures():
    report = looked(running(), tasks(effect=-10))
    data = line.Range(1_000_000, NOW, 2_000, "abc")
    verdict = line.verdict_of(running(), report, "", data, NOW + 5)
    assert (verdict["event_id"], verdict["winner"], verdict["data_hash"]) == (f"quick/{NOW}", "b", "abc")
    control, treated = verdict["figures"]
    assert (control["arm"], control["effect"]) == ("control", None)
    assert treated["low"] < -10 < treated["high"]


def test_a_verdict_that_says_the_same_is_told_once_an_hour():
    first = line.verdict_of(running(), None, "nothing yet", line.Range(1, 2, 0, ""), NOW)
    assert line.worth_telling(first, None)
    assert not line.worth_telling({**first, "at": NOW + 60_000_000}, first)
    assert line.worth_telling({**first, "at": NOW + 3_600_000_000}, first)
    assert line.worth_telling({**first, "at": NOW + 1, "verdict": "invalid"}, first)


def test_a_bandits_shares_move_only_when_that_is_worth_a_record():
    report = looked(running(), tasks())
    for share, moves in ((5_050, False), (5_200, True)):
        made = line.next_change(running(), report, {"control": 10_000 - share, "b": share}, NOW, "judge")
        assert (made is not None) == moves
        if made:
            assert (made["change"], [a["share"] for a in made["arms"]]) == ("tuned", [4_800, 5_200])


def test_a_bandit_gives_more_to_the_arm_that_does_better_and_always_makes_a_whole():
    one = running(mode="bandit", unit="task")
    found = line.bandit_shares(one, tasks(n=400, effect=-2.0))
    assert sum(found.values()) == 10_000
    assert found["b"] > 9_000
    assert found["control"] >= 500
    assert line.bandit_shares(one, tasks(n=400, effect=-2.0)) == found
    assert line.bandit_shares(running(), tasks()) is None


def test_a_stopped_arm_of_a_bandit_keeps_its_share():
    arms: Any = [*running()["arms"], {"name": "c", "value": "", "share": 2_000, "stopped": True}]
    arms = [{**arm, "share": 4_000} for arm in arms[:2]] + arms[2:]
    found = line.bandit_shares(running(mode="bandit", unit="task", arms=arms), tasks(n=400, effect=-2.0))
    assert found["c"] == 2_000
    assert sum(found.values()) == 10_000


def test_a_bandit_is_judged_by_its_propensities():
    one = running(mode="bandit", unit="task", covariates=["usual_ms"])
    report = looked(one, tasks(effect=-10))
    assert report.winner == "b"
    assert "Welch" not in str(report.metrics["completion_ms"]["b"].method)


@pytest.mark.parametrize("mode", ["sequential", "fixed", "bandit"])
def test_every_mode_has_a_story_that_ends_with_its_report(mode):
    found = tasks(effect=-10)
    rows, plan, _ = line.analyzed(running(mode=mode, unit="task"), found, NOW)
    told = story(rows, found.at, plan)
    assert told.report == analyze(rows, plan)
    assert told.looks[-1].metrics["completion_ms"]["b"].effect == told.report.metrics["completion_ms"]["b"].effect


def test_tasks_with_items_take_no_part_in_a_bandit():
    assignment = Assignment([running(mode="bandit", unit="task")])
    assert assignment.of(submission("t", items=["a", "b"]))[0] == []
    assert assignment.of(submission("t.0", parent_id="t"))[0] == []
    assert assignment.of(submission("t"))[0] != []


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 5), max_size=50))
def test_codes_are_those_of_numpys_unique(hashes):
    given_hashes = np.array(hashes, dtype=np.uint64)
    assert line.codes(given_hashes).tolist() == np.unique(given_hashes, return_inverse=True)[1].tolist()
