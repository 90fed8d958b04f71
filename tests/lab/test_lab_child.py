"""What a run tells of itself: its course in few points however long it is, and a report that its event can hold."""

import json
from typing import Any

import pytest

from lab.scale.tally import Tally
from lab.service.child import POINTS, SCALINGS, report_of, run, series_of
from schemas.codec import decode_as, encode
from tests.support.lab import ENDED, YAML
from tests.support.lab import run as run_of

ASKED: Any = ENDED["asked"] | {"scenario": "mine", "text": YAML, "agents": 20, "minutes": None}


def test_a_run_tells_its_course_and_a_report_that_its_event_holds(capsys: pytest.CaptureFixture[str]) -> None:
    report = run(ASKED, YAML)
    steps = [json.loads(line)["progress"] for line in capsys.readouterr().out.splitlines()]
    assert steps[-1]["minutes"] == 2.0, "the last minute is told, however quick it was"
    assert steps[-1]["series"]["completed"] and steps[-1]["handed_in"] > 0
    told = decode_as("LabRun", encode("LabRun", run_of(report=report, series=steps[-1]["series"])))
    assert told["report"] == report
    assert run(ASKED, YAML) == report, "the same arguments give the same result"
    assert run(ASKED | {"seed": 1}, YAML) != report


def test_a_quick_run_tells_the_course_of_the_whole_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    text = YAML.replace("minutes: 2", "minutes: 60")
    report = run(ASKED | {"text": text, "scaling": False, "quick": True}, text)
    steps = [json.loads(line)["progress"] for line in capsys.readouterr().out.splitlines()]
    assert 20 <= report["passed_over_minutes"] < 60
    assert steps[-1]["minutes"] == 60.0
    assert steps[-1]["handed_in"] == pytest.approx(report["handed_in"], rel=0.05)
    course = steps[-1]["series"]
    assert course["step_minutes"] * len(course["completed"]) == 60
    assert report_of(report | {"scalings": []})["passed_over_minutes"] == report["passed_over_minutes"]


def test_a_long_course_has_few_points_and_loses_no_task() -> None:
    tally = Tally(0)
    for minute in range(4320):
        tally.statuses["completed"] += minute % 7
        tally.minute(minute, 5, 0)
    series = series_of(tally)
    assert series["step_minutes"] == 15
    assert len(series["completed"]) == len(series["waiting"]) == 288 <= POINTS
    assert sum(series["completed"]) == tally.statuses["completed"]
    assert series["waiting"][-1] == 4319


def test_many_changes_of_size_are_counted_and_the_first_told() -> None:
    report: Any = ENDED["report"]
    many = report | {"scalings": [{**report["scalings"][0], "minute": float(n)} for n in range(SCALINGS + 50)]}
    told = report_of(many | {"something": "else"})
    assert (told["scalings_count"], len(told["scalings"])) == (SCALINGS + 50, SCALINGS)
    assert told.keys() == report.keys()
