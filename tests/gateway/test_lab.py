"""What is asked of the lab with what is left out, how long it may take, and the report in words."""

from typing import Any

import pytest

from gateway import lab
from gateway.errors import BadInput
from gateway.reports.lab import as_markdown, as_text
from schemas.examples import examples
from tests.support.lab import YAML, run

BURST: Any = examples("lab_scenario", 1)[0]
SCENARIOS = {"burst": BURST}
S = 1_000_000


def test_what_is_left_out_is_as_shipped() -> None:
    asked, plan = lab.asked_of({"scenario": "burst", "minutes": 4}, SCENARIOS)
    usual = {"text": None, "agents": 200, "seed": 0, "balancer": None, "scaling": True, "quick": False}
    assert asked == {"scenario": "burst", "minutes": 4.0} | usual
    assert plan["minutes"] == 4.0


def test_ones_own_is_called_mine_and_its_mistakes_have_a_line() -> None:
    asked, _ = lab.asked_of({"yaml": YAML}, {})
    assert (asked["scenario"], asked["text"]) == ("mine", YAML)
    with pytest.raises(BadInput, match=r"^mine:3: `minutes` is 'two'; accepted: a number above 0, 43,200 at most\.$"):
        lab.asked_of({"yaml": YAML.replace("minutes: 2", "minutes: two")}, {})
    with pytest.raises(BadInput, match="A scenario's name is up to 40 of a-z"):
        lab.asked_of({"yaml": YAML, "scenario": "../x"}, {})
    with pytest.raises(BadInput, match="There is no scenario storm; there are burst"):
        lab.asked_of({"scenario": "storm"}, SCENARIOS)


def test_the_pace_is_that_of_the_newest_long_runs() -> None:
    assert lab.pace([]) == {"tasks_per_s": lab.PACE, "measured": False}
    report = run()["report"]
    assert report is not None
    timed = [run(asked_at=n, started_at=10 * S, over_at=(10 + took) * S) for n, took in enumerate((4, 2, 8))]
    short = run(started_at=1, over_at=2, report={**report, "handed_in": 40})
    quick = run(asked={**run()["asked"], "quick": True}, started_at=10 * S, over_at=11 * S)
    assert lab.pace([*timed, short, quick, run(state="failed", report=None)]) == {
        "tasks_per_s": report["handed_in"] / 4,
        "measured": True,
    }


def test_a_report_says_first_whether_it_holds_and_hides_no_formatting() -> None:
    good, hostile = run(), run(plan={**run()["plan"], "about": "<b>x</b> | [a](b)"})  # type: ignore[dict-item]
    text, markdown = as_text(good), as_markdown(hostile)
    assert "All 2 targets hold." in text
    assert "10 % of the hosts die at minute 15, for 60 s" in text
    assert "minute 11.5: test-runner 79 → 89. Slots in use 91 %, 40 wait." in text
    assert "<b>" not in markdown and "[a](b)" not in markdown
    report = good["report"]
    assert report is not None
    assert "passed over" not in text
    quick = as_text(run(report={**report, "passed_over_minutes": 12.0}, asked={**good["asked"], "quick": True}))
    assert "12 of 20 minutes, for one was like another" in " ".join(quick.split())
    missed = [{**report["targets"][0], "holds": False}, *report["targets"][1:]]
    failed = as_markdown(run(report={**report, "targets": missed}))
    assert "**1 of 2 targets do not hold: throughput\\_per\\_minute ≥ 500.**" in failed


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"state": "waiting"}, "It waits for the runs before it."),
        ({"state": "running", "simulated_minutes": 5.0, "handed_in": 2500}, "5 of 20 simulated minutes, 2,500 tasks"),
        ({"state": "stopped", "reason": "Stopped by ben."}, "Stopped by ben."),
        ({"state": "failed", "reason": "mine:1: no YAML", "plan": None, "series": None}, "mine:1: no YAML"),
    ],
)
def test_one_without_a_report_says_how_it_stands(over: dict[str, Any], said: str) -> None:
    assert said in as_text(run(report=None, **over))
