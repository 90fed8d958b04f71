from hypothesis import given
from hypothesis import strategies as st

from gateway.live.outbox import Kind, Outbox
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


def test_answers_have_a_bound_of_their_own_which_who_asks_and_never_reads_comes_to() -> None:
    outbox, answer = Outbox(100), Parcel(b"x" * 40, None)
    assert [outbox.put(answer, Kind.ANSWER) for _ in range(11)] == [True] * 10 + [False]
    assert outbox.put(Parcel(b"x" * 90, None)) and outbox.size == 11 * 40 + 90
    for _ in range(11):
        assert outbox.owes_answers and outbox.pop() is answer
    assert not outbox.owes_answers and outbox.put(answer, Kind.ANSWER)


def test_how_things_are_is_shown_however_much_it_is() -> None:
    outbox = Outbox(100)
    assert outbox.put(Parcel(b"x" * 1000, None), Kind.SHOWN) and outbox.put(Parcel(b"x" * 100, None))
    assert outbox.owes_answers and outbox.pop().size == 1000 and not outbox.owes_answers
