"""What a forecast promises, whatever the table; and how good it is where the truth is known."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.forecasting.worlds import WORLDS, world
from processors.forecasting.forecast import Forecast, forecast
from processors.forecasting.series import BadData, Series, regular

WEEK_S = 7 * 86_400
START_S = 1_772_409_600
TABLES = st.lists(st.floats(0, 1e6), min_size=4, max_size=60)
ANY = st.lists(
    st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300), min_size=4, max_size=40
)


def series(values: list[float], step_s: int = 3600, start_s: int = START_S) -> Series:
    return regular(start_s + np.arange(len(values)) * float(step_s), np.array(values))


def numbers(found: Forecast) -> np.ndarray:
    return np.array([found.value, found.low, found.high])


@settings(max_examples=25, deadline=None)
@given(ANY, st.integers(1, 3), st.floats(0.5, 0.99), st.sampled_from([3600, 43_200, 86_400]))
def test_the_interval_holds_the_point_and_every_number_is_one(values, horizon, confidence, step_s):
    found = forecast(series(values, step_s), horizon, confidence)
    value, low, high = numbers(found)
    assert np.isfinite([value, low, high]).all()
    assert (low <= value).all() and (value <= high).all()
    assert len(found.at_s) == len(value) == horizon


@settings(max_examples=20, deadline=None)
@given(TABLES, st.integers(1, 3))
def test_what_was_never_negative_never_will_be(values, horizon):
    assert (numbers(forecast(series(values), horizon)) >= 0).all()


@settings(max_examples=10, deadline=None)
@given(TABLES, st.integers(-50, 50))
def test_the_same_past_some_weeks_later_has_the_same_future_some_weeks_later(values, weeks):
    one, other = forecast(series(values), 2), forecast(series(values, start_s=START_S + weeks * WEEK_S), 2)
    assert (numbers(one) == numbers(other)).all()
    assert [at + weeks * WEEK_S for at in one.at_s] == other.at_s


@settings(max_examples=10, deadline=None)
@given(TABLES, st.integers(-8, 8))
def test_a_load_in_another_unit_has_the_same_forecast_in_that_unit(values, power):
    plain, scaled = forecast(series(values), 2), forecast(series([v * 2.0**power for v in values]), 2)
    assert numbers(scaled) == pytest.approx(numbers(plain) * 2.0**power, rel=1e-9, abs=1e-300)


@settings(max_examples=10, deadline=None)
@given(st.floats(-1e9, 1e9), st.integers(4, 200))
def test_what_never_changes_goes_on(value, count):
    assert numbers(forecast(series([value] * count), 3)) == pytest.approx(value)


@settings(max_examples=10, deadline=None)
@given(TABLES, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_and_a_repeat_says_the_same(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    times = START_S + np.arange(len(values)) * 3600.0
    mixed = regular(times[order], np.array(values)[order])
    assert (numbers(forecast(mixed, 2)) == numbers(forecast(series(values), 2))).all()


def test_the_future_is_not_looked_at():
    """The backtest of a past is that of the same past, whatever the present value becomes."""
    times, values = world("weekly", days=21, step_s=3600, seed=1)
    changed = values.copy()
    changed[-1] *= 50
    one, other = forecast(regular(times, values), 1), forecast(regular(times, changed), 1)
    missed = other.backtest["ours"].mae * other.scored - one.backtest["ours"].mae * one.scored
    assert one.scored == other.scored
    assert missed == pytest.approx(changed[-1] - values[-1], rel=0.06)  # only the last comparison is another


def test_more_confidence_is_a_wider_interval():
    times, values = world("weekly", days=14, step_s=3600, seed=1)
    widths = [
        np.subtract(f.high, f.low).sum() for c in (0.5, 0.8, 0.95) for f in [forecast(regular(times, values), 6, c)]
    ]
    assert widths == sorted(widths)
    assert widths[0] < widths[2]


def test_a_day_of_zeros_that_gaps_would_be_is_not_made_of_gaps():
    times, values = world("daily", days=14, step_s=1800, seed=2)
    kept = np.random.default_rng(3).random(len(times)) > 0.3
    kept[-1] = True
    whole, holed = forecast(regular(times, values), 4), forecast(regular(times[kept], values[kept]), 4)
    assert np.abs(np.subtract(whole.value, holed.value)).max() < 15


def test_times_of_day_are_those_of_the_wall_clock_when_it_is_set_forward():
    """A load that follows the clock of Berlin, forecast over the night in which an hour is missing."""
    from zoneinfo import ZoneInfo

    zone = ZoneInfo("Europe/Berlin")
    times = 1_774_742_400 - 20 * 86_400 + np.arange(20 * 24 + 12) * 3600.0  # 2026-03-29 12:00 UTC is its end
    clock = regular(times, times, zone=zone)
    hours = clock.local_s(12) % 86_400 // 3600
    load = 50 + 40.0 * ((hours >= 8) & (hours < 20))
    found = forecast(
        regular(times, load[: len(times)] + np.random.default_rng(1).normal(0, 1, len(times)), zone=zone), 12
    )
    assert np.abs(np.array(found.value) - load[len(times) :]).max() < 8


def test_a_past_that_is_too_short_is_told():
    found = forecast(series([5, 7, 6, 8]), 2)
    assert any("shorter than two days" in note for note in found.notes)
    assert any("too short for a backtest" in note or "rests on" in note for note in found.notes)
    with pytest.raises(BadData, match="cannot tell 9 ahead"):
        forecast(series([5, 7, 6, 8]), 9)


def test_the_plain_rule_is_used_where_it_is_better_and_that_is_said():
    times, values = world("walk", days=7, step_s=1800, seed=2)
    found = forecast(regular(times, values), 2)
    assert found.backtest["ours"].mae <= min(score.mae for score in found.backtest.values())
    assert (found.method == "last value") == any("did better" in note for note in found.notes)


CUTS, HORIZON = 2, 12


@cache
def trials(name: str) -> tuple[list[Forecast], np.ndarray, np.ndarray]:
    """Forecasts from several moments of a generated past, what came then, and what the same time a season ago was."""
    times, values = world(name, days=23, step_s=1800, seed=11)
    ends = [len(values) - HORIZON - 61 * k for k in range(CUTS)]
    made = [forecast(regular(times[:end], values[:end]), HORIZON) for end in ends]
    came = np.array([values[end : end + HORIZON] for end in ends])
    lags = [(found.season_s or found.step_s) // found.step_s for found in made]
    plain = np.array(
        [
            [values[end + h - lag * -(-(h + 1) // lag)] for h in range(HORIZON)]
            for end, lag in zip(ends, lags, strict=True)
        ]
    )
    return made, came, plain


@pytest.mark.parametrize("name", WORLDS)
def test_it_is_not_worse_than_the_same_time_a_season_ago_on_its_own_history(name):
    for found in trials(name)[0]:
        assert found.backtest["ours"].mae <= found.backtest["seasonal_naive"].mae
        assert found.backtest["ours"].coverage == pytest.approx(0.8, abs=0.1) or name in ("sparse", "bursts")
        assert found.backtest["ours"].coverage >= 0.72


def test_on_what_it_has_not_seen_it_beats_the_same_time_a_season_ago():
    """In units of what the season misses by in the history; a world with few events has little to tell in a day."""
    ours, seasons = {}, {}
    for name in WORLDS:
        made, came, plain = trials(name)
        unit = made[0].backtest["seasonal_naive"].mae
        ours[name] = np.abs(np.array([found.value for found in made]) - came).mean() / unit
        seasons[name] = np.abs(plain - came).mean() / unit
        assert ours[name] <= 1.1 * seasons[name] + 0.1, name
    assert np.mean(list(ours.values())) < 0.7 * np.mean(list(seasons.values()))


def test_the_interval_holds_what_it_says_on_what_it_has_not_seen():
    held = []
    for name in WORLDS:
        made, came, _ = trials(name)
        low, high = (np.array([getattr(found, end) for found in made]) for end in ("low", "high"))
        held.append(((low <= came) & (came <= high)).mean())
    assert 0.72 <= np.mean(held) <= 0.92


def test_the_season_is_found_where_there_is_one_and_none_where_there_is_none():
    found = {name: {made.season_s for made in trials(name)[0]} for name in WORLDS}
    week = {"weekly", "busy counts", "correlated", "growing"}
    assert {name: found[name] for name in week} == {name: {WEEK_S} for name in week}
    assert found["daily"] == {86_400}
    assert found["bursts"] == found["walk"] == found["noise"] == {None}
