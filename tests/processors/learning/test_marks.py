"""What stands in a task's features, whatever its text."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from processors.features import ends
from processors.learning.marks import MARKS, marks
from processors.learning.model import TASK_FEATURES, task_features


@given(text=st.text(max_size=200))
def test_every_text_has_a_number_for_each_mark(text: str) -> None:
    found = marks(text)
    assert len(found) == len(MARKS)
    assert np.isfinite(found).all()


@given(text=st.text(min_size=1, max_size=50), times=st.integers(1, 200), items=st.integers(0, 20))
def test_the_ends_of_a_text_have_its_features(text: str, times: int, items: int) -> None:
    whole = task_features(text * times, items)
    assert whole.shape == (len(TASK_FEATURES),)
    assert (whole == task_features(ends(text * times), items)).all()


def test_marks_say_how_a_text_is_written() -> None:
    named = dict(zip(MARKS, marks("Which is 12?\nA. 1\nB. 2\nC. 12"), strict=True))
    assert named["begins_with_capital"] == 1
    assert named["log_choices"] == np.log1p(3)
    assert named["log_lines"] == np.log1p(3)
    assert named["digit_share"] == 6 / 28
    other = dict(zip(MARKS, marks("who said 日本?"), strict=True))
    assert [other[name] for name in ("ends_with_3f", "first_is_who", "has_what", "no_capitals")] == [1, 1, 0, 1]
