"""What a client missed, however much it is: handed out piece by piece, from partitions that are read as they come."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.live import replay
from gateway.live.joining import Resume
from gateway.live.messages import Key
from gateway.live.order import Read
from gateway.live.reading import Merge
from gateway.live.replay import Wish, hand_out, pieces
from gateway.live.wanted import Wanted
from infra.settings import Settings
from tests.gateway.live.log import LAYOUT, Log, progress, story
from tests.gateway.live.test_hub import Asked, Viewer


class Long:
    """A log that is longer than anybody holds: so many records of each session, made as they are read."""

    def __init__(self, records: int, sessions: int) -> None:
        self.records, self.sessions = records, sessions
        self.read = 0

    def __iter__(self) -> Iterator[Read]:
        place = LAYOUT.place("tasks.progress", 0)
        for offset in range(self.records):
            session = f"s-{offset % self.sessions}"
            run = {"task_id": f"t-{session}", "session_id": session, "tenant_id": "acme", "attempt": 1}
            told = progress(run | {"agent_id": "writer", "instance_id": "writer-0"}, "progress", offset)
            self.read = offset + 1
            yield Read(place, offset, offset, "TaskProgress", told)

    def wish(self, session: str) -> Wish:
        viewer, keys = Viewer(), (("session", "acme", session),)
        start, end = [0] * len(LAYOUT), [0] * len(LAYOUT)
        end[LAYOUT.place("tasks.progress", 0)] = self.records
        viewer.joining.resume = Resume(keys, list(start), Wanted(keys), at_kafka=True)
        return Wish(viewer, viewer.joining.resume, start, end)


class Kept:
    """What each was handed, as it takes it at once."""

    def __init__(self) -> None:
        self.told: Counter[int] = Counter()
        self.newest: dict[int, int] = {}
        self.ended: set[int] = set()

    def stocked(self, wish: Wish, stock: list[Any], end: list[int], *, is_last: bool) -> None:
        assert id(wish) not in self.ended and all(a <= b for a, b in zip(end, wish.end, strict=True))
        offsets = [self.newest.get(id(wish), -1), *(told.offset for told in stock)]
        assert offsets == sorted(set(offsets)) and offsets[-1] < max(end)
        self.newest[id(wish)] = offsets[-1]
        self.told[id(wish)] += len(stock)
        wish.resume.pieces += 1
        if is_last:
            self.ended.add(id(wish))

    def read_again(self, wish: Wish) -> None:
        raise AssertionError("nobody is slow here")

    def gap(self, wish: Wish, reason: str) -> None:
        raise AssertionError(reason)


@pytest.mark.parametrize(
    ("clients", "sessions", "records"),
    [(1_000, 50, 120_000), (1, 1, 60_000), (2_000, 1, 2_000), (1, 1_000, 100_000)],
    ids=["many clients of a busy line", "all of it for one", "each for all", "little of much"],
)
def test_however_much_was_missed_all_of_it_is_told_and_two_pieces_are_held(
    clients: int, sessions: int, records: int
) -> None:
    """As one pass for all: nobody is thrown out for what the others missed, nor for how much it is."""
    line, kept = Long(records, sessions), Kept()
    wishes = [line.wish(f"s-{n % sessions}") for n in range(clients)]
    piece, told_before = 500, 0
    for reached, is_last in pieces(wishes, line, len(LAYOUT), piece):
        tellings = sum(len(wish.stock) for wish in wishes)
        assert tellings <= (replay.TELLINGS + 1) * max(piece, clients)
        hand_out([wish for wish in wishes if not wish.is_answered], reached, is_last, kept)
        # Read ahead is at most the piece after this one.
        assert line.read - max(reached) <= replay.PASSED * piece
        assert line.read - told_before <= 3 * replay.PASSED * piece
        told_before = max(reached)
    assert all(kept.told[id(wish)] == records // sessions for wish in wishes)
    assert kept.ended == {id(wish) for wish in wishes}


def test_who_lies_before_the_others_only_is_done_when_it_has_its_own() -> None:
    line, kept = Long(10_000, 1), Kept()
    near, far = line.wish("s-0"), line.wish("s-0")
    place = LAYOUT.place("tasks.progress", 0)
    near.end[place] = 1_000
    found = pieces([near, far], line, len(LAYOUT), 500)
    for _ in range(2):
        hand_out([near, far], *next(found), kept)
    assert kept.ended == {id(near)} and kept.told[id(near)] == kept.told[id(far)] == 1_000


def test_who_takes_its_piece_slowly_is_left_and_the_others_go_on(monkeypatch: Any) -> None:
    line, left = Long(100, 1), []
    quick, slow = line.wish("s-0"), line.wish("s-0")

    class Answers(Kept):
        def read_again(self, wish: Wish) -> None:
            left.append(wish)

    one = replay._Pass(Settings(), LAYOUT, Answers(), [quick, slow])
    assert one.is_ready()
    slow.handed = 1  # and it has not come to it yet
    assert not one.is_ready() and left == []
    slow.client.has_room = False
    monkeypatch.setattr(replay, "PATIENCE_S", 0.0)
    assert one.is_ready() and left == [slow] and not slow.is_wanted and quick.is_wanted


def test_who_was_left_asks_for_what_it_was_not_told_and_hears_all_once() -> None:
    line, viewer = Asked(ring_bytes=0), Viewer()
    key: Key = ("session", None, "s")
    token = line.hub.token
    line.tell("t", "u")
    line.hub.subscribe(viewer, (key,), token)
    ((client, resume),) = line.asked
    wish = Wish(client, resume, list(resume.places), list(line.hub.places))
    log = sorted(line.log.between(wish.start, wish.end), key=lambda read: read.at_ms)
    found = pieces([wish], log, len(LAYOUT), 4)
    reached, _ = next(found)
    viewer.has_room = False
    line.hub.stocked(client, resume, wish.stock, reached, is_last=False)
    line.hub.read_again(client, resume)
    assert not resume.stock and len(line.asked) == 1
    viewer.has_room = True
    line.hub.go_on_all()
    again = Wish(*line.asked[1], list(resume.places), list(line.hub.places))
    list(pieces([again], log, len(LAYOUT)))
    line.hub.stocked(client, resume, again.stock, again.end, is_last=True)
    ids = [message["data"]["task_id"] for message in viewer.heard if "task_id" in message["data"]]
    assert viewer.events()[-1] == "resumed" and Counter(ids) == {"t": 9, "u": 9} and "gap" not in viewer.events()


@given(
    st.lists(st.lists(st.integers(0, 20), max_size=12).map(sorted), min_size=1, max_size=5),
    st.randoms(use_true_random=False),
)
def test_partitions_read_in_any_turn_come_by_time_and_whole(rows: list[list[int]], chance: Any) -> None:
    merge = Merge(range(len(rows)))
    given_out: list[Read] = []
    left = {place: list(enumerate(times)) for place, times in enumerate(rows)}
    while left:
        place = chance.choice(sorted(left))
        if left[place]:
            offset, at = left[place].pop(0)
            merge.add(Read(place, offset, at, "", {}))
        else:
            del left[place]
            merge.left.discard(place)
        given_out += merge.take()
    assert [read.at_ms for read in given_out] == sorted(at for times in rows for at in times)
    for place, times in enumerate(rows):
        assert [read.offset for read in given_out if read.place == place] == list(range(len(times)))


def test_one_that_nobody_can_tell_keeps_nobody_from_the_others() -> None:
    log, viewer = Log(), Viewer()
    events = story("bad", "s", "acme", 1)
    events[0][2]["text"] = None
    for topic, name, event in [*events, *story("t", "s", "acme", 1)]:
        log.append(topic, 0, name, event)
    keys = (("session", None, "s"),)
    resume = viewer.joining.resume = Resume(keys, [0] * len(LAYOUT), Wanted(keys))
    wish = Wish(viewer, resume, [0] * len(LAYOUT), log.ends)
    list(pieces([wish], sorted(log.between(wish.start, wish.end), key=lambda read: read.at_ms), len(LAYOUT)))
    assert len([told for told in wish.stock if told.task_id == "t"]) == 9
