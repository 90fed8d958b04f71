"""When schedules are due: exact moments in UTC, from what a cron expression says of the clocks of a place.

Clocks are put forward and back. A time that they leave out is due at the moment they are put forward, once, however
many such times there are; a time that they show twice is due the first time. So due times follow each other as the
local times do: a later local time is never due earlier. The searches below rest on that.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import islice, takewhile
from typing import NamedTuple

from schemas.cron import Cron, cron, every_s, zone
from schemas.events import Schedule

_DAYS_MAX = 366 * 9
"""29 February comes again after eight years at the most, so what comes at all comes within this."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


class When(NamedTuple):
    """The times of a schedule."""

    cron: Cron | None
    every_us: int
    """Used where there is no `cron`."""
    zone: tzinfo


def when(schedule: Schedule) -> When:
    """Raises BadTime for an expression or a zone that nothing can be meant by."""
    place = zone(schedule["timezone"])
    if schedule["cron"] is not None:
        return When(cron(schedule["cron"]), 0, place)
    return When(None, every_s(schedule["every"] or "") * 1_000_000, place)


def in_words(schedule: Schedule) -> str:
    """Other words are other times."""
    return f"every {schedule['every']}" if schedule["cron"] is None else f"{schedule['cron']} {schedule['timezone']}"


def after(times: When, moment: int) -> int | None:
    """The first due time after a moment [µs, UTC]; null: there is none within nine years."""
    if times.cron is None:
        return (moment // times.every_us + 1) * times.every_us
    now = _EPOCH + moment * _US
    for local in _local_times(times.cron, now.astimezone(times.zone).replace(tzinfo=None), 1):
        if (found := _shown_at(local, times.zone)) > now:
            return (found - _EPOCH) // _US
    return None


def before(times: When, moment: int) -> int | None:
    """The last due time at or before a moment [µs, UTC]; null: there is none within nine years."""
    return next(_downwards(times, moment), None)


def newest(times: When, since: int, until: int, most: int) -> list[int]:
    """The last due times after `since` and up to `until`, oldest first, at most so many."""
    return list(islice(takewhile(lambda due: due > since, _downwards(times, until)), most))[::-1]


def _downwards(times: When, moment: int) -> Iterator[int]:
    """The due times at or before a moment, each once, the last first."""
    if times.cron is None:
        yield from range(moment // times.every_us * times.every_us, -1, -times.every_us)
        return
    now = _EPOCH + moment * _US
    shown = now.astimezone(times.zone)
    # In an hour that comes for the second time, later times than the clocks show were due already.
    ahead = (shown.replace(fold=0).utcoffset() or timedelta()) - (shown.utcoffset() or timedelta())
    last = None
    for local in _local_times(times.cron, shown.replace(tzinfo=None, fold=0) + ahead, -1):
        found = _shown_at(local, times.zone)
        if found <= now and found != last:
            yield (found - _EPOCH) // _US
            last = found


def _local_times(named: Cron, start: datetime, way: int) -> Iterator[datetime]:
    """The local times that an expression names, from the minute of `start` on: upwards (1) or downwards (-1)."""
    minute = start.replace(second=0, microsecond=0)
    for day in _days(named, minute.date(), way):
        first = day == minute.date()
        for hour in named.hours[::way]:
            if first and (hour - minute.hour) * way < 0:
                continue
            for one in named.minutes[::way]:
                if not (first and hour == minute.hour and (one - minute.minute) * way < 0):
                    yield datetime(day.year, day.month, day.day, hour, one)


def _days(named: Cron, start: date, way: int) -> Iterator[date]:
    for number in range(_DAYS_MAX):
        day = start + timedelta(days=number * way)
        if named.names_day(day.month, day.day, day.isoweekday() % 7):
            yield day


def _shown_at(local: datetime, place: tzinfo) -> datetime:
    """When the clocks of a place show this time first, or are put forward past it."""
    by_old = local.replace(tzinfo=place, fold=0).astimezone(UTC)
    by_new = local.replace(tzinfo=place, fold=1).astimezone(UTC)
    if by_old <= by_new:  # shown once, or twice
        return by_old
    # Left out: the clocks are put forward after `by_new`, and at or before `by_old`.
    offset = by_new.astimezone(place).utcoffset()
    low, high = 0, int((by_old - by_new).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        still = (by_new + timedelta(seconds=middle)).astimezone(place).utcoffset() == offset
        low, high = (middle, high) if still else (low, middle)
    return by_new + timedelta(seconds=high)
