"""A day moves weights by its evidence: bounded, never upwards by a bad word, and back to 1 without any."""

from dataclasses import replace
from datetime import date, timedelta
from math import log2
from pathlib import Path
from statistics import fmean, geometric_mean
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.weighing.day import Day, Shown, over
from processors.weighing.weights import LEAST, MOST, counted, is_reckoned, set_by, weigh
from schemas.codec import decode_as, encode
from tests.support.samples import sample
from tests.support.weighing import shown, shows, weight

DAY = date(2026, 9, 21)
STEP = 1.1
NOW = 1_790_035_500_000_000


def after(known, day_shows, day=DAY, step=STEP, applied=True):
    return {one["agent_id"]: one for one in weigh(day, known, day_shows, step=step, applied=applied, now=NOW)}


def days(count, day_shows, known=None, since=DAY):
    """The weights after so many days like this one, day by day."""
    course, known = [], known or {}
    for number in range(count):
        known = known | after(known, day_shows, since + timedelta(days=number))
        course.append(known)
    return course


def of(course, name):
    return [known[name]["weight"] for known in course]


# -- what a day says ---------------------------------------------------------------------------------------------------


def test_bad_words_lower_a_weight_and_good_ones_raise_it_by_how_sure_that_is():
    usual = shown(20, good=8, bad=2)
    moved = {bad: after({}, shows(a=shown(20, bad=bad), b=usual))["a"]["weight"] for bad in (0, 1, 2, 5, 10, 100)}
    assert moved[0] == 1
    assert moved[1] > 0.995, "one word is no reason"
    assert list(moved.values()) == sorted(moved.values(), reverse=True)
    assert 1 / STEP <= moved[100] < moved[10] < 0.97
    assert after({}, shows(a=shown(20, good=10), b=shown(20, good=5, bad=5)))["a"]["weight"] > 1.01


def test_failures_lower_a_weight_less_than_words_do():
    failed = after({}, shows(a=shown(10, failed=8), b=shown(10)))["a"]
    disliked = after({}, shows(a=shown(10, bad=8), b=shown(10, good=8)))["a"]
    assert 1 / STEP < disliked["weight"] < failed["weight"] < 1
    assert min(of(days(60, shows(a=shown(1000, failed=1000), b=shown(1000))), "a")) > 0.7
    assert min(of(days(60, shows(a=shown(1000, bad=1000), b=shown(1000, good=1000))), "a")) < 0.51


def test_what_people_say_goes_before_what_the_line_saw():
    """It completes all, and people say it is bad."""
    both = after({}, shows(a=shown(40, bad=20), b=shown(40, failed=20, good=20)))
    assert both["a"]["weight"] < 1 < both["b"]["weight"]


def test_an_agent_is_compared_with_those_who_do_the_same_work():
    hard = {("a", "law"): shown(20, failed=10, good=5, bad=5), ("b", "law"): shown(20, failed=10, good=5, bad=5)}
    easy = {("c", "chat"): shown(20, good=10), ("d", "chat"): shown(20, good=10)}
    assert {one["weight"] for one in after({}, {**hard, **easy}).values()} == {1}
    alone = after({}, shows(a=shown(50, failed=25, bad=25)))["a"]
    assert alone["weight"] == 1 and "nobody else" in alone["reason"]


def test_a_single_word_of_others_is_no_measure():
    few = after({}, shows(a=shown(200, bad=100), b=shown(1, good=1)))["a"]["weight"]
    many = after({}, shows(a=shown(200, bad=100), b=shown(200, good=100)))["a"]["weight"]
    assert many < 0.93 and few > 0.99


def test_a_word_in_two_days_is_remembered_until_it_is_enough():
    once = of(days(1, shows(a=shown(2, bad=2), b=shown(2, good=2))), "a")[-1]
    known: Any = {}
    for number in range(30):
        said = number % 2 == 0
        known |= after(known, shows(a=shown(1, bad=said), b=shown(1, good=said)), DAY + timedelta(days=number))
    assert known["a"]["weight"] < 0.9 < once


def test_the_evidence_is_told():
    made = after({}, shows(a=shown(20, failed=1, good=2, neutral=1, bad=9), b=shown(20, good=8, bad=2)))["a"]
    assert made["reason"].startswith(
        "People called 2 answers good and 9 bad, 1 neither (others' worth 80%); 19 of 20 runs completed (others 100%): "
        "1.00 → 0.9"
    )
    assert (made["runs"], made["completed"], made["good"], made["neutral"], made["bad"]) == (20, 19, 2, 1, 9)
    assert made["event_id"] == "a/weight/2026-09-21"
    later = after({"a": made}, {}, DAY + timedelta(days=1))["a"]
    assert later["reason"].startswith("People's words of the days before count on: ")
    assert decode_as("AgentWeight", encode("AgentWeight", made)) == made


# -- the course of days ------------------------------------------------------------------------------------------------


def test_without_new_evidence_a_weight_goes_back_to_1_and_is_forgotten():
    known = days(30, shows(a=shown(50, bad=50), b=shown(50, good=50)))[-1]
    assert known["a"]["weight"] < 0.6 and known["b"]["weight"] > 1.6
    course = days(120, {}, known)
    assert of(course, "a")[5] < 0.7, "what was said is not forgotten at once"
    assert of(course, "a") == sorted(of(course, "a")) and of(course, "b") == sorted(of(course, "b"), reverse=True)
    assert all(
        later / before <= STEP + 1e-9 for before, later in zip(of(course, "a"), of(course, "a")[1:], strict=False)
    )
    end = course[-1]
    assert end["a"]["weight"] == end["b"]["weight"] == 1
    assert after(end, {}, DAY + timedelta(days=199)) == {}


@pytest.mark.parametrize("a", [shown(20, bad=10), shown(20, bad=3, good=7), shown(100, failed=30), shown(20, good=10)])
def test_a_steady_world_is_come_to_without_going_beyond_it_or_back(a):
    course = of(days(120, shows(a=a, b=shown(20, good=8, bad=2), c=shown(20, good=8, bad=2))), "a")
    assert course in (sorted(course), sorted(course, reverse=True))
    assert course[-1] == pytest.approx(course[-2], abs=1e-3)


def test_days_that_nobody_reckoned_move_nothing():
    known = days(20, shows(a=shown(50, bad=50), b=shown(50, good=50)))[-1]
    late = after(known, {}, DAY + timedelta(days=79))["a"]
    assert 1 < late["weight"] / known["a"]["weight"] <= STEP + 1e-9
    assert late["blame"] < 0.1, "only what is remembered fades"


def test_a_dry_run_shows_what_would_come_and_the_first_day_that_counts_begins_at_1():
    bad = shows(a=shown(50, bad=50), b=shown(50, good=50))
    known: Any = {}
    for number in range(20):
        known |= after(known, bad, DAY + timedelta(days=number), applied=False)
    assert known["a"]["weight"] < 0.6 and counted(known, "on") == {}
    first = after(known, bad, DAY + timedelta(days=20))
    assert first["a"]["before"] == 1 and first["a"]["weight"] >= 1 / STEP - 1e-9
    assert set(counted(first, "on")) == {"a", "b"} and counted(first, "dry_run") == counted(first, "off") == {}


def test_what_a_person_sets_counts_at_once_and_days_go_on_from_there():
    known = days(20, shows(a=shown(50, bad=50), b=shown(50, good=50)))[-1]
    made = set_by("a", known["a"], 1.0, "ana", event_id="1", now=NOW)
    assert (made["weight"], made["before"], made["reason"]) == (1.0, known["a"]["weight"], "Set by ana.")
    assert (made["praise"], made["blame"], made["applied"]) == (0, 0, True)
    last = DAY + timedelta(days=19)
    assert is_reckoned({"a": made}, last), "the day is not reckoned again for it"
    assert not is_reckoned({"a": made}, last + timedelta(days=1))
    assert after({"a": set_by("a", None, 0.5, "ana", event_id="2", now=NOW)}, {})["a"]["weight"] > 0.5


def test_the_docs_tell_how_fast_a_weight_moves():
    docs = (Path(__file__).parents[3] / "docs" / "routing.md").read_text(encoding="utf-8")
    other, bad = shown(50, good=8, bad=2), shown(50, bad=10)
    fallen = days(14, shows(a=bad, b=other))[-1]
    told = {
        "ten bad": days(30, shows(a=bad, b=other)),
        "five good, five bad": days(30, shows(a=shown(50, good=5, bad=5), b=other)),
        "one bad": days(30, shows(a=shown(50, bad=1), b=other)),
        "nothing, after 14 days of ten bad": days(30, shows(a=shown(), b=shown()), fallen, DAY + timedelta(days=14)),
        "as good as of the other, after 14 days of ten bad": days(
            30, shows(a=other, b=other), fallen, DAY + timedelta(days=14)
        ),
    }
    for said, course in told.items():
        figures = [f"{of(course, 'a')[day - 1]:.2f}" for day in (1, 3, 7, 14, 30)]
        assert f"| {said} | {' | '.join(figures)} |" in docs


@pytest.mark.parametrize("over", [{"praise": float("nan")}, {"blame": -5.0}, {"blame": float("inf")}, {"day": "soon"}])
def test_a_record_that_makes_no_sense_spoils_nothing(over):
    spoilt = {"a": weight("a", 0.8, **over), "b": weight("b", float("nan"), **over)}
    made = after(spoilt, shows(a=shown(20, good=5), b=shown(20, good=5)))
    assert 0.8 / STEP <= made["a"]["weight"] <= 0.8 * STEP and made["b"]["before"] == 1
    assert 1 / STEP <= made["b"]["weight"] <= STEP
    assert made["a"]["praise"] + made["a"]["blame"] < 10
    assert is_reckoned(spoilt, DAY) == ("day" not in over)


# -- for any day -------------------------------------------------------------------------------------------------------

_shown = st.builds(
    lambda runs, failed, good, neutral, bad: shown(runs, min(runs, failed), good, neutral, bad),
    st.integers(0, 60),
    st.integers(0, 60),
    *[st.integers(0, 40)] * 3,
)
_shows = st.dictionaries(st.tuples(st.sampled_from("abcde"), st.sampled_from(["law", "chat", "code"])), _shown)
_known = st.dictionaries(
    st.sampled_from("abcde"),
    st.builds(
        lambda value, praise, blame, applied: weight("", value, praise=praise, blame=blame, applied=applied),
        st.floats(LEAST, MOST),
        st.floats(0, 50),
        st.floats(0, 50),
        st.booleans(),
    ),
).map(lambda known: {name: one | {"agent_id": name} for name, one in known.items()})
TODAY = DAY + timedelta(days=1)


@given(_known, _shows, st.floats(1.01, 2), st.booleans())
@settings(max_examples=200, deadline=None)
def test_a_day_moves_a_weight_by_a_step_at_most_within_its_range_and_the_same_each_time(known, day, step, applied):
    made = after(known, day, TODAY, step, applied)
    assert set(made) >= {name for name, _ in day}
    for name, one in made.items():
        assert LEAST <= one["weight"] <= MOST
        assert abs(log2(one["weight"] / one["before"])) <= log2(step) + 1e-9
        if applied and not (name in known and known[name]["applied"]):
            assert one["before"] == 1
        assert one["reason"].endswith(".") and one["applied"] == applied
        assert (one["weight"] - one["before"]) * (one["target"] - one["before"]) >= -1e-9
    assert after(known, dict(reversed(day.items())), TODAY, step, applied) == made


@given(_known, _shows, st.sampled_from("abcde"), st.sampled_from(["law", "chat", "code"]), st.data())
@settings(max_examples=300, deadline=None)
def test_a_bad_word_more_never_raises_a_weight_nor_does_worse_of_the_same(known, day, name, kind, data):
    here = day.get((name, kind), Shown())
    before = after(known, {**day, (name, kind): here}, TODAY)[name]["weight"]
    worse = [replace(here, bad=here.bad + data.draw(st.integers(1, 50)))]
    if here.good:
        worse.append(replace(here, good=here.good - 1, bad=here.bad + 1, worth=here.worth - 1))
        worse.append(replace(here, good=here.good - 1, worth=here.worth - 1))
    if here.completed:
        worse.append(replace(here, completed=here.completed - 1))
    for one in worse:
        assert after(known, {**day, (name, kind): one}, TODAY)[name]["weight"] <= before + 1e-9


@given(_known, _shows, st.permutations("abcde"))
@settings(max_examples=100, deadline=None)
def test_nobody_is_weighed_by_their_name(known, day, names):
    called = dict(zip("abcde", names, strict=True))
    made = after(known, day, TODAY)
    others = {called[name]: one | {"agent_id": called[name]} for name, one in known.items()}
    renamed = after(others, {(called[name], kind): one for (name, kind), one in day.items()}, TODAY)
    assert {called[name]: pytest.approx(one["weight"]) for name, one in made.items()} == {
        name: one["weight"] for name, one in renamed.items()
    }


@given(st.lists(_shown, min_size=2, max_size=8))
@settings(max_examples=100, deadline=None)
def test_weights_do_not_inflate_however_long_a_world_goes_on(agents):
    world = {(str(number), "law"): one for number, one in enumerate(agents)}
    course = days(60, world)
    means = [geometric_mean(one["weight"] for one in known.values()) for known in course]
    assert max(means) < 1.35 and min(means) > 0.65
    assert all(later <= max(1.0, *means[:20]) + 0.02 for later in means[20:])


def test_in_a_usual_world_the_mean_stays_near_1():
    agents = {str(number): shown(40, failed=2, good=8, bad=2) for number in range(9)}
    course = days(60, shows(**agents, x=shown(40, failed=2, bad=10)))
    assert of(course, "x")[-1] < 0.65
    assert all(0.95 < fmean(one["weight"] for one in known.values()) < 1.1 for known in course)


# -- what is read ------------------------------------------------------------------------------------------------------

START = Day(DAY).span[0]
S = 1_000_000


def read(*samples):
    day = Day(DAY)
    for one in samples:
        day.sample(one)
    return day.shows()


def test_a_task_counts_when_its_sample_is_first_written_and_words_when_they_are_said():
    old_task = sample("t-1", revision=1, at=START + S, feedback="negative", agent_id="a", skill="law")
    run = sample("t-2", revision=0, at=START + S, agent_id="a", skill="law")
    failed = sample("t-3", revision=0, at=START + S, agent_id="a", skill="law", status="failed", label=0.0)
    before, later = sample("t-4", at=START - 1, feedback="negative"), sample("t-5", at=START + 86_400 * S)
    assert read(old_task, run, failed, before, later) == {("a", "law"): Shown(2, 1, 0, 0, 1, 0.0)}


def test_of_several_words_about_a_task_the_newest_of_the_day_counts_in_any_order():
    samples = [
        sample("t-1", revision=0, at=START + S),
        sample("t-1", revision=1, at=START + 2 * S, feedback="negative"),
        sample("t-1", revision=2, at=START + 3 * S, feedback="positive"),
        sample("t-1", revision=3, at=START + 86_400 * S, feedback="negative"),
        sample("t-2", revision=0, at=START + S, feedback="neutral", label=0.3),
    ]
    found = {("quick-helper", "light"): Shown(2, 2, 1, 1, 0, 1.3)}
    assert read(*samples) == read(*reversed(samples)) == read(*samples, *samples[1:4]) == found


def test_a_label_that_makes_no_sense_is_passed_over():
    assert read(sample(at=START, label=float("nan")), sample(at=START, label=7.0)) == {}


def test_the_day_that_ended_is_the_one_before_in_utc():
    assert over(START + 86_400 * S) == DAY and over(START + 86_400 * S - 1) == DAY - timedelta(days=1)
