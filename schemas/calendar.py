"""What the setting `calendar` says: by how much a load is larger at certain hours, or on certain weekdays.

Entries with semicolons between, each the hours and the weekdays as cron has them, and a factor:

    9,10,14,15 * 1.3; * mon-wed 1.2

At an hour that several entries name, their factors multiply; where none does, it is 1.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from schemas.cron import BadTime, Cron, cron, zone

FACTOR_MIN, FACTOR_MAX = 0.1, 10.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Entry(NamedTuple):
    times: Cron
    factor: float

    def names(self, at: datetime) -> bool:
        return at.hour in self.times.hours and self.times.names_day(at.month, at.day, at.isoweekday() % 7)


class Calendar(NamedTuple):
    entries: tuple[Entry, ...]
    place: tzinfo

    def factor(self, at_us: int) -> float:
        local = (_EPOCH + timedelta(microseconds=at_us)).astimezone(self.place)
        found = 1.0
        for entry in self.entries:
            found *= entry.factor if entry.names(local) else 1.0
        return found


def calendar(text: str, timezone: str) -> Calendar:
    """Raises BadTime."""
    return Calendar(tuple(_entry(one) for one in text.split(";") if one.strip()), zone(timezone))


def _entry(text: str) -> Entry:
    fields = text.split()
    if len(fields) != 3:
        raise BadTime(f"{text.strip()!r} is no entry of a calendar: hours, weekdays, factor, as `9,10 mon-fri 1.3`")
    hours, weekdays, factor = fields
    try:
        value = float(factor)
    except ValueError:
        value = 0.0
    if not FACTOR_MIN <= value <= FACTOR_MAX:
        raise BadTime(f"{factor!r} is no factor of a load: accepted are {FACTOR_MIN:g} to {FACTOR_MAX:g}")
    return Entry(cron(f"0 {hours} * * {weekdays}"), value)
