"""What a person types as a range, and what of it is there."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorer_service.ranges import BadRange, checked, count, parsed, spoken

NOW = 1_790_000_000_000_000


def test_offsets_times_and_how_long_ago_are_understood() -> None:
    assert parsed("1200", NOW) == 1200
    assert parsed(" 0:12,3:40 ", NOW) == {0: 12, 3: 40}
    assert parsed("2026-05-04", NOW) == datetime(2026, 5, 4, tzinfo=UTC)
    assert parsed("2026-05-04T10:00+02:00", NOW) == datetime(2026, 5, 4, 8, tzinfo=UTC)
    assert parsed("1h", NOW) == datetime.fromtimestamp(NOW / 1e6 - 3600, UTC)


@given(st.text(max_size=20))
def test_anything_else_is_told_what_would_be_accepted(text: str) -> None:
    try:
        assert isinstance(parsed(text, NOW), int | dict | datetime)
    except BadRange as error:
        assert "it takes an offset" in str(error)


BOUNDS = {0: (10, 50), 1: (0, 20), 2: (5, 5)}


def test_what_is_deleted_already_is_an_error_that_says_what_there_is() -> None:
    with pytest.raises(
        BadRange, match=r"begins at offset 10: what was before is deleted .* holds --from 0:10,1:0 --to 0:50,1:20"
    ):
        checked({0: 9, 1: 0, 2: 5}, {0: 50}, BOUNDS)


def test_partitions_that_are_not_named_and_ends_beyond_the_end_are_cut() -> None:
    ranges = checked({0: 12}, {0: 900, 1: 20, 2: 5}, BOUNDS)
    assert spoken(ranges) == "--from 0:12 --to 0:50"
    assert count(ranges) == 38
    assert [one["partition"] for one in ranges] == [0, 1, 2]


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99)), max_size=4))
def test_a_range_is_told_as_it_is_typed(ends: list[tuple[int, int]]) -> None:
    bounds = {place: (min(pair), max(pair)) for place, pair in enumerate(ends)}
    told = spoken(ranges := checked({p: low for p, (low, _) in bounds.items()}, {}, bounds))
    if count(ranges) == 0:
        assert told == "nothing"
        return
    _, since, _, until = told.split()
    starts, stops = parsed(since, NOW), parsed(until, NOW)
    assert isinstance(starts, dict) and isinstance(stops, dict)
    assert count(checked(starts, stops, bounds)) == count(ranges)


@given(
    st.dictionaries(st.integers(0, 2), st.integers(0, 60), max_size=3),
    st.dictionaries(st.integers(0, 2), st.integers(0, 60), max_size=3),
)
def test_a_range_lies_within_what_there_is(starts: dict[int, int], ends: dict[int, int]) -> None:
    try:
        ranges = checked(starts, ends, BOUNDS)
    except BadRange:
        assert any(start < BOUNDS[p][0] for p, start in starts.items())
        return
    for one in ranges:
        low, high = BOUNDS[one["partition"]]
        assert low <= one["from_offset"] <= one["to_offset"] <= high
