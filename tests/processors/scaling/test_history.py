"""What the past lets expect: busy slots by step, a forecast where enough is known, and instances before the peak."""

from functools import cache
from math import pi, sin

import pytest

from processors.scaling.history import BACK_S, LEAST_S, SETTLED_S, STEP_S, WEEKS_S, History, expected
from tests.support.alerts import outcome
from tests.support.scaling import T0, Fleet, S

DAY_S = 86_400
NOW_S = T0 - T0 % DAY_S


def days(count: int, load, now_s: int = NOW_S) -> dict[int, float]:
    return {at: load(at) for at in range(now_s - count * DAY_S, now_s, STEP_S)}


def peak_at_nine(at_s: int) -> float:
    return 24.0 if 9 * 3600 <= at_s % DAY_S < 11 * 3600 else 4.0


@cache
def at(clock_s: int):
    now_s = NOW_S + clock_s
    return expected(days(7, peak_at_nine, now_s - now_s % STEP_S), now_s)


def test_a_task_counts_in_the_steps_in_which_it_ran_once_it_has_ended():
    history = History(since_s=T0 - T0 % STEP_S)
    for number in range(3):
        history.outcome(outcome(number, T0 * S, started_at=(T0 - 100) * S))
    history.outcome(outcome(3, (T0 - STEP_S) * S))
    history.outcome(outcome(4, T0 * S, started_at=None))
    step = T0 - T0 % STEP_S
    assert history.loads(["coder", "other"]) == {"coder": expected_loads(3, T0 - 100, T0), "other": {}}
    history.outcome(outcome(5, (step + 3 * STEP_S) * S, started_at=step * S))
    assert [history.loads(["coder"])["coder"][step + n * STEP_S] for n in (1, 2)] == [1.0, 1.0]


def expected_loads(count, begin, end):
    """Mean slots at work by step, of so many tasks that ran for so long."""
    step = end - end % STEP_S
    early = max(0, step - begin)
    return {at: count * busy / STEP_S for at, busy in ((step - STEP_S, early), (step, end - begin - early)) if busy}


def test_older_and_newer_pasts_come_together_and_none_counts_twice():
    split = T0 - T0 % STEP_S
    older, newer = History(until_s=split), History(since_s=split)
    for number, ended in enumerate((split - 30, split, split + 30)):
        for history in (older, newer):
            history.outcome(outcome(number, ended * S, started_at=(ended - 60) * S))
    newer.add(older)
    assert newer.loads(["coder"]) == {"coder": {split - STEP_S: 150 / STEP_S, split: 30 / STEP_S}}
    newer.forget(split + BACK_S)
    assert newer.loads(["coder"]) == {"coder": {split: 30 / STEP_S}}


def week(load, until_s: int = NOW_S) -> History:
    """Tasks of a minute up to then, so many in each that as many are at work."""
    history = History()
    for minute in range(until_s - BACK_S, until_s, 60):
        for number in range(load(minute)):
            one = outcome(number, (minute + 59) * S, started_at=minute * S)
            history.outcome(one)
    return history


def test_a_day_that_is_over_is_told_once_and_known_for_weeks() -> None:
    def load(at_s: int) -> int:
        return int(at_s % DAY_S == 9 * 3600)

    history, later_s = week(load), NOW_S + SETTLED_S
    assert history.days_over(later_s - 1, most=9)[-1]["day_at"] == (NOW_S - 2 * DAY_S) * S, "yesterday is too fresh"
    told = history.days_over(later_s, most=9)
    assert [day["day_at"] // S for day in told] == [NOW_S - n * DAY_S for n in (6, 5, 4, 3, 2, 1)], "only whole days"
    assert all(day["peaks"].index(max(day["peaks"])) == 9 * 6 and sum(day["peaks"]) == 0.98 for day in told)
    for day in told:
        history.day(day)
    assert history.days_over(later_s, most=9) == []
    weeks_s = NOW_S - 6 * DAY_S + WEEKS_S
    history.forget(weeks_s)
    known = history.peaks(["coder"])["coder"]
    assert len(known) == 6 * DAY_S // STEP_S and known[NOW_S - 6 * DAY_S + 9 * 3600] == 0.98
    history.forget(weeks_s + DAY_S)
    assert min(history.peaks(["coder"])["coder"]) == NOW_S - 5 * DAY_S


def test_days_that_were_told_before_are_known_beside_what_ended_since() -> None:
    before, history = week(lambda at_s: 3), History(since_s=NOW_S)
    past = History()
    for day in before.days_over(NOW_S + SETTLED_S, most=9):
        past.day(day)
    history.add(past)
    history.outcome(outcome(1, (NOW_S + 59) * S, started_at=NOW_S * S))
    known = history.peaks(["coder", "other"])
    assert known["other"] == {} and known["coder"][NOW_S] == pytest.approx(59 / 60)
    assert known["coder"][NOW_S - DAY_S] == pytest.approx(3 * 59 / 60, abs=0.01)


def test_of_each_day_the_busiest_agents_are_told() -> None:
    history = History()
    for name, tasks in (("busy", 3), ("idle", 1)):
        for number in range(tasks):
            ended = NOW_S - DAY_S + 3600
            history.outcome(outcome(number, ended * S, agent_id=name, started_at=(ended - 50) * S))
    assert [day["agent_id"] for day in history.days_over(NOW_S + SETTLED_S, most=1)] == ["busy"]
    assert [day["agent_id"] for day in history.days_over(NOW_S + SETTLED_S, most=5)] == ["busy", "idle"]
    assert history.busiest(["none", "idle", "busy"], most=5) == ["busy", "idle"]
    assert history.busiest(["idle", "busy"], most=1) == ["busy"]


def test_the_hours_of_every_day_are_learned_from_the_past():
    """Nobody wrote down that nine o'clock is busy."""
    before, quiet = at(8 * 3600 + 1800), at(14 * 3600)
    assert before.soon < 10 < before.upper, "at 8:30 the hour from 9 on is seen"
    assert at(8 * 3600 + 2700).soon == pytest.approx(24.0, rel=0.2), "at 8:45 it is soon"
    assert quiet.soon == pytest.approx(4.0, rel=0.3) and quiet.upper < 12


def test_less_than_two_days_let_expect_nothing():
    short = {step: load for step, load in days(7, peak_at_nine).items() if step >= NOW_S - LEAST_S + STEP_S}
    assert expected(short, NOW_S) is None
    assert expected({}, NOW_S) is None


def test_the_interval_holds_what_comes_in_most_hours():
    def wave(at_s: int) -> float:
        noise = (at_s // STEP_S * 2_654_435_761 % 997) / 997 - 0.5
        return 12 + 8 * sin(2 * pi * at_s / DAY_S) + 4 * noise

    held = []
    for hour in range(1, 24, 6):
        now_s = NOW_S + hour * 3600
        found = expected(days(7, wave, now_s), now_s)
        held += [wave(step) <= found.upper for step in range(now_s, now_s + 3600, STEP_S)]
    assert sum(held) / len(held) >= 0.9


def test_a_peak_that_comes_every_day_finds_the_instances_there():
    """The same morning with and without a forecast."""
    start_s = 8 * 3600
    waits = {}
    for forecast in (True, False):
        fleet = Fleet(lambda t: peak_at_nine(start_s + t) / 10, instances=2)
        for until_s in range(STEP_S, 5400 + STEP_S, STEP_S):
            fleet.run(until_s)
            fleet.scaler.expects({"coder": at(start_s + until_s)} if forecast else {})
        waits[forecast] = max(wait for _, wait in fleet.pools["coder"].waits)
    assert waits[True] <= 1
    assert waits[False] > 20
