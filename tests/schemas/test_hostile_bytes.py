"""Whatever bytes arrive, the codec answers with an event or BadMessage, in little memory and time."""

import struct
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import FOLDER, MESSAGE_BYTES_MAX, BadMessage, decode, decode_as, encode
from schemas.evolution import entries
from schemas.examples import examples

ROWS = entries(FOLDER)
IDS = [row.id for row in ROWS]
MESSAGES = [encode(row.event, value) for row in ROWS for value in examples(row.folder, row.version)]


def _varint(number):
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number & ~0x7F:
        out.append((number & 0x7F) | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _header(schema_id):
    return struct.pack(">bI", 0, schema_id)


def _attempt(data):
    """The event, or None for BadMessage; anything else fails the test."""
    try:
        return decode(data)
    except BadMessage as error:
        assert str(error)
        return None


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.event)
def test_examples_survive_the_journey(row):
    newest = max(other.version for other in ROWS if other.event == row.event)
    for value in examples(row.folder, row.version):
        if row.version == newest:
            message = encode(row.event, value)
            assert message[:5] == _header(row.id)
            assert decode(message) == (row.event, value)
            assert decode_as(row.event, message) == value


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.event)
def test_every_truncation_is_told(row):
    message = encode(row.event, examples(row.folder, row.version)[0])
    for length in range(len(message)):
        assert _attempt(message[:length]) is None


@pytest.mark.parametrize(
    "data", [None, b"", b"\0", b"\0\0\0\0", b"{}", b"\1" + MESSAGES[0][1:], _header(0), _header(2**32 - 1)]
)
def test_what_is_not_ours_is_told(data):
    with pytest.raises(BadMessage):
        decode(data)


def test_more_bytes_than_the_event_needs_are_told():
    assert all(_attempt(message + b"\0") is None for message in MESSAGES)


def test_another_event_is_told():
    with pytest.raises(BadMessage, match="TaskOutcome where a TaskSubmitted belongs"):
        decode_as("TaskSubmitted", encode("TaskOutcome", examples("task_outcome", 1)[0]))


@pytest.mark.parametrize("schema_id", IDS)
@pytest.mark.parametrize("length", [2**31, 2**31 - 1, 2**40, 2**62, -1, -(2**31), -(2**62)])
@pytest.mark.parametrize("prefix", [b"", b"\2a\2b\2c", b"\2a" * 12])
def test_a_length_that_lies_costs_nothing(schema_id, length, prefix):
    """The first string, and later ones, array counts and bytes, claim gigabytes or less than nothing."""
    data = _header(schema_id) + prefix + _varint(length) + b"xyz"
    tracemalloc.start()
    started = time.process_time()
    try:
        assert _attempt(data) is None
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 1


def test_a_message_larger_than_the_broker_takes_is_told_at_once():
    with pytest.raises(BadMessage, match="at most"):
        decode(_header(1) + b"\0" * MESSAGE_BYTES_MAX)


def test_the_largest_message_full_of_the_smallest_parts_stays_bounded():
    """A heartbeat whose every instance is two bytes: the worst ratio of memory to message our schemas allow."""
    head = encode("AgentHeartbeat", examples("agent_heartbeat", 1)[1])[:-2]
    count = (MESSAGE_BYTES_MAX - len(head) - 20) // 2
    data = head + _varint(count) + b"\0\0" * count + b"\0\0"
    tracemalloc.start()
    started = time.process_time()
    try:
        assert _attempt(data) is not None
        assert tracemalloc.get_traced_memory()[1] < 300_000_000
    finally:
        tracemalloc.stop()
    assert time.process_time() - started < 20  # with every allocation traced; well below a second without


@given(schema_id=st.sampled_from(IDS), body=st.binary(max_size=400))
@settings(max_examples=1500, deadline=None)
def test_random_bodies(schema_id, body):
    _attempt(_header(schema_id) + body)


@given(data=st.binary(max_size=60))
@settings(max_examples=500, deadline=None)
def test_random_messages(data):
    _attempt(data)


@given(message=st.sampled_from(MESSAGES), place=st.floats(0, 1, exclude_max=True), flips=st.integers(1, 255))
@settings(max_examples=1500, deadline=None)
def test_one_damaged_byte(message, place, flips):
    damaged = bytearray(message)
    damaged[int(place * len(damaged))] ^= flips
    found = _attempt(bytes(damaged))
    if found:  # still an event: then it can be written and read again
        assert decode(encode(*found))[0] == found[0]
