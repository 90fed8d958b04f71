"""Due times against a clock that is read minute by minute, above all where clocks are put forward and back."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from processors.scheduling.due import When, after, before, newest
from schemas.cron import Cron, cron

MINUTE = timedelta(minutes=1)
DAYS = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25", "2026-06-01"),
    "America/New_York": ("2026-03-08", "2026-11-01", "2026-12-31"),
    "Asia/Tokyo": ("2026-03-29", "2026-10-25", "2024-02-29"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),  # by half an hour
    "Asia/Beirut": ("2026-03-29",),  # at midnight
}
PLACES = [(zone, day) for zone, days in DAYS.items() for day in days]


def us(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000


def told(moment: int | None) -> str:
    assert moment is not None
    return datetime.fromtimestamp(moment / 1e6, UTC).strftime("%d. %H:%M")


def read(named: Cron, zone: ZoneInfo, start: datetime, minutes: int) -> list[int]:
    """The due times as a person would find them, who looks at the clock each minute."""

    def names(shown: datetime) -> bool:
        day = named.names_day(shown.month, shown.day, shown.isoweekday() % 7)
        return day and shown.hour in named.hours and shown.minute in named.minutes

    found = []
    for number in range(minutes):
        now = (start + number * MINUTE).astimezone(zone)
        expected = (start + (number - 1) * MINUTE).astimezone(zone).replace(tzinfo=None) + MINUTE
        shown, passed = now.replace(tzinfo=None), []
        while expected < shown:  # put forward: these times are left out
            passed.append(expected)
            expected += MINUTE
        if any(map(names, passed)) or (names(shown) and not now.fold):
            found.append(us(start + number * MINUTE))
    return found


def some(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    step = st.tuples(st.one_of(st.just("*"), span), st.integers(1, 30)).map(lambda two: f"{two[0]}/{two[1]}")
    return st.lists(st.one_of(st.just("*"), number.map(str), span, step), min_size=1, max_size=2).map(",".join)


EXPRESSIONS = st.tuples(some(0, 59), some(0, 5), st.sampled_from(["* * *", "*/2 * *", "* * sun", "29 * mon"])).map(
    " ".join
)


@settings(max_examples=60)
@given(EXPRESSIONS, st.sampled_from(PLACES), st.integers(0, 59_999_999))
@example("30 2 * * *", ("Europe/Berlin", "2026-03-29"), 0)
@example("*/15 1-3 * * *", ("America/New_York", "2026-11-01"), 1)
def test_due_times_are_those_that_the_clock_shows_first_or_leaves_out(said, place, offset):
    zone = ZoneInfo(place[0])
    times = When(cron(said), 0, zone)
    start = datetime.fromisoformat(place[1]).replace(tzinfo=zone).astimezone(UTC) - timedelta(hours=3)
    due = read(times.cron, zone, start, 14 * 60)
    end = us(start + 14 * 60 * MINUTE) - 1
    assert newest(times, us(start) - 1, end, 10_000) == due

    upwards, moment = [], us(start) - 1
    while (moment := after(times, moment)) is not None and moment <= end:
        upwards.append(moment)
    assert upwards == due == sorted(set(due))
    for one in due[:5]:
        assert before(times, one) == before(times, one + offset) == one
        assert after(times, one - 1) == one


@given(st.integers(10, 86_400), st.integers(0, 2**50), st.integers(0, 10**9))
def test_a_time_of_every_is_a_multiple_of_it(every_s, moment, span):
    times = When(None, every_s * 1_000_000, UTC)
    due = after(times, moment)
    assert due is not None and moment < due <= moment + times.every_us and due % times.every_us == 0
    assert before(times, due) == due and before(times, due - 1) == due - times.every_us
    assert all(one % times.every_us == 0 for one in newest(times, moment, moment + span, 50))


@pytest.mark.parametrize(
    ("zone", "said", "start", "first", "then"),
    [
        ("Europe/Berlin", "30 2 * * *", "2026-03-28T12:00", "29. 01:00", "30. 00:30"),
        ("Europe/Berlin", "*/20 2 29 3 *", "2026-03-28T12:00", "29. 01:00", "29. 00:00"),
        ("Europe/Berlin", "30 2 * * *", "2026-10-24T12:00", "25. 00:30", "26. 01:30"),
        ("America/New_York", "30 2 * * *", "2026-03-07T12:00", "08. 07:00", "09. 06:30"),
        ("America/New_York", "30 1 * * *", "2026-10-31T12:00", "01. 05:30", "02. 06:30"),
        ("Asia/Tokyo", "30 2 * * *", "2026-03-28T12:00", "28. 17:30", "29. 17:30"),
        ("UTC", "0 0 29 2 *", "2096-03-01T00:00", "29. 00:00", "29. 00:00"),
    ],
)
def test_a_time_left_out_is_due_at_the_shift_and_one_shown_twice_is_due_once(zone, said, start, first, then):
    times = When(cron(said), 0, ZoneInfo(zone))
    one = after(times, us(datetime.fromisoformat(start).replace(tzinfo=UTC)))
    assert told(one) == first
    assert told(after(times, one or 0)) == then
