"""The forecast of a regular series with its interval, and the backtest that says what it is worth."""

from dataclasses import dataclass, field
from math import gcd

import numpy as np
from numpy.typing import NDArray

from processors.forecasting import believing, panel
from processors.forecasting.intervals import chosen_power, intervals
from processors.forecasting.series import BadData, Series

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ORIGINS_MAX = 240
CELLS_MAX = 6_000_000
"""Forecasts held at a time: origins × horizon × forecasters."""
FAR = 4.0
"""No forecast lies farther out of what was ever seen than so many times its range."""
VALUE_MAX = 1e300
TINY = 1e-280
"""Loads below it are none: numbers so small lose their digits."""
CLEARLY, DOUBT = 0.97, 2.0
"""A season misses by less than so much of what other times miss by, and by more standard errors than chance gives."""
ROUNDING = 1e-9
"""Of the mean value: nearer than this is equal."""
FEW = 50
"""Values below which a backtest is rough."""


@dataclass(frozen=True)
class Score:
    """Of the backtest: mean absolute error, that beside the seasonal one's in the history, share inside the interval.

    All are None where the history is too short for any, and `mase` where the season repeats without an error.
    """

    mae: float | None
    mase: float | None
    coverage: float | None


@dataclass(frozen=True)
class Forecast:
    step_s: int
    season_s: int | None
    """A day or a week, where the values show one; else seasonal-naive is the last value."""
    method: str
    at_s: list[int]
    value: list[float]
    low: list[float]
    high: list[float]
    backtest: dict[str, Score]
    """Of `ours`, which is what is forecast here, of `seasonal_naive` and of `last_value`."""
    scored: int
    """Values that the backtest compared."""
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Backtest:
    origins: Ints
    """The last is the present."""
    horizon: int
    actual: Floats
    """(origins, horizon), NaN where nothing was seen or is not yet."""
    rows: list[int]
    """The origins that are scored."""
    span: float


@dataclass(frozen=True)
class _Run:
    """A method over all origins, with its interval at those scored and the present."""

    point: Floats
    low: Floats
    high: Floats


def forecast(series: Series, horizon: int, confidence: float = 0.8) -> Forecast:
    """`horizon` steps ahead. Deterministic; `series` tells what was done to make it regular."""
    n = len(series.values)
    if horizon > n:
        raise BadData(f"A past of {n:,} steps cannot tell {horizon:,} ahead: ask for less, or bring a longer history.")
    largest = float(np.abs(series.values).max())
    unit = float(np.abs(series.values / largest).mean()) * largest if largest > TINY else 1.0
    values = series.values / unit
    calendar = panel.calendar_of(series.local_s(horizon), series.step_s, n)
    counts = bool((values[series.seen] >= 0).all())
    origins = _origins(n, horizon, calendar)
    actual = _actual(values, series.seen, origins, horizon)
    plain = panel.plain(values, calendar, origins, horizon)
    said, names = _everyone(values, series.seen, calendar, origins, horizon, plain, counts)
    said = _bounded(said, values, counts)
    season = _season(values, series.seen, calendar.lags)
    seasonal = plain[f"same time last {season}" if season else "last value"]
    ours, believed = believing.combined(said, actual, origins, horizon)
    backtest = _Backtest(origins, horizon, actual, _scored_rows(origins, horizon), float(np.ptp(values)))
    lag = calendar.lags[season] if season else 1
    season_error, _ = _missed(values, series.seen, lag)
    points = {"ours": ours, "seasonal_naive": seasonal, "last_value": plain["last value"]}
    runs = {name: _run(point, backtest, confidence, counts) for name, point in points.items()}
    scores = {name: _score(run, backtest, season_error, unit) for name, run in runs.items()}
    used = _used(scores)
    method = _method(used, season, [names[i] for i in believed])
    scored = int(np.isfinite(actual[backtest.rows]).sum())
    run = runs[used]
    return Forecast(
        series.step_s,
        lag * series.step_s if season else None,
        method,
        [series.start_s + (n + i) * series.step_s for i in range(horizon)],
        _told(run.point[-1], unit),
        _told(run.low[-1], unit),
        _told(run.high[-1], unit),
        scores | {"ours": scores[used]},
        scored,
        _notes(series, scores, method, used, scored),
    )


def _origins(n: int, horizon: int, calendar: panel.Calendar) -> Ints:
    """Spread over the history after its warm-up, on ever other times of day; the last is the present."""
    warm = _warm(n, calendar)
    last = n - 1 - horizon
    if last < warm - 1:
        return np.array([n - 1], dtype=np.int64)
    most = int(max(12, min(ORIGINS_MAX, CELLS_MAX // (horizon * 120))))
    stride = max(1, (last - warm + 1) // most)
    lag = calendar.lags.get("day", 1)
    while stride > 1 and lag > 1 and gcd(stride, lag) > 1:
        stride += 1
    return np.array([*sorted(range(last, warm - 2, -stride)), n - 1], dtype=np.int64)


def _warm(n: int, calendar: panel.Calendar) -> int:
    """Steps before the first origin: two seasons where that leaves enough, for the first profiles."""
    day, week = calendar.lags.get("day", 0), calendar.lags.get("week", 0)
    wanted = max(3, 2 * day, week + day if week and n >= 3 * week else 2 * week if not day else 0)
    return max(2, min(wanted, (n + 1) // 2))


def _actual(values: Floats, seen: NDArray[np.bool_], origins: Ints, horizon: int) -> Floats:
    padded = np.concatenate([np.where(seen, values, np.nan), np.full(horizon, np.nan)])
    found: Floats = padded[origins[:, None] + np.arange(1, horizon + 1)]
    return found


def _everyone(
    values: Floats,
    seen: NDArray[np.bool_],
    calendar: panel.Calendar,
    origins: Ints,
    horizon: int,
    plain: dict[str, Floats],
    counts: bool,
) -> tuple[Floats, list[str]]:
    experts = panel.experts_for(calendar, log=counts)
    smooth = panel.smoothed(values, seen, calendar, experts, origins, horizon, _warm(len(values), calendar))
    said = np.concatenate([smooth, np.stack(list(plain.values()), axis=2)], axis=2)
    return said, [*(expert.name for expert in experts), *plain]


def _bounded(said: Floats, values: Floats, counts: bool) -> Floats:
    low, high = float(values.min()), float(values.max())
    room = FAR * (high - low)
    return np.clip(said, 0.0 if counts else low - room, high + room)


def _season(values: Floats, seen: NDArray[np.bool_], lags: dict[str, int]) -> str | None:
    """The season that the values show: whose repetition misses by clearly less than that of times around it does.

    Around a day that are other times of day, around a week the same time on other days.
    """
    found: tuple[float, str | None] = (np.inf, None)
    for name, lag in lags.items():
        missed, give = _missed(values, seen, lag)
        parts = (1 / 4, 1 / 2) if name == "day" else (2 / 7, 3 / 7)
        around = [_missed(values, seen, lag + sign * round(part * lag))[0] for part in parts for sign in (-1, 1)]
        if missed + DOUBT * give < CLEARLY * float(np.mean(around)):
            found = min(found, (missed, name))
    return found[1]


def _missed(values: Floats, seen: NDArray[np.bool_], lag: int) -> tuple[float, float]:
    """By how much the value `lag` steps before misses, on the mean; and the standard error of that."""
    both = seen[lag:] & seen[:-lag]
    off = np.abs(values[lag:] - values[:-lag])[both]
    return (float(off.mean()), float(off.std() / np.sqrt(len(off)))) if len(off) else (0.0, 0.0)


def _scored_rows(origins: Ints, horizon: int) -> list[int]:
    """Origins at which enough is known to choose and to have an interval; the present is none of them."""
    known = believing.known_origins(origins, horizon)
    enough = min(10, max(1, len(origins) // 4))
    return [i for i in range(len(origins) - 1) if known[i] >= enough]


def _run(point: Floats, backtest: _Backtest, confidence: float, counts: bool) -> _Run:
    """With intervals for the scored origins and the present, which is the last."""
    rows = backtest.rows
    power = chosen_power(point[:-1], backtest.actual[:-1], confidence) if counts and len(rows) else 0.0
    every = [*rows, len(point) - 1]
    low, high = intervals(point, backtest.actual, backtest.origins, backtest.horizon, confidence, every, power)
    # Where no error is known yet: as far as the history ever moved.
    low = np.where(np.isfinite(low), low, point[every] - backtest.span)
    high = np.where(np.isfinite(high), high, point[every] + backtest.span)
    return _Run(point, np.maximum(low, 0.0) if counts else low, high)


def _score(run: _Run, backtest: _Backtest, season_error: float, unit: float) -> Score:
    actual = backtest.actual[backtest.rows]
    seen = np.isfinite(actual)
    if not seen.any():
        return Score(None, None, None)
    mae = float(np.nanmean(np.abs(run.point[backtest.rows] - actual)))
    inside = (run.low[:-1] - ROUNDING <= actual) & (actual <= run.high[:-1] + ROUNDING)
    mase = mae / season_error if season_error > ROUNDING else None
    return Score(_finite(mae * unit), mase, float(inside[seen].mean()))


def _used(scores: dict[str, Score]) -> str:
    """Ours, unless a plain rule did better on this very history."""
    known = {name: score.mae for name, score in scores.items() if score.mae is not None}
    if not known:
        return "seasonal_naive"
    return min(known, key=lambda name: (known[name], name != "ours"))


def _method(used: str, season: str | None, believed: list[str]) -> str:
    if used == "ours":
        return "mean of " + ", ".join(dict.fromkeys(believed))
    return f"same time last {season}" if used == "seasonal_naive" and season else "last value"


def _notes(series: Series, scores: dict[str, Score], method: str, used: str, scored: int) -> list[str]:
    notes = list(series.notes)
    span_s = len(series.values) * series.step_s
    if series.step_s < panel.DAY_S and span_s < 2 * panel.DAY_S:
        notes.append("The history is shorter than two days: no pattern of the day can be known, and none is assumed.")
    elif series.step_s < panel.WEEK_S and span_s < 2 * panel.WEEK_S:
        notes.append("The history is shorter than two weeks: weekdays and weekends cannot be told apart.")
    ours, chosen = scores["ours"].mae, scores[used].mae
    if ours is None or chosen is None:
        notes.append(
            "The history is too short for a backtest: the forecast is a plain rule, and the interval a guess that "
            "nothing has tested."
        )
    elif used != "ours":
        notes.append(
            f"The plain rule “{method}” did better on this history (mean error {chosen:.4g}) than the forecaster "
            f"({ours:.4g}); it is used, and the figures of “ours” are its own."
        )
    if 0 < scored < FEW:
        notes.append(f"The backtest rests on {scored} values only: its figures are rough, and the interval is wide.")
    return notes


def _told(numbers: Floats, unit: float) -> list[float]:
    return [_finite(number * unit) for number in numbers.tolist()]


def _finite(number: float) -> float:
    return float(np.clip(number, -VALUE_MAX, VALUE_MAX))
