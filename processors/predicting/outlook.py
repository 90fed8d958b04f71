"""The busiest minute of the next hour, in tasks at work, from the busiest minutes of the past.

What is forecast is not the load of each step but the highest of a whole hour, as a series of its own: the highest of
several uncertain steps is more than any of them is expected to be, and its interval is other than theirs.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import NamedTuple

from processors.forecasting.forecast import Forecast
from processors.scaling.history import DAY_S, HORIZON_S, STEP_S, ahead

HOUR = HORIZON_S // STEP_S
"""Steps."""
LATE = 2
"""Steps for which an outlook is used, when no newer one comes."""
WEEK_S = 7 * DAY_S


class Busiest(NamedTuple):
    value: float
    low: float
    high: float
    at_s: int
    """Start of the step that was the busiest of that hour in the days before, on the mean."""


@dataclass(frozen=True, slots=True)
class Outlook:
    hours: Forecast
    """Of the highest minute in the hour that ends with each step."""
    usual: Mapping[int, float]
    """Mean of the busiest minutes by step of the day."""

    def next_hour(self, now_s: int) -> Busiest | None:
        """Null where it is too old to tell."""
        under_way = self.hours.at_s[0]
        passed = round((now_s - under_way) / STEP_S)
        if not 0 <= passed <= LATE:
            return None
        ends = passed + HOUR - 1
        first = under_way + passed * STEP_S
        at_s = max(range(first, first + HORIZON_S, STEP_S), key=lambda at: (self.usual.get(at % DAY_S, 0.0), -at))
        return Busiest(self.hours.value[ends], self.hours.low[ends], self.hours.high[ends], at_s)


def outlook(peaks: Mapping[int, float], now_s: int) -> Outlook | None:
    """`peaks`: the busiest minute of each step. Null where too little is known to have tried it on the past."""
    highest = highest_of_hours(peaks)
    hours = ahead(highest, now_s, HOUR + LATE)
    if hours is None:
        return None
    if now_s - min(highest) < 2 * WEEK_S:  # later the forecast knows weeks by itself
        hours = _with_a_week_ago(hours, highest, now_s)
    by_time = defaultdict[int, list[float]](list)
    for at, peak in peaks.items():
        by_time[at % DAY_S].append(peak)
    return Outlook(hours, {time: fmean(found) for time, found in by_time.items()})


def highest_of_hours(peaks: Mapping[int, float]) -> dict[int, float]:
    """Of the hour that ends with each step; a step without any work is nothing to a past without work."""
    found: dict[int, float] = {}
    for at, peak in peaks.items():
        for later in range(at, at + HORIZON_S, STEP_S):
            found[later] = max(found.get(later, 0.0), peak)
    return found


def _with_a_week_ago(hours: Forecast, highest: Mapping[int, float], now_s: int) -> Forecast:
    """Where the same time a week ago says quite another thing than the days before, neither is believed alone: half of
    either at first, then by how far each was off in the last day. The interval reaches from one to the other."""
    belief = _belief_in_weeks(highest, now_s)
    value, low, high = list(hours.value), list(hours.low), list(hours.high)
    for n, at in enumerate(hours.at_s):
        if at - WEEK_S < min(highest):
            continue
        ago, width = highest.get(at - WEEK_S, 0.0), high[n] - low[n]
        if not low[n] - width <= ago <= high[n] + width:
            value[n] += belief * (ago - value[n])
            low[n], high[n] = min(low[n], ago), max(high[n], ago)
    return replace(hours, value=value, low=low, high=high)


def _belief_in_weeks(highest: Mapping[int, float], now_s: int) -> float:
    under_way = now_s - now_s % STEP_S
    last_day = range(under_way - DAY_S, under_way, STEP_S)
    known = [at for at in last_day if at - WEEK_S >= min(highest)]
    off = {
        back: sum(abs(highest.get(at, 0.0) - highest.get(at - back, 0.0)) for at in known) for back in (DAY_S, WEEK_S)
    }
    if not sum(off.values()):
        return 0.5
    share = len(known) / len(last_day)
    return 0.5 + share * (off[DAY_S] / sum(off.values()) - 0.5)
