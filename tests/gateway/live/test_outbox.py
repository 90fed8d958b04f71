from hypothesis import given
from hypothesis import strategies as st

from gateway.live.outbox import Outbox
from gateway.live.parcel import Parcel

PARCELS = st.lists(st.tuples(st.integers(1, 40), st.none() | st.integers(0, 3)), max_size=60)


@given(PARCELS)
def test_what_must_be_told_stays_in_order_and_of_progress_the_newest(rows: list[tuple[int, int | None]]) -> None:
    outbox = Outbox(10_000)
    made = [Parcel(b"x" * size, None, task) for size, task in rows]
    assert all(outbox.put(parcel) for parcel in made)
    newest = {parcel.conflated: parcel for parcel in made if parcel.conflated is not None}
    left = [outbox.pop() for _ in range(len(outbox))]
    assert left == [p for p in made if p.conflated is None or newest[p.conflated] is p]
    # Nothing that was left counts any more.
    assert outbox.put(Parcel(b"x" * 10_000, None))


def test_beyond_the_bound_there_is_no_room() -> None:
    outbox = Outbox(100)
    assert [outbox.put(Parcel(b"x" * 40, None)) for _ in range(3)] == [True, True, False]


def test_progress_of_one_task_never_fills_it() -> None:
    outbox = Outbox(100)
    assert all(outbox.put(Parcel(b"x" * 40, None, "t")) for _ in range(1000))
    assert len(outbox) == 1


def test_answers_are_not_held_against_the_room() -> None:
    outbox = Outbox(100)
    outbox.put_asked(Parcel(b"x" * 1000, None))
    assert outbox.owes_answers and outbox.put(Parcel(b"x" * 90, None))
    assert outbox.pop().size == 1000 and not outbox.owes_answers
