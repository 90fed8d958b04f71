"""Factors of a load by hour and weekday."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.calendar import calendar
from schemas.cron import BadTime

TEXT = "9,10,14,15 * 1.3; * mon-wed 1.2"
TOKYO = "Asia/Tokyo"


def us(day: int, hour: int, minute: int = 0, place: str = TOKYO) -> int:
    """In June 2026, of which the first is a Monday."""
    return int(datetime(2026, 6, day, hour, minute, tzinfo=ZoneInfo(place)).timestamp() * 1e6)


def test_peak_hours_and_weekdays_multiply_in_their_own_time_zone() -> None:
    found = calendar(TEXT, TOKYO)
    assert found.factor(us(1, 9, 59)) == pytest.approx(1.56)
    assert found.factor(us(3, 11)) == pytest.approx(1.2)
    assert found.factor(us(4, 14)) == pytest.approx(1.3)
    assert found.factor(us(7, 8, 59)) == 1.0
    assert found.factor(us(1, 0, place="UTC")) == pytest.approx(1.56)


def test_nothing_said_changes_nothing() -> None:
    assert calendar(" ; ", "UTC").factor(us(1, 9)) == 1.0


@given(st.integers(min_value=0, max_value=2**51))
def test_a_factor_is_of_the_hour_and_of_nothing_finer(at_us: int) -> None:
    found = calendar(TEXT, TOKYO)
    hour = datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(minute=0, second=0)
    assert found.factor(at_us) == found.factor(int(hour.timestamp()) * 1_000_000)


@pytest.mark.parametrize(
    ("text", "timezone", "says"),
    [
        ("9 1.3", "UTC", "hours, weekdays, factor"),
        ("25 * 1.3", "UTC", "no hour"),
        ("9 someday 1.3", "UTC", "no weekday"),
        ("9 * much", "UTC", "no factor"),
        ("9 * 0", "UTC", "no factor"),
        ("9 * nan", "UTC", "no factor"),
        ("9 * 1e9", "UTC", "no factor"),
        ("9 * 1.3", "Mars/Olympus", "no time zone"),
    ],
)
def test_what_nothing_can_be_meant_by_is_refused_in_a_sentence(text: str, timezone: str, says: str) -> None:
    with pytest.raises(BadTime, match=says):
        calendar(text, timezone)
