"""The busiest minute of the next hour: learned from the days before, unknown where they are not there."""

from functools import cache

import pytest

from processors.predicting.outlook import HOUR, LATE, Outlook, outlook
from processors.scaling.history import LEAST_S, STEP_S

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
