"""Scenario files from strangers: nothing they write takes for ever, and what is refused is told with its line."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.front_matter import BadFile
from infra.scenario_file import MINUTES_MAX, PHASES_MAX, parse, plan_of

GOOD = """\
about: a try
load:
  - {minutes: 2, per_minute: 60}
targets:
  lost: {at_most: 0}
"""
KILL = "injections: [{kind: kill, at_minutes: 1, away_s: 5, percent: 10}]\n"


def test_a_plan_tells_what_is_drawn() -> None:
    plan = plan_of(parse("mine", GOOD + "repeat: 2\n" + KILL).cut(3))
    assert plan["load"] == [{"minutes": 2.0, "per_minute": 60.0}, {"minutes": 1.0, "per_minute": 60.0}]
    assert (plan["minutes"], plan["about"], plan["targets"]) == (3.0, "a try", ["lost ≤ 0"])
    (fault,) = plan["faults"]
    assert (fault["kind"], fault["first_minutes"], fault["every_minutes"], fault["percent"]) == ("kill", 1.0, None, 10)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD + f"repeat: {10**9}\n", "6: `repeat` is 1000000000; accepted: a whole number, 1 to 500"),
        (GOOD.replace("minutes: 2", "minutes: .inf"), "3: `minutes` is inf; accepted: a number above 0, 43,200"),
        (GOOD.replace("minutes: 2", "minutes: .nan"), "3: `minutes` is nan"),
        (GOOD.replace("per_minute: 60", f"per_minute: {10**30}"), "3: `per_minute` is 1000000000000"),
        (GOOD + KILL.replace("at_minutes: 1", "every_minutes: 1.0e-9"), "6: `every_minutes` is 1e-09; accepted"),
        (GOOD + KILL.replace("kind: kill", "kind: [1]"), "6: `kind` is [1]; accepted: kill, delay, failover"),
        (GOOD.replace("minutes: 2", f"minutes: {MINUTES_MAX}") + "repeat: 2\n", "3: the load lasts 86,400 minutes"),
        (GOOD.replace("about: a try", "about: &a [x, x]") + "failures: *a\n", "6: `*a`: a scenario has no aliases"),
        (GOOD + "failures: 2026-13-45\n", "1: no YAML"),
        (GOOD.replace("a try", "!!python/object:os.system x"), "1: no YAML"),
        ("about: " + "[" * 5_000, "1: nested 11 deep"),
        (GOOD + "#" * 20_000, "1: more than 20,000 bytes"),
        (GOOD.replace("  - {minutes: 2", "  - {minutes: 1, per_minute: 1}\n" * 1 + "  - {minutes: 2") + "repeat: 400\n",
         f"3: the load has 800 parts; at most {PHASES_MAX}"),
    ],
)  # fmt: skip
def test_what_would_never_end_is_refused_with_its_line(text: str, said: str) -> None:
    began = time.monotonic()
    with pytest.raises(BadFile) as problem:
        parse("mine", text, "mine")
    assert str(problem.value).startswith(f"mine:{said}")
    assert time.monotonic() - began < 2


@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda b: b.decode(errors="replace")))
def test_whatever_somebody_writes_is_a_scenario_or_a_bad_file(text: str) -> None:
    for whole in (text, GOOD + text):
        try:
            assert parse("mine", whole).minutes <= MINUTES_MAX
        except BadFile as bad:
            assert bad.line is not None
