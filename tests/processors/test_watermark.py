"""The watermark never passes a record that is not done, and reaches the end when all are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.watermark import Watermark

OFFSETS = st.lists(st.integers(0, 200), unique=True, min_size=1).map(sorted)


@given(st.data(), OFFSETS)
def test_any_order_of_completion(data: st.DataObject, offsets: list[int]) -> None:
    """Records come in order, with gaps; taking and finishing are mixed in any way."""
    watermark, coming, open_ = Watermark(0), list(offsets), list[int]()
    while coming or open_:
        if coming and (not open_ or data.draw(st.booleans())):
            open_.append(coming.pop(0))
            watermark.take(open_[-1])
        else:
            watermark.done(open_.pop(data.draw(st.integers(0, len(open_) - 1))))
        assert watermark.position <= min(open_, default=201)
        assert watermark.position >= (open_[0] if open_ else 0)
    assert watermark.position == offsets[-1] + 1


def test_a_repeat_or_a_stranger_moves_nothing() -> None:
    watermark = Watermark(10)
    watermark.take(10)
    watermark.take(12)
    for stranger in (3, 13, 99):
        watermark.done(stranger)
    watermark.done(12)
    watermark.done(12)
    assert watermark.position == 10
    watermark.done(10)
    assert watermark.position == 13


def test_offsets_come_in_order() -> None:
    watermark = Watermark(5)
    watermark.take(7)
    with pytest.raises(ValueError, match="offset 7"):
        watermark.take(7)
