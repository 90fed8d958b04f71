"""What `cron`, `every` and `timezone` of a Schedule may say. The grammar belongs to the event: whoever writes one and
whoever runs it read it here. When an expression is due is for processors/scheduling/due.py.

    ┌ minute 0–59  ┌ hour 0–23  ┌ day 1–31  ┌ month 1–12, jan–dec  ┌ weekday 0–7 (0 and 7: Sunday), sun–sat
    *              *            *           *                      *

A field is `*`, a number or name, a range `a-b`, either with a step `/n`, or several of these with commas. When day and
weekday are both narrowed, either is enough, as cron has it.
"""

import re
from datetime import UTC, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo

NAMED = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@weekly": "0 0 * * sun", "@monthly": "0 0 1 * *"}
EVERY_S_MIN, EVERY_S_MAX = 10, 86_400
_DAYS_OF_MONTH = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTHS = {name: n for n, name in enumerate(_MONTH_NAMES, 1)}
_WEEKDAYS = {name: n for n, name in enumerate(_WEEKDAY_NAMES)}


class BadTime(ValueError):
    """An expression that nothing can be meant by; the sentence says what is accepted."""


class _Part(NamedTuple):
    what: str
    low: int
    high: int
    names: dict[str, int]


_PARTS = (
    _Part("minute", 0, 59, {}),
    _Part("hour", 0, 23, {}),
    _Part("day", 1, 31, {}),
    _Part("month", 1, 12, _MONTHS),
    _Part("weekday", 0, 7, _WEEKDAYS),
)


class Cron(NamedTuple):
    """The times of local clocks that an expression names."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    """0 is Sunday."""
    either: bool
    """Day or weekday is enough; else it takes both."""

    def names_day(self, month: int, day: int, weekday: int) -> bool:
        if month not in self.months:
            return False
        by_day, by_weekday = day in self.days, weekday in self.weekdays
        return by_day or by_weekday if self.either else by_day and by_weekday


def cron(text: str) -> Cron:
    """Raises BadTime."""
    said = text.strip().lower()
    if said.startswith("@") and said not in NAMED:
        raise BadTime(f"{text!r} is no time; accepted: {', '.join(NAMED)}, or five fields")
    fields = NAMED.get(said, said).split()
    if len(fields) != len(_PARTS):
        raise BadTime(
            f"{text!r} has {len(fields)} fields, not five: minute, hour, day, month, weekday, as `0 6 * * mon`"
        )
    minutes, hours, days, months, weekdays = (_values(part, field) for part, field in zip(_PARTS, fields, strict=True))
    narrowed = not fields[2].startswith("*"), not fields[4].startswith("*")
    found = Cron(
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        frozenset(days),
        frozenset(months),
        frozenset(day % 7 for day in weekdays),
        all(narrowed),
    )
    if not found.either and min(days) > max(_DAYS_OF_MONTH[month - 1] for month in months):
        raise BadTime(f"{text!r} never comes: none of these months has a day {min(days)}")
    return found


def _values(part: _Part, field: str) -> set[int]:
    found: set[int] = set()
    for one in field.split(","):
        span, slash, step = one.partition("/")
        first, dash, last = span.partition("-")
        if slash and not (re.fullmatch("[0-9]{1,4}", step) and int(step) > 0):
            raise BadTime(f"{step!r} is no step of the {part.what}: write a whole number from 1 after the `/`")
        if slash and span != "*" and not dash:
            raise BadTime(f"{one!r}: a step needs a range: write `{span}-{part.high}/{step}`")
        if span == "*":
            low, high = part.low, part.high
        else:
            low = _value(part, first)
            high = _value(part, last) if dash else low
            if part.what == "weekday" and high == 0 < low:
                high = 7  # fri-sun
        if high < low:
            raise BadTime(
                f"{one!r}: the {part.what} goes from the smaller to the larger; write two ranges with a comma"
            )
        found.update(range(low, high + 1, int(step) if slash else 1))
    return found


def _value(part: _Part, text: str) -> int:
    if text in part.names:
        return part.names[text]
    if re.fullmatch("[0-9]{1,4}", text) and part.low <= int(text) <= part.high:
        return int(text)
    names = f", or {', '.join(part.names)}" if part.names else ""
    raise BadTime(f"{text!r} is no {part.what}: accepted are {part.low} to {part.high}{names}")


def every_s(text: str) -> int:
    """The seconds of `every`. Raises BadTime."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip())
    total = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not EVERY_S_MIN <= total <= EVERY_S_MAX:
        raise BadTime(
            f"{text!r} is no time from 10s to 1d: give it as 30s, 15m or 2h; what comes less often goes into `cron`"
        )
    return total


def zone(name: str) -> tzinfo:
    """The clocks of a place. Raises BadTime."""
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # in turn: unknown, a path, a folder of places
        raise BadTime(
            f"{name!r} is no time zone known here; accepted are UTC and names such as Europe/Berlin"
        ) from None
