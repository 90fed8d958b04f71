from hypothesis import given
from hypothesis import strategies as st

from gateway.live.messages import Told
from gateway.live.ring import Ring

PLACES = 3


@given(
    st.lists(st.integers(0, PLACES - 1), max_size=80),
    st.integers(0, 8_000),
    st.lists(st.integers(0, 60), min_size=3, max_size=3),
)
def test_what_it_covers_it_gives_completely_and_in_order(order: list[int], bytes_max: int, since: list[int]) -> None:
    ring, told, ends = Ring([0] * PLACES, bytes_max), [], [0] * PLACES
    for place in order:
        told.append(Told(place, ends[place], "progress_update", "t", "s", "i", None, b"x" * 100))
        ring.add(told[-1])
        ends[place] += 1
    missed = [one for one in told if one.offset >= since[one.place]]
    if ring.covers(since):
        assert list(ring.since(since)) == missed
    else:
        assert len(ring) < len(told)
    assert len(ring) * 700 <= max(bytes_max, 0)


def test_its_index_is_shortened_as_it_goes_on() -> None:
    ring = Ring([0], 100_000)
    for offset in range(10_000):
        ring.add(Told(0, offset, "progress_update", "t", "s", "i", None, b""))
    assert len(ring) == 100_000 // 600
    assert len(ring._places[0].offsets) < 2 * 1024
    assert [told.offset for told in ring.since([9_990])] == list(range(9_990, 10_000))
