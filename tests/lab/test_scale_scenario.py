"""Scenario files: ours can be read and say what the experiment asks, and a bad one says what is wrong and where."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from infra.front_matter import BadFile
from lab.scale.__main__ import OURS, main
from lab.scale.scenario import FOLDER, load, parse

GOOD = """\
about: a try
load:
  - {minutes: 2, per_minute: 60}
targets:
  lost: {at_most: 0}
"""


@pytest.mark.parametrize("name", OURS)
def test_each_scenario_of_ours_holds_that_nothing_is_lost_or_doubled(name: str) -> None:
    scenario = load(FOLDER / f"{name}.yaml")
    assert {target.figure for target in scenario.targets} >= {"lost", "doubled", "wait_p99_s", "errors"}


def test_they_are_as_long_and_as_busy_as_the_experiment_says() -> None:
    hours = {name: load(FOLDER / f"{name}.yaml").minutes / 60 for name in OURS}
    assert hours == {"steady_state": 24, "burst": 1, "stress": 2, "soak": 72, "chaos": 4}
    burst = load(FOLDER / "burst.yaml").phases
    assert [(phase.minutes, phase.per_minute) for phase in burst] == [(10, 500), (2, 1500), (8, 500)] * 3
    chaos = {one.kind: one for one in load(FOLDER / "chaos.yaml").injections}
    assert (chaos["kill"].percent, chaos["kill"].every_minutes) == (10, 15)
    assert (chaos["delay"].delay_ms, chaos["delay"].every_minutes) == (500, 30)
    assert (chaos["failover"].first_minutes, chaos["failover"].every_minutes) == (120, None)


def test_a_part_of_a_scenario_is_its_beginning() -> None:
    cut = load(FOLDER / "burst.yaml").cut(11)
    assert [(phase.minutes, phase.per_minute) for phase in cut.phases] == [(10, 500), (1, 1500)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("lost:", "lots:"), "try.yaml:5: no target is called `lots`; there are: throughput_per_minute"),
        (GOOD.replace("per_minute: 60", "per_hour: 60"), "try.yaml:3: unknown key `per_hour`; a part of the load has"),
        (GOOD.replace("per_minute: 60", "per_minute: many"), "try.yaml:3: `per_minute` is 'many'; accepted: a number"),
        (GOOD.replace("minutes: 2, ", ""), "try.yaml:3: `minutes` is missing"),
        (GOOD + "speed: 2\n", "try.yaml:6: unknown key `speed`; a scenario has: about, load"),
        (GOOD + "injections: [{kind: flood}]\n", "try.yaml:6: `kind` is 'flood'; accepted: kill, delay, failover"),
        (GOOD + "injections: [{kind: failover, away_s: 5}]\n", "try.yaml:6: an injection needs `at_minutes`"),
        (GOOD + "injections: [3]\n", "try.yaml:6: an injection has: kind"),
        (GOOD + "load: [\n", "try.yaml:7: no YAML"),
        (GOOD.replace("{at_most: 0}", "{}"), "try.yaml:5: the target `lost` needs at_least, at_most or both"),
        ("", "try.yaml:1: a scenario has: about"),
    ],
)
def test_a_bad_file_says_where_what_is_wrong_and_what_is_accepted(text: str, said: str) -> None:
    with pytest.raises(BadFile) as problem:
        parse("try", text, "try.yaml")
    assert str(problem.value).startswith(said)


def test_the_command_says_so_and_knows_only_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(GOOD + "spped: 2\n", encoding="utf-8")
    bad = CliRunner().invoke(main, [str(path)])
    assert bad.exit_code == 1
    assert f"{path}:6: unknown key `spped`" in bad.output
    unknown = CliRunner().invoke(main, ["storm"])
    assert unknown.exit_code == 2
    assert "is none of steady_state, burst" in unknown.output
    path.write_text(GOOD, encoding="utf-8")
    good = CliRunner().invoke(main, [str(path), "--agents", "20"])
    assert good.exit_code == 0, good.output
    assert "PASS  lost ≤ 0: 0" in good.output
