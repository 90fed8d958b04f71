"""Signals, sizes and single decisions of the autoscaler, and replacements for instances that fell silent."""

from dataclasses import replace

import pytest

from processors.scaling.autoscaler import HELD_US, Autoscaler
from processors.scaling.emergency import Change, replacements
from processors.scaling.signals import score, seen
from processors.scaling.sizing import Expected, by_calendar, kept_at_least, slots_wanted
from schemas.calendar import calendar
from tests.support.scaling import LIMITS, T0, S, definition, status, wish


def pools(at_s=0.0, **over):
    return seen([status(**over)], int((T0 + at_s) * S))


def test_what_waits_has_waited_on_since_its_pool_told_it():
    assert pools(at_s=40, waiting=1, oldest_wait_ms=5_000).oldest_wait_s == 45
    assert pools(at_s=40, oldest_wait_ms=0).oldest_wait_s == 0


def test_pools_of_one_agent_count_together():
    both = [status(pool="a", running=2, waiting=1, error_rate=0.2), status(pool="b", running=4, slots=30, completed=7)]
    found = seen(both, T0 * S)
    assert (found.running, found.waiting, found.slots, found.arrived) == (6, 1, 40, 14)
    assert found.error_rate == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("over", "load", "asks"),
    [
        ({}, 0.2, "fewer"),
        ({}, 0.31, "nothing"),
        ({}, 0.79, "nothing"),
        ({}, 0.81, "more"),
        ({"waiting": 101, "oldest_wait_ms": 31_000, "running": 9, "error_rate": 0.06}, 0.5, "more"),
        ({"waiting": 101, "oldest_wait_ms": 4_000}, 0.5, "nothing"),
        ({"error_rate": 1.0, "running": 4}, 0.1, "nothing"),
        ({"waiting": 19, "oldest_wait_ms": 4_000, "running": 2, "error_rate": 0.005}, 0.2, "fewer"),
    ],
)
def test_either_of_load_and_composite_asks_for_more_and_only_both_for_fewer(over, load, asks):
    value = score(pools(**over), load).value
    assert ("more" if value > 1 else "fewer" if value < 0 else "nothing") == asks


def test_the_composite_weighs_queue_wait_busy_and_errors():
    at_the_top = {"waiting": 100, "oldest_wait_ms": 30_000, "running": 8, "error_rate": 0.05}
    assert score(pools(**at_the_top), 0.0).value == pytest.approx(1.0)
    at_the_end = {"waiting": 20, "oldest_wait_ms": 5_000, "running": 3, "error_rate": 0.01}
    assert score(pools(**at_the_end), 0.0).value == pytest.approx(0.0)
    for name, part in (("waiting", 0.6), ("oldest_wait_ms", 0.7), ("running", 0.8), ("error_rate", 0.9)):
        assert score(pools(**at_the_top | {name: at_the_end[name]}), 0.0).value == pytest.approx(part)


def test_processors_and_busy_slots_share_a_weight_and_whichever_asks_for_more_counts():
    told = {"waiting": 60, "oldest_wait_ms": 17_500, "error_rate": 0.03}
    rest = 0.4 * 0.5 + 0.3 * 0.5 + 0.1 * 0.5
    assert score(pools(**told, running=3), 0.0, cpu=0.7).value == pytest.approx(rest + 0.2)
    assert score(pools(**told, running=8), 0.0, cpu=0.1).value == pytest.approx(rest + 0.2), "it waits for a model"
    assert score(pools(**told, running=0), 0.0, cpu=1.0).value == pytest.approx(rest - 0.2 * 0.6), "others are busy"
    names = [signal["name"] for signal in score(pools(**told), 0.0, cpu=0.7).signals]
    assert names == ["load", "queue", "wait_s", "utilisation", "errors", "cpu"]


def test_slots_are_for_what_comes_and_to_work_off_what_waits():
    assert slots_wanted(pools(), per_s=1.2) == pytest.approx(20.0), "12 busy slots are 60 % of 20"
    assert slots_wanted(pools(waiting=600), per_s=1.2) == pytest.approx(32.0), "600 × 10 s within 300 s are 20 more"
    slow = pools(waiting=8, mean_response_ms=3_600_000.0)
    assert slots_wanted(slow, per_s=0.0) == pytest.approx(8.0), "a waiting task needs one slot at most"
    assert slots_wanted(pools(waiting=8, running=3, mean_response_ms=0.0), per_s=0.0) == pytest.approx(11.0)


def test_a_scale_in_leaves_the_slots_that_are_at_work_and_what_may_come():
    assert kept_at_least(pools(running=11), None, 5) == 3
    assert kept_at_least(pools(running=1), Expected(2.0, 16.0), 5) == 4


def loaded(mode="on"):
    scaler = Autoscaler(LIMITS, mode, ("",))
    scaler.agent(definition("coder", 2))
    return scaler


def twice(scaler, at_s):
    """Two looks at far too much work; what the second decides."""
    for shift in (0, 30):
        scaler.pool(status(at_s=at_s + shift, waiting=200, running=10, oldest_wait_ms=60_000))
        made = scaler.look(int((T0 + at_s + shift) * S))
        if not shift:
            assert made == [], "one look alone decides nothing"
    return made


def test_what_could_not_be_done_is_asked_for_again_at_the_next_look():
    scaler = loaded()
    [decision] = twice(scaler, 0)
    scaler.undone(decision)
    scaler.pool(status(at_s=60, waiting=200, running=10, oldest_wait_ms=60_000))
    [again] = scaler.look(int((T0 + 60) * S))
    assert (again["before"], again["after"]) == (decision["before"], decision["after"])


def test_what_a_dry_run_said_holds_off_nothing_that_is_done():
    scaler = loaded()
    [dry] = twice(loaded("dry_run"), 0)
    scaler.decided(dry)
    assert twice(scaler, 60)


def test_a_change_whose_decision_was_never_written_has_its_cool_down_too():
    scaler = loaded()
    scaler.desired(wish(3, -100))
    assert twice(scaler, 0) == []
    scaler.pool(status(at_s=210, waiting=200, running=10, oldest_wait_ms=60_000))
    assert scaler.look((T0 + 210) * S)[0]["before"] == 3


def quiet(running, instances=2):
    """The size after an hour of looks, when a pool that had so much at work says nothing more."""
    scaler = loaded()
    scaler.pool(status(running=running, slots=10, instances=instances))
    made = [decision for at_s in range(0, 3600, 30) for decision in scaler.look((T0 + at_s) * S)]
    return made[-1]["after"] if made else 2


def test_a_pool_with_work_of_which_nothing_is_heard_keeps_its_instances():
    assert quiet(running=1) == 2
    assert quiet(running=0) == 1, "one that was idle then is idle"


@pytest.mark.parametrize("over", [{"runner": "external"}, {"removed": True}])
def test_agents_of_outside_and_removed_ones_are_left_alone(over):
    scaler = loaded()
    scaler.agent(definition("coder", 2, **over))
    assert twice(scaler, 0) == []


def test_more_than_an_agent_may_have_is_left_until_fewer_are_needed():
    scaler = loaded()
    scaler.desired(wish(14, -7200, by="ana"))
    assert twice(scaler, 0) == []
    assert scaler.size("coder") == 14


def test_as_many_are_asked_for_as_are_silent_within_the_bounds():
    agents = [definition(name, 4) for name in ("a", "b", "c", "d")] + [definition("out", 4, runner="external")]
    wishes = {"c": wish(9, 0, "c")}
    statuses = [
        status("a", instances=1),
        status("b", instances=4),
        status("c", instances=2),
        status("out", instances=0),
    ]
    late = wishes["c"]["at"] + LIMITS.up_us
    found = replacements(agents, wishes, statuses, ("",), LIMITS, late)
    assert found == {"a": Change(4, 7), "c": Change(9, 10)}, "of d nothing is known, and b has all"
    tight = replace(LIMITS, fleet_max=21 + 2)
    assert replacements(agents, wishes, statuses, ("",), tight, late) == {"c": Change(9, 10), "a": Change(4, 5)}


def test_what_was_asked_for_a_moment_ago_and_what_a_person_asked_for_is_not_raised_again():
    agents, statuses = [definition("c", 4)], [status("c", instances=2)]
    own, hers = wish(4, 0, "c"), wish(4, 0, "c", by="ana")
    for asked, held_us in ((own, LIMITS.up_us), (hers, HELD_US)):
        for since, found in ((held_us - 1, {}), (held_us, {"c": Change(4, 6)})):
            assert replacements(agents, {"c": asked}, statuses, ("",), LIMITS, asked["at"] + since) == found


def test_nothing_goes_while_instances_that_are_wanted_do_not_answer():
    assert quiet(running=0, instances=1) == 2


# --- the calendar, until there is a forecast

PEAKS = calendar("9,10,14,15 * 1.3; * mon-wed 1.2", "Asia/Tokyo")
SUNDAY_23_35 = 1_790_519_700
"""In Tokyo; 25 minutes later both the day and no hour rise."""
TUESDAY_8_35 = 1_790_638_500


def looked_at(at_s: int, running: int, **forecast: Expected):
    """What comes of two looks at a pool of twenty slots with so many at work, of ten seconds each."""
    scaler = Autoscaler(replace(LIMITS, calendar=PEAKS), "on", ("",))
    scaler.agent(definition("coder", 4))
    made = []
    for shift in (0, 30):
        at = at_s + shift
        scaler.pool(status(at=at * S, running=running, slots=20, instances=4, completed=running * shift // 10))
        scaler.expects(forecast)
        made = scaler.look(at * S)
    return made


def test_a_calendar_tells_what_rises_within_the_half_hour_and_the_hour() -> None:
    at_work = 10.0
    assert by_calendar(PEAKS, at_work, TUESDAY_8_35 * S) == Expected(13.0, 13.0, "calendar")
    assert by_calendar(PEAKS, at_work, (TUESDAY_8_35 - 1200) * S) == Expected(10.0, 13.0, "calendar")
    assert by_calendar(PEAKS, at_work, (TUESDAY_8_35 + 1800) * S) is None, "it is in the load already"


def test_instances_are_there_before_the_hour_that_the_calendar_names() -> None:
    [grown] = looked_at(TUESDAY_8_35, running=14)
    assert (grown["before"], grown["after"]) == (4, 7)
    assert grown["reason"].startswith("The calendar expects 18.2 slots at work soon, a load of 91%.")
    [grown] = looked_at(SUNDAY_23_35, running=14)
    assert grown["reason"].startswith("The calendar expects 16.8 slots at work soon, a load of 84%.")
    assert looked_at(TUESDAY_8_35 - 7200, running=14) == []


def test_who_has_a_forecast_does_not_go_by_the_calendar() -> None:
    assert looked_at(TUESDAY_8_35, running=14, coder=Expected(14.0, 14.0)) == []
