"""Many simple forecasters over one series, run side by side in one pass; who of them is believed is decided elsewhere.

Each is a damped level with seasonal profiles and an error that fades (double-seasonal exponential smoothing with AR(1)
errors, after Taylor), in the values themselves or in their logarithm, or a plain rule over earlier values. Every
forecast is made from what stood before its origin, so that a backtest over the origins tells the truth.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

DAY_S = 86_400
WEEK_S = 7 * DAY_S

LOG_FLOOR = 0.1
"""Added before the logarithm, in units of the mean value, so that zeros have one and weigh little."""
CLIP = 4.0
"""Surprises count up to this many times their usual size: an outlier pulls no further, a shift gets through."""
SCALE_GAIN = 0.02
TREND_DAMPING = 0.97
DAY_SHRINKAGE = 0.5
WEEK_SHRINKAGE = 1.0
"""As if so many cycles without any deviation had been seen before the first."""
WEEK_GAIN_MAX = 0.3
COARSE_S = 1800
"""Slots of the coarse day profile, which is steadier where the step is short."""

# Level gain, how much of the last surprise lasts to the next step, trend gain.
LEVELS = (
    (0.01, 0.0, 0.0),
    (0.01, 0.5, 0.0),
    (0.01, 0.8, 0.0),
    (0.02, 0.95, 0.0),
    (0.1, 0.0, 0.0),
    (0.3, 0.0, 0.0),
    (0.6, 0.0, 0.0),
    (0.2, 0.0, 0.02),
)
PROFILE_GAINS = (0.05, 0.25)


class Calendar(NamedTuple):
    """For each step of the past and of the horizon: the slot of the day, fine and coarse, and of the week."""

    fine: Ints
    coarse: Ints
    week: Ints
    lags: dict[str, int]
    """The seasons that the history is long enough for, with their length in steps."""


@dataclass(frozen=True)
class Expert:
    name: str
    level: float = 0.0
    lasting: float = 0.0
    trend: float = 0.0
    profile: float = 0.0
    day: bool = False
    week: bool = False
    coarse: bool = False
    log: bool = False


def calendar_of(local_s: Ints, step_s: int, length: int) -> Calendar:
    """`local_s`: the wall clock at each step, as seconds; the first `length` steps are the past."""
    span_s = length * step_s
    lags = {
        name: round(season_s / step_s)
        for name, season_s in (("day", DAY_S), ("week", WEEK_S))
        if season_s >= 2 * step_s and span_s >= 2 * season_s
    }
    of_day, coarse_s = local_s % DAY_S, max(step_s, COARSE_S)
    hour_s = max(step_s, 3600)
    since_monday = (local_s + 3 * DAY_S) % WEEK_S  # the epoch was a Thursday
    return Calendar(of_day // step_s, of_day // coarse_s, since_monday // hour_s, lags)


def experts_for(calendar: Calendar, *, log: bool) -> list[Expert]:
    """The smoothing forecasters that this calendar has room for; those with the coarse profile last."""
    shapes = [(False, False)]
    shapes += [(True, False)] if "day" in calendar.lags else []
    shapes += [("day" in calendar.lags, True)] if "week" in calendar.lags else []
    found = []
    coarse_too = bool((calendar.fine != calendar.coarse).any())
    for coarse in (False, True) if coarse_too and "day" in calendar.lags else (False,):
        for day, week in shapes:
            if coarse and not day:
                continue
            for in_log in (False, True) if log else (False,):
                for level, lasting, trend in LEVELS:
                    for gain in PROFILE_GAINS if day or week else (0.0,):
                        words = [w for w, on in (("day", day), ("week", week), ("log", in_log)) if on]
                        name = "+".join(["level", *words])
                        found.append(Expert(name, level, lasting, trend, gain, day, week, coarse, in_log))
    return found


def smoothed(
    values: Floats, seen: Bools, calendar: Calendar, experts: Sequence[Expert], origins: Ints, horizon: int, warm: int
) -> Floats:
    """What each expert says at each origin, (origins, horizon, experts). An origin is the last step that is known."""
    state = _State(values, seen, calendar, experts, warm)
    said = np.empty((len(origins), horizon, len(experts)))
    place = {int(origin): i for i, origin in enumerate(origins)}
    for at in range(int(origins[-1]) + 1 if len(origins) else 0):
        state.update(at, bool(seen[at]))
        if at in place:
            said[place[at]] = state.ahead(at, horizon)
    return said


class _State:
    """Levels, trends and profiles of all experts; arrays have an expert a column."""

    def __init__(self, values: Floats, seen: Bools, calendar: Calendar, experts: Sequence[Expert], warm: int) -> None:
        def of(name: str) -> Floats:
            return np.array([getattr(expert, name) for expert in experts], dtype=np.float64)

        self.calendar = calendar
        self.level_gain, self.lasting, self.trend_gain = of("level"), of("lasting"), of("trend")
        self.day_gain, self.week_gain = of("profile") * of("day"), of("profile") * of("week")
        self.has_day, self.has_week, self.log = of("day"), of("week"), of("log") > 0
        self.fines = sum(not expert.coarse for expert in experts)
        self.inputs = np.where(self.log, np.log(np.maximum(values, 0) + LOG_FLOOR)[:, None], values[:, None])
        known = np.flatnonzero(seen[:warm])
        self.level = np.median(self.inputs[known], axis=0)
        self.trend = np.zeros(len(experts))
        self.surprise = np.zeros(len(experts))
        self.scale = np.abs(self.inputs[known] - self.inputs[known].mean(axis=0)).mean(axis=0) + 1e-12
        self._first_profiles(known)

    def _first_profiles(self, known: Ints) -> None:
        """From the warm-up, before the first origin: means by slot, and by slot of the week what is left of them."""
        low, high = np.quantile(self.inputs[known], [0.01, 0.99], axis=0)
        rest = np.clip(self.inputs[known], low, high) - self.level
        fine, coarse, week = (slots[known] for slots in self.calendar[:3])
        sizes = [int(slots.max()) + 1 for slots in self.calendar[:3]]
        split = self.fines
        self.day_fine = _means(rest[:, :split], fine, sizes[0], DAY_SHRINKAGE) * self.has_day[:split]
        self.day_coarse = _means(rest[:, split:], coarse, sizes[1], DAY_SHRINKAGE) * self.has_day[split:]
        left = rest - np.concatenate([self.day_fine[fine], self.day_coarse[coarse]], axis=1)
        self.week = _means(left, week, sizes[2], WEEK_SHRINKAGE) * self.has_week
        self.week_seen = np.bincount(week, minlength=sizes[2])

    def _season(self, at: int) -> Floats:
        fine, coarse = self.calendar.fine[at], self.calendar.coarse[at]
        season: Floats = np.concatenate([self.day_fine[fine], self.day_coarse[coarse]])
        season += self.week[self.calendar.week[at]]
        return season

    def update(self, at: int, seen: bool) -> None:
        self.trend *= TREND_DAMPING
        self.level += self.trend
        if not seen:
            self.surprise *= self.lasting
            return
        off = self.inputs[at] - self.level - self._season(at)
        bound = CLIP * self.scale
        np.clip(off, -bound, bound, out=off)
        self.scale += SCALE_GAIN * (np.abs(off) - self.scale)
        new = off - self.lasting * self.surprise
        # What is expected to fade by itself moves the level less.
        self.level += np.maximum(self.level_gain, 1 / (at + 2)) * new
        self.trend += self.trend_gain * new
        self._learn_season(at, off)
        self.surprise = off * (1 - self.level_gain)

    def _learn_season(self, at: int, off: Floats) -> None:
        fine, coarse, week = self.calendar.fine[at], self.calendar.coarse[at], self.calendar.week[at]
        split = self.fines
        self.day_fine[fine] += self.day_gain[:split] * off[:split]
        # Slots that several steps share are learned from at each of them.
        self.day_coarse[coarse] += self.day_gain[split:] * off[split:] * 0.5
        gain = np.maximum(self.week_gain * 0.5, self.has_week / (self.week_seen[week] + WEEK_SHRINKAGE + 1))
        self.week_seen[week] += 1
        self.week[week] += np.minimum(gain, WEEK_GAIN_MAX) * off

    def ahead(self, at: int, horizon: int) -> Floats:
        """(horizon, experts), in values."""
        steps = np.arange(1, horizon + 1)[:, None]
        to = slice(at + 1, at + 1 + horizon)
        season = np.concatenate(
            [self.day_fine[self.calendar.fine[to]], self.day_coarse[self.calendar.coarse[to]]], axis=1
        )
        trend = self.trend * TREND_DAMPING * (1 - TREND_DAMPING**steps) / (1 - TREND_DAMPING)
        path = self.level + trend + season + self.week[self.calendar.week[to]] + self.lasting**steps * self.surprise
        path[:, self.log] = np.exp(np.minimum(path[:, self.log], 30.0)) - LOG_FLOOR
        return np.asarray(path, dtype=np.float64)


def _means(rest: Floats, slots: Ints, count: int, shrinkage: float) -> Floats:
    """Mean of each slot, shrunk towards 0 where little was seen."""
    sums = np.zeros((count, rest.shape[1]))
    np.add.at(sums, slots, rest)
    means: Floats = sums / (np.bincount(slots, minlength=count) + shrinkage)[:, None]
    return means


def plain(values: Floats, calendar: Calendar, origins: Ints, horizon: int) -> dict[str, Floats]:
    """The rules that need no learning, by name, each (origins, horizon)."""
    steps = np.arange(1, horizon + 1)
    target = origins[:, None] + steps
    found = {"last value": np.repeat(values[origins][:, None], horizon, axis=1)}
    for width in (5, 25):
        back = np.maximum(origins[:, None] - np.arange(width), 0)
        found[f"median of {width}"] = np.repeat(np.median(values[back], axis=1)[:, None], horizon, axis=1)
    for name, lag in calendar.lags.items():
        found[f"same time last {name}"] = _lagged(values, target, origins, lag, 1)
        cycles = np.stack([_lagged(values, target, origins, lag, k) for k in range(1, 6)])
        found[f"median of {name}s"] = np.median(cycles, axis=0)
        found[f"median of 3 {name}s"] = np.median(cycles[:3], axis=0)
    return found


def _lagged(values: Floats, target: Ints, origins: Ints, lag: int, cycles: int) -> Floats:
    """The value whole cycles before each target, `cycles` of them or more where the horizon is longer; never younger
    than the origin, and the oldest there is where the history is shorter."""
    back = target - lag * cycles
    back = np.where(back > origins[:, None], back - lag * np.ceil((back - origins[:, None]) / lag).astype(int), back)
    while (back < 0).any():
        back = np.where(back < 0, back + lag, back)
    found: Floats = values[np.minimum(back, origins[:, None])]
    return found
