"""The busiest minute of the next hour: learned from the days before, unknown where they are not there."""

from collections.abc import Callable
from functools import cache

import pytest

from processors.predicting.outlook import HOUR, LATE, Busiest, Outlook, highest_of_hours, outlook
from processors.scaling.history import LEAST_S, STEP_S, ahead

DAY_S = 86_400
NOW_S = 1_789_948_800 + 8 * DAY_S + 8 * 3600 + 30
"""Half a minute into a step, at eight o'clock."""


def peak_at_nine(at_s: int) -> float:
    """Busy from nine to eleven, and a little noise that is the same each time."""
    noise = at_s // STEP_S * 2_654_435_761 % 997 / 997
    return (30.0 if 9 * 3600 <= at_s % DAY_S < 11 * 3600 else 5.0) + noise


def past(length_s: int, now_s: int = NOW_S) -> dict[int, float]:
    under_way = now_s - now_s % STEP_S
    return {at: peak_at_nine(at) for at in range(under_way - length_s, under_way + STEP_S, STEP_S)}


@cache
def seen(now_s: int) -> Outlook:
    found = outlook(past(7 * DAY_S, now_s), now_s)
    assert found is not None
    return found


def test_a_peak_is_seen_before_it_comes_with_the_time_at_which_it_comes():
    long_before, shortly = seen(NOW_S - 1800).next_hour(NOW_S - 1800), seen(NOW_S + 1800).next_hour(NOW_S + 1800)
    assert long_before.value < 10, "at half past seven the next hour is quiet"
    assert shortly.value == pytest.approx(31, abs=1.5) and shortly.low <= shortly.value <= shortly.high
    assert 9 * 3600 <= shortly.at_s % DAY_S < 9 * 3600 + 1800, "the step is one of the busy half hour"


def test_an_outlook_is_of_the_hour_from_now_while_it_waits_for_a_newer_one_and_then_of_none():
    found, under_way = seen(NOW_S), NOW_S - NOW_S % STEP_S
    ahead = [found.next_hour(NOW_S + later * STEP_S) for later in range(LATE + 1)]
    assert [one.value for one in ahead] == found.hours.value[HOUR - 1 :]
    assert all(under_way + n * STEP_S <= one.at_s < under_way + (n + HOUR) * STEP_S for n, one in enumerate(ahead))
    assert found.next_hour(NOW_S + (LATE + 1) * STEP_S) is None
    assert found.next_hour(NOW_S - STEP_S) is None


def test_less_than_two_days_let_expect_nothing():
    assert outlook(past(LEAST_S - STEP_S), NOW_S) is None
    assert outlook({}, NOW_S) is None
    assert outlook(past(LEAST_S), NOW_S) is not None


# --- weekdays

MONDAY_S = 1_789_948_800
BUSY, QUIET = 36.0, 12.0


def on_weekdays(at_s: int) -> float:
    noise = at_s // STEP_S * 2_654_435_761 % 997 / 997
    is_busy = (at_s - MONDAY_S) // DAY_S % 7 < 5 and 9 * 3600 <= at_s % DAY_S < 11 * 3600
    return (BUSY if is_busy else QUIET) + noise


def expected_on(load: Callable[[int], float], days: int, clock_s: int) -> Busiest:
    """What is expected at that time, after so many days of past."""
    now_s = MONDAY_S + days * DAY_S + clock_s + 30
    under_way = now_s - now_s % STEP_S
    found = outlook({at: load(at) for at in range(MONDAY_S, under_way, STEP_S)}, now_s)
    assert found is not None
    made = found.next_hour(now_s)
    assert made is not None
    return made


BEFORE_NINE, IN_THE_MORNING = 8 * 3600 + 1800, 9 * 3600 + 1800


def test_after_one_week_a_monday_is_neither_what_sunday_was_nor_surely_what_monday_was() -> None:
    found = expected_on(on_weekdays, 7, BEFORE_NINE)
    assert QUIET + 6 < found.value < BUSY - 6
    assert found.low < QUIET + 3 and found.high > BUSY - 1, "the interval says that nobody knows"


def test_once_the_week_before_was_right_for_a_day_it_is_believed_more_than_yesterday() -> None:
    assert expected_on(on_weekdays, 8, BEFORE_NINE).value > BUSY - 4
    saturday = expected_on(on_weekdays, 12, BEFORE_NINE)
    assert QUIET - 1 < saturday.value < 0.85 * BUSY, "no alarm on the day after five that were busy"


def test_a_load_that_is_another_since_days_is_not_talked_down_by_the_week_before() -> None:
    assert expected_on(lambda at_s: 10.0 if at_s < MONDAY_S + 6 * DAY_S else 30.0, 9, 43_200).value > 28


def test_where_days_are_alike_and_after_two_weeks_the_forecast_stands_as_it_is() -> None:
    for load, days in ((peak_at_nine, 8), (on_weekdays, 14)):
        now_s = MONDAY_S + days * DAY_S + IN_THE_MORNING + 30
        peaks = {at: load(at) for at in range(MONDAY_S, now_s - now_s % STEP_S, STEP_S)}
        plain = ahead(highest_of_hours(peaks), now_s, HOUR + LATE)
        assert outlook(peaks, now_s).hours == plain


def test_after_three_weeks_weekdays_and_weekends_are_known() -> None:
    assert expected_on(on_weekdays, 21, BEFORE_NINE).value == pytest.approx(BUSY, abs=2.5)
    assert expected_on(on_weekdays, 26, BEFORE_NINE).value < QUIET + 4
