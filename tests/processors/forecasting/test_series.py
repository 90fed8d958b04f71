"""A regular series out of any table, with everything said that was done to it."""

from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.forecasting.series import STEPS_MAX, BadData, regular

START_S = 1_772_409_600


def table(count: int = 48, step_s: int = 300) -> tuple[np.ndarray, np.ndarray]:
    return START_S + np.arange(count) * float(step_s), np.arange(count, dtype=float)


@pytest.mark.parametrize("step_s", [1, 60, 300, 420, 1800, 3600, 86_400])
def test_the_step_is_found_and_nothing_is_said_of_a_table_that_is_regular(step_s: int) -> None:
    times, values = table(step_s=step_s)
    found = regular(times, values)
    assert (found.step_s, found.start_s, found.notes) == (step_s, START_S, [])
    assert found.values.tolist() == values.tolist()
    assert found.seen.all()


def test_a_collector_that_is_late_by_seconds_keeps_its_step() -> None:
    times, values = table(200)
    found = regular(times + np.random.default_rng(1).integers(0, 12, 200), values)
    assert found.step_s == 300
    assert len(found.values) in (200, 201)


def test_gaps_are_filled_told_and_not_counted_as_seen() -> None:
    times, values = table()
    kept = np.ones(48, dtype=bool)
    kept[[10, 11, 20]] = False
    found = regular(times[kept], values[kept])
    assert found.values[[9, 10, 11, 12, 20]].tolist() == [9, 9, 9, 12, 19]
    assert np.flatnonzero(~found.seen).tolist() == [10, 11, 20]
    assert found.notes == ["3 steps of 48 (6.2%) had no row and were filled in, not taken as 0."]


def test_an_outage_is_filled_with_the_day_before() -> None:
    times = START_S + np.arange(72) * 3600.0
    values = np.tile(np.arange(24.0), 3)
    kept = (np.arange(72) < 30) | (np.arange(72) >= 40)
    assert regular(times[kept], values[kept]).values.tolist() == values.tolist()


def test_several_rows_of_a_time_are_averaged_or_added_up_and_it_is_told() -> None:
    times, values = table()
    twice = np.concatenate([times, times[:5]]), np.concatenate([values, values[:5] + 2])
    averaged, added = regular(*twice), regular(*twice, combine="sum")
    assert averaged.values[:5].tolist() == (values[:5] + 1).tolist()
    assert added.values[:5].tolist() == (2 * values[:5] + 2).tolist()
    assert "5 steps had several rows, which were averaged" in averaged.notes[-1]
    assert "added up" in added.notes[-1]


def test_a_wider_step_takes_rows_together_and_leaves_out_a_last_one_that_is_not_over() -> None:
    times, values = table(42)
    added = regular(times, values, step_s=3600, combine="sum")
    assert added.values.tolist() == [values[i : i + 12].sum() for i in (0, 12, 24)]
    assert "The last step is not over yet and was left out." in added.notes


@given(st.permutations(range(20)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    times, values = table(20)
    found = regular(times[order], values[order])
    assert found.values.tolist() == values.tolist()
    assert bool(found.notes) == (order != sorted(order))


def test_events_at_uneven_times_are_put_into_even_steps() -> None:
    random = np.random.default_rng(1)
    times = START_S + np.cumsum(random.exponential(100, 500))
    found = regular(times, np.ones(500), combine="sum")
    assert "uneven" in found.notes[0] or "uneven" in found.notes[1]
    assert found.values[found.seen].sum() == pytest.approx(500, abs=20)


def test_counts_without_a_row_are_zero_up_to_the_end_that_is_given() -> None:
    times, values = table(10)
    found = regular(times[[0, 4, 5, 6]], values[[0, 4, 5, 6]], step_s=300, zero_until_s=START_S + 10 * 300)
    assert found.values.tolist() == [0, 0, 0, 0, 4, 5, 6, 0, 0, 0]
    assert found.seen.all()


def test_a_clock_that_is_set_forward_leaves_the_steps_even_and_moves_the_days() -> None:
    zone = ZoneInfo("Europe/Berlin")
    times = 1_774_742_400 + np.arange(48) * 3600.0  # 2026-03-29 00:00 UTC, the day it changes
    found = regular(times, np.arange(48.0), zone=zone)
    hours = found.local_s(2) % 86_400 // 3600
    assert hours[:4].tolist() == [1, 3, 4, 5]
    assert (len(found.values), len(hours)) == (48, 50)


def test_rows_of_several_places_have_no_clock_in_common_but_utc() -> None:
    times, values = np.arange(200) * 600.0, np.arange(200) % 7 * 1.0
    offsets = np.where(np.arange(200) % 2, 9 * 3600, 0)
    found, plain = regular(times, values, offsets_s=offsets), regular(times, values)
    assert "more often than clocks change" in " ".join(found.notes)
    assert found.start_s == plain.start_s and not found.offset_at(times.astype(np.int64)).any()
    named = regular(times, values, offsets_s=offsets, zone=ZoneInfo("UTC"))
    assert named.notes == []


def test_each_row_s_own_zone_says_where_its_day_begins() -> None:
    times, values = table(4, 3600)
    found = regular(times, values, offsets_s=np.array([3600, 3600, 7200, 7200]))
    assert (found.local_s(1) % 86_400 // 3600).tolist() == [1, 2, 4, 5, 6]


def test_the_newest_steps_are_kept_of_a_long_past() -> None:
    times, values = table(STEPS_MAX + 10, 60)
    found = regular(times, values)
    assert found.values[0] == 10
    assert found.start_s == START_S + 600
    assert "newest" in found.notes[0]


@pytest.mark.parametrize(
    ("times", "values", "said"),
    [
        ([], [], "no row with a value"),
        ([1.0, 2.0], [np.nan, np.nan], "no row with a value"),
        ([5.0, 5.0], [1.0, 2.0], "All rows are of one time"),
        ([0.0, 60.0], [1.0, 2.0], "values for 2 steps of 1 min; a forecast needs 3"),
        ([0.0, 60.0, 120.0], [1.0, 2.0, 1e305], "larger than"),
    ],
)
def test_what_cannot_be_used_is_said(times: list[float], values: list[float], said: str) -> None:
    with pytest.raises(BadData, match=said):
        regular(np.array(times), np.array(values))
