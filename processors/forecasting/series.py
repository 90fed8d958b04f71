"""A regular series out of a table of times and values; everything that had to be done to it is told.

The step is found from the data, rows may come in any order, several rows of a step become one, and steps without a row
are filled in for the rules that look back, but never learned from and never compared with.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Combine = Literal["mean", "sum"]

DAY_S = 86_400
STEPS_MIN = 3
STEPS_MAX = 20_000
"""Two weeks of minutes, ten of five minutes: the newest are kept, for the profile of a day needs no more."""
USUAL_STEPS_S = (
    *(1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600),
    *(7200, 10_800, 14_400, 21_600, 43_200, 86_400, 604_800),
)
NEAR = 0.1
"""A step this near to a usual one is that one: clocks of collectors drift."""
VALUE_MAX = 1e300
OUTAGE = 3
"""Gaps up to so many steps keep the last value; longer ones are as the day before, where there is one."""
CLOCK_CHANGES = 4
"""A year, at the most, of one place: summer time, and a law."""


class BadData(ValueError):
    """A sentence that says what is wrong with the table, and what to do."""


@dataclass(frozen=True)
class Series:
    start_s: int
    step_s: int
    values: Floats
    seen: Bools
    """Where there was a row; elsewhere the value is filled in."""
    offset_at: Callable[[Ints], Ints]
    """How far the wall clock is ahead of UTC at each time, in seconds: days and weeks are those of the people there."""
    notes: list[str] = field(default_factory=list)

    def local_s(self, horizon: int) -> Ints:
        """The wall clock at each step of the past and of the horizon."""
        times = self.start_s + np.arange(len(self.values) + horizon, dtype=np.int64) * self.step_s
        return times + self.offset_at(times)


def regular(
    times_s: Floats,
    values: Floats,
    *,
    offsets_s: Ints | None = None,
    zone: tzinfo | None = None,
    step_s: int | None = None,
    combine: Combine = "mean",
    zero_until_s: int | None = None,
) -> Series:
    """Missing values are NaN. `offsets_s` tells the zone of each row; `zone` goes before it; without either it is UTC.

    With `zero_until_s` a step without a row had nothing to count and is 0, up to that time.
    """
    notes: list[str] = []
    times, numbers, offsets = _in_order(times_s, values, offsets_s, notes)
    offsets = _of_one_clock(times, offsets, zone, notes)
    found, even = _step(times)
    step = step_s or found
    wide = step > found or not even
    index, start = _bins(times, step, int(offsets[-1]), wide=wide)
    if combine == "sum" and wide and start + (int(index[-1]) + 1) * step > times[-1] + found and index[-1] > 0:
        whole = index < index[-1]
        index, numbers = index[whole], numbers[whole]
        notes.append("The last step is not over yet and was left out.")
    if step_s is None and not even:
        notes.append(f"Rows come at uneven times; they were put into steps of {_words(step)}.")
    index, numbers = _one_a_step(index, numbers, combine, notes)
    last = int(index[-1])
    if zero_until_s is not None:
        last = max(last, (zero_until_s - start) // step - 1)
    first = max(0, last + 1 - STEPS_MAX)
    if first:
        notes.append(f"Only the newest {STEPS_MAX:,} steps are looked at; an older past was left out.")
    kept = index >= first
    dense = np.full(last + 1 - first, np.nan)
    dense[index[kept] - first] = numbers[kept]
    if zero_until_s is not None:
        dense[np.isnan(dense)] = 0.0
    begin = int(np.isfinite(dense).argmax())  # a cut may have fallen into a gap
    first, dense = first + begin, dense[begin:]
    seen = np.isfinite(dense)
    _tell_gaps(seen, notes)
    if int(seen.sum()) < STEPS_MIN:
        raise BadData(
            f"There are values for {int(seen.sum())} steps of {_words(step)}; a forecast needs {STEPS_MIN} at least."
        )
    clock = _clock(zone, times, offsets)
    return Series(start + first * step, step, _filled(dense, seen, max(1, round(DAY_S / step))), seen, clock, notes)


def _in_order(times_s: Floats, values: Floats, offsets_s: Ints | None, notes: list[str]) -> tuple[Floats, Floats, Ints]:
    known = np.isfinite(values) & np.isfinite(times_s)
    if lost := int((~known).sum()):
        notes.append(f"{_many(lost, 'row')} had no value and counted as missing, not as 0.")
    times, numbers = times_s[known].astype(np.float64), values[known].astype(np.float64)
    offsets = np.zeros(len(times), dtype=np.int64) if offsets_s is None else offsets_s[known]
    if not len(times):
        raise BadData("There is no row with a value.")
    if float(np.abs(numbers).max()) > VALUE_MAX:
        raise BadData(f"A value is larger than {VALUE_MAX:g}: nothing can be reckoned with it.")
    if (np.diff(times) < 0).any():
        notes.append("Rows were not in the order of time and were sorted.")
    order = np.lexsort((offsets, numbers, times))
    return times[order], numbers[order], offsets[order]


def _step(times: Floats) -> tuple[int, bool]:
    """The step, and whether most rows keep it."""
    gaps = np.diff(np.unique(times))
    if not len(gaps):
        raise BadData("All rows are of one time; a forecast needs a past.")
    often = np.bincount(np.searchsorted(rounded := np.unique(np.round(gaps)), np.round(gaps)))
    usual, middle = float(rounded[int(often.argmax())]), float(np.median(gaps))
    near = float((np.abs(gaps - middle) <= NEAR * middle).mean())
    if often.max() / len(gaps) >= 0.5 and usual >= 1:
        return int(usual), True
    snapped = min(USUAL_STEPS_S, key=lambda step: abs(step - middle))
    if near >= 0.5 and abs(snapped - middle) <= NEAR * middle:
        return snapped, True
    return next((step for step in USUAL_STEPS_S if step >= middle), USUAL_STEPS_S[-1]), False


def _bins(times: Floats, step: int, offset_s: int, *, wide: bool) -> tuple[Ints, int]:
    """The step of each row, and the time of the first. Wide steps begin where the wall clock's do; others keep the
    phase that the rows have."""
    if wide:
        bins = np.floor((times + offset_s) / step).astype(np.int64)
        return bins - bins[0], int(bins[0]) * step - offset_s
    last = round(float(times[-1]))
    bins = np.rint((times - last) / step).astype(np.int64)
    return bins - bins[0], last + int(bins[0]) * step


def _one_a_step(index: Ints, numbers: Floats, combine: Combine, notes: list[str]) -> tuple[Ints, Floats]:
    steps, place, times = np.unique(index, return_inverse=True, return_counts=True)
    if (several := int((times > 1).sum())) == 0:
        return steps, numbers
    # Divided before they are added, so that the mean of large numbers is a number.
    share = numbers / times[place] if combine == "mean" else numbers
    made = np.zeros(len(steps))
    np.add.at(made, place, share)
    how = "averaged (--combine sum adds them up)" if combine == "mean" else "added up"
    notes.append(f"{_many(several, 'step')} had several rows, which were {how}.")
    return steps, np.clip(made, -VALUE_MAX, VALUE_MAX)


def _tell_gaps(seen: Bools, notes: list[str]) -> None:
    if empty := int((~seen).sum()):
        share = empty / len(seen)
        told = f"{_many(empty, 'step')} of {len(seen):,} ({share:.1%}) had no row and were filled in, not taken as 0."
        notes.append(told + (" That is much: trust it less." if share > 0.3 else ""))


def _filled(dense: Floats, seen: Bools, day: int) -> Floats:
    """Only from what stood before the gap, so that nobody who looks back sees what was still to come."""
    places = np.arange(len(dense))
    filled: Floats = dense[np.maximum.accumulate(np.where(seen, places, 0))]
    edges = np.flatnonzero(np.diff(np.concatenate([[1], seen.astype(np.int64), [1]])))
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        if end - begin > OUTAGE:
            for at in range(max(begin, day), end):
                filled[at] = filled[at - day]
    return filled


def _of_one_clock(times: Floats, offsets: Ints, zone: tzinfo | None, notes: list[str]) -> Ints:
    """As they are where clock changes explain them; rows from several places have no clock in common but UTC."""
    changes = int((np.diff(offsets) != 0).sum())
    years = (times[-1] - times[0]) / (365 * DAY_S)
    if zone is not None or changes <= CLOCK_CHANGES * (years + 1):
        return offsets
    notes.append(
        f"Rows name other UTC offsets {changes:,} times, more often than clocks change; they were read by UTC "
        "(--timezone names a zone)."
    )
    return np.zeros_like(offsets)


def _clock(zone: tzinfo | None, times: Floats, offsets: Ints) -> Callable[[Ints], Ints]:
    if zone is not None:
        return lambda at: np.array([_offset(zone, int(moment)) for moment in at], dtype=np.int64)
    changes = np.flatnonzero(np.diff(offsets)) + 1
    since, ahead = times[changes], np.concatenate([offsets[:1], offsets[changes]])
    return lambda at: ahead[np.searchsorted(since, at, side="right")]


def _offset(zone: tzinfo, moment_s: int) -> int:
    ahead = datetime.fromtimestamp(moment_s, UTC).astimezone(zone).utcoffset()
    return int(ahead.total_seconds()) if ahead is not None else 0


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _words(step_s: int) -> str:
    for unit_s, unit in ((DAY_S, "d"), (3600, "h"), (60, "min")):
        if step_s % unit_s == 0:
            return f"{step_s // unit_s} {unit}"
    return f"{step_s} s"
