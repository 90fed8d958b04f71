import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.live.places import AT_FIRST, TOPICS, BadToken, Layout, behind

OFFSETS = st.integers(0, 2**62)


@given(st.lists(OFFSETS, min_size=2 * len(TOPICS), max_size=2 * len(TOPICS)))
def test_a_token_says_exactly_where_it_was_made(offsets: list[int]) -> None:
    layout = Layout(dict.fromkeys(TOPICS, 2), "here")
    assert layout.places(layout.token(offsets)) == offsets


@given(st.lists(OFFSETS, min_size=len(TOPICS), max_size=len(TOPICS)))
def test_partitions_added_since_are_at_their_start(offsets: list[int]) -> None:
    token = Layout(dict.fromkeys(TOPICS, 1), "here").token(offsets)
    assert Layout(dict.fromkeys(TOPICS, 2), "here").places(token) == [n for offset in offsets for n in (offset, 0)]


@given(st.one_of(st.text(max_size=400), st.binary(max_size=300).map(lambda b: base64.urlsafe_b64encode(b).decode())))
def test_any_text_is_a_token_or_refused_as_one(text: str) -> None:
    layout = Layout(dict.fromkeys(TOPICS, 2), "here")
    try:
        places = layout.places(text)
    except BadToken:
        return
    assert len(places) == len(layout)


@given(st.integers(0, 60), st.binary(min_size=1, max_size=1))
def test_a_damaged_token_is_refused_or_names_places_of_the_right_shape(at: int, byte: bytes) -> None:
    layout = Layout(dict.fromkeys(TOPICS, 2), "here")
    data = bytearray(base64.urlsafe_b64decode(layout.token([300] * len(layout)) + "=="))
    data[at % len(data)] = byte[0]
    with suppress(BadToken):
        assert len(layout.places(base64.urlsafe_b64encode(data).decode().rstrip("="))) == len(layout)


def test_a_token_of_another_cluster_is_refused() -> None:
    token = Layout(dict.fromkeys(TOPICS, 1), "here").token([1] * len(TOPICS))
    with pytest.raises(BadToken, match="another Kafka cluster"):
        Layout(dict.fromkeys(TOPICS, 1), "there").places(token)


def test_a_token_of_more_partitions_than_there_are_is_refused() -> None:
    token = Layout(dict.fromkeys(TOPICS, 2), "here").token([1] * 14)
    with pytest.raises(BadToken, match="more partitions"):
        Layout(dict.fromkeys(TOPICS, 1), "here").places(token)


@given(st.lists(OFFSETS, min_size=2 * len(TOPICS), max_size=2 * len(TOPICS)))
def test_a_token_from_before_a_topic_was_told_of_goes_on_where_we_are_in_that_one(offsets: list[int]) -> None:
    layout = Layout(dict.fromkeys(TOPICS, 2), "here")
    data = base64.urlsafe_b64decode((whole := layout.token([1] * len(layout))) + "=" * (-len(whole) % 4))
    old = base64.urlsafe_b64encode(data[: 1 + 4 + 3 * AT_FIRST]).decode().rstrip("=")
    assert layout.places(old, offsets) == [1] * (2 * AT_FIRST) + offsets[2 * AT_FIRST :]


def test_a_token_stays_short() -> None:
    """It is in every message."""
    assert len(Layout(dict.fromkeys(TOPICS, 4), "here").token([1_000_000] * 28)) < 140


def test_behind_is_about_any_place() -> None:
    assert behind([1, 5], [2, 0]) and not behind([2, 0], [2, 0]) and not behind([3, 1], [2, 0])
