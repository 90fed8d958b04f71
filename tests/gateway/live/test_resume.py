"""The promise of live progress, held against a log whose partitions are read in any order, by gateways that restart,
for clients that come and go as they like: every message once, none missing, a task's messages in order.
"""

import json
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.live.hub import Hub
from gateway.live.joining import Client, Joining, Resume
from gateway.live.messages import Told, told_of
from gateway.live.order import Order, Read, fact_of, needed
from gateway.live.parcel import Parcel
from gateway.live.protocol import selector_of
from gateway.live.replay import Wish, hand_out, pieces
from tests.gateway.live.log import LAYOUT, Log, by_time, feedback, moved, story

SESSIONS = ("s-0", "s-1")
TENANTS = ("acme", "other")


class Viewer:
    """A client that keeps what it read. `pending` was sent and may still be lost."""

    def __init__(self, keys: tuple[Any, ...]) -> None:
        self.keys = keys
        self.joining = Joining()
        self.hub: Hub | None = None
        self.slow = False
        self.pending: list[dict[str, Any]] = []
        self.read: list[dict[str, Any]] = []
        self.token: str | None = None
        self.since: list[int] | None = None

    @property
    def has_room(self) -> bool:
        return not self.slow

    def send(self, parcel: Parcel) -> None:
        self.pending.append(json.loads(parcel.body))

    answer = show = send

    def shows_itself(self) -> bool:
        return False

    def came_back(self, *, whole: bool) -> None:
        assert whole

    def take(self, count: int) -> None:
        for message in self.pending[:count]:
            self.read.append(message)
            if message["token"]:
                shown = [m["data"]["of"] for m in self.read if m["event"] == "snapshot"]
                assert all(selector_of(key) in shown for key in self.keys)
                if self.token is None:
                    self.since = LAYOUT.places(message["token"])
                self.token = message["token"]
        del self.pending[:count]


class Skew:
    """Ends of partitions are asked for one after another, while the line goes on: each is as of another time. Those
    asked for later are all later than any of the first.
    """

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._span = self._chance.choice([0, 0, 6, 20])

    def ends(self, log: Log, start: list[int]) -> list[int]:
        return [max(end, first) for end, first in zip(self._cut(log, 2 * self._span, self._span), start, strict=True)]

    def later(self, log: Log, ends: list[int]) -> list[int]:
        return [max(pair) for pair in zip(self._cut(log, self._span, 0), ends, strict=True)]

    def _cut(self, log: Log, back_most: int, back_least: int) -> list[int]:
        newest = max((rows[-1].at_ms for rows in log.rows if rows), default=0)
        times = [newest - self._chance.randint(back_least, back_most) for _ in log.rows]
        return [sum(read.at_ms <= at for read in rows) for rows, at in zip(log.rows, times, strict=True)]


class Gateway:
    """A hub, how far it has read each partition, and the replays it was asked for."""

    def __init__(self, log: Log, start: list[int], ring_bytes: int, skew: "Skew") -> None:
        self.log = log
        self.wishes: list[Wish] = []
        self.passes: list[tuple[list[Wish], Iterator[tuple[list[int], bool]]]] = []
        self.hub = Hub(
            LAYOUT, start, tasks_max=100, ring_bytes=ring_bytes, now_us=lambda: 0, ask_kafka=self.ask, here=lambda _: []
        )
        ends = skew.ends(log, start)
        self.reached = skew.later(log, ends)
        self.hub.see_stretch(log.between(start, self.reached), ends)

    def ask(self, client: Client, resume: Resume) -> None:
        self.wishes.append(Wish(client, resume, list(resume.places), list(self.hub.places)))

    def read(self, place: int, count: int) -> None:
        rows = self.log.rows[place][self.reached[place] : self.reached[place] + count]
        self.reached[place] += len(rows)
        self.hub.see(rows)

    def read_all(self) -> None:
        """To the end, as a feed does: then it knows that what has not come is not there."""
        for place in range(len(LAYOUT)):
            self.read(place, 10**6)
        if self.hub.waits:
            self.hub.nothing_more_before(list(self.reached))

    def replay(self, piece: int) -> None:
        """A piece more for all who wait for one, each pass for itself. Who has not taken the one before is left."""
        wishes, self.wishes = [wish for wish in self.wishes if wish.is_wanted], []
        if wishes:
            start = [min(offsets) for offsets in zip(*(wish.start for wish in wishes), strict=True)]
            end = [max(offsets) for offsets in zip(*(wish.end for wish in wishes), strict=True)]
            for place, (topic, _) in enumerate(LAYOUT.pairs):
                start[place] *= topic != "tasks.outcomes"
            found = pieces(wishes, by_time(self.log, start, end), len(LAYOUT), piece)
            self.passes.append((wishes, found))
        for wishes, found in list(self.passes):
            going = [wish for wish in wishes if wish.is_wanted]
            for wish in going:
                if not wish.is_taken:
                    wish.is_answered = True
                    self.hub.read_again(wish.client, wish.resume)
            going = [wish for wish in going if not wish.is_answered]
            if going:
                hand_out(going, *next(found), self)
            else:
                self.passes.remove((wishes, found))

    def stocked(self, wish: Wish, stock: list[Told], end: list[int], *, is_last: bool) -> None:
        self.hub.stocked(wish.client, wish.resume, stock, end, is_last=is_last)

    def read_again(self, wish: Wish) -> None:
        raise AssertionError("it is the caller who says so")

    def gap(self, wish: Wish, reason: str) -> None:
        raise AssertionError(f"a gap where nothing is missing: {reason}")


class Promise(RuleBasedStateMachine):
    @initialize(ring=st.sampled_from([0, 3_000, 10**6]), shape=st.lists(st.integers(0, 3), min_size=4, max_size=6))
    def begin(self, ring: int, shape: list[int]) -> None:
        self.ring = ring
        self.log = Log()
        self.stories = [
            story(f"t-{n}", SESSIONS[n % 2], TENANTS[n // 2 % 2], attempts) for n, attempts in enumerate(shape)
        ]
        for told in self.stories:
            told.append(("feedback.given", "FeedbackGiven", feedback(told[0][2])))
        for told in self.stories[::2]:
            told.insert(2, ("task.commands", "TaskMoved", moved(told[0][2], "writer")))
        self.gateways = [Gateway(self.log, self.log.ends, ring, Skew(0)) for _ in range(2)]
        self.disconnects = 0
        self.viewers = [
            Viewer((("session", "acme", "s-0"),)),
            Viewer((("session", None, "s-0"), ("task", None, "t-1"))),
            Viewer((("tenant", None, "*"),)),
            Viewer((("agent", "other", "writer"),)),
        ]
        for who in range(4):
            self.a_viewer_comes(who, who % 2)

    @rule(n=st.integers(0, 5), steps=st.integers(1, 12), partition=st.integers(0, 1))
    def a_task_goes_on(self, n: int, steps: int, partition: int) -> None:
        for _ in range(steps):
            if n < len(self.stories) and self.stories[n]:
                topic, name, event = self.stories[n].pop(0)
                keyed = topic in ("tasks.submitted", "tasks.progress", "tasks.outcomes")
                self.log.append(topic, n % 2 if keyed else partition, name, event)

    @rule(
        which=st.integers(0, 1), places=st.lists(st.integers(0, len(LAYOUT) - 1), max_size=10), count=st.integers(1, 5)
    )
    def a_gateway_reads(self, which: int, places: list[int], count: int) -> None:
        for place in places:
            self.gateways[which].read(place, count)

    @rule(which=st.integers(0, 1))
    def a_gateway_reads_all(self, which: int) -> None:
        self.gateways[which].read_all()

    @rule(which=st.integers(0, 1), piece=st.sampled_from([1, 2, 3, 7, 1000]))
    def a_gateway_replays(self, which: int, piece: int) -> None:
        self.gateways[which].replay(piece)

    @rule(which=st.integers(0, 1), back=st.integers(0, 40), seed=st.integers(0, 1000))
    def a_gateway_restarts(self, which: int, back: int, seed: int) -> None:
        for viewer in self.viewers:
            if viewer.hub is self.gateways[which].hub:
                self._cut(viewer, len(viewer.pending) // 2)
        newest = max((rows[-1].at_ms for rows in self.log.rows if rows), default=0)
        start = [sum(read.at_ms <= newest - back for read in rows) for rows in self.log.rows]
        self.gateways[which] = Gateway(self.log, start, self.ring, Skew(seed))

    @rule(who=st.integers(0, 3), which=st.integers(0, 1))
    def a_viewer_comes(self, who: int, which: int) -> None:
        viewer = self.viewers[who]
        if viewer.hub is None:
            viewer.hub = self.gateways[which].hub
            viewer.hub.subscribe(viewer, viewer.keys, viewer.token)

    @rule(who=st.integers(0, 3), count=st.integers(0, 30))
    def a_viewer_reads(self, who: int, count: int) -> None:
        self.viewers[who].take(count)

    @rule(who=st.integers(0, 3), kept=st.integers(0, 30))
    def a_viewer_is_cut_off(self, who: int, kept: int) -> None:
        self._cut(self.viewers[who], kept)

    @rule(who=st.integers(0, 3), slow=st.booleans())
    def a_viewer_is_slow_or_not(self, who: int, slow: bool) -> None:
        viewer = self.viewers[who]
        viewer.slow = slow
        if viewer.hub is not None and not slow:
            viewer.hub.go_on(viewer)

    def _cut(self, viewer: Viewer, kept: int) -> None:
        if viewer.hub is not None:
            self.disconnects += 1
            viewer.take(kept)
            viewer.pending.clear()
            viewer.hub.forget(viewer)
            viewer.hub, viewer.joining = None, Joining()

    @precondition(lambda self: hasattr(self, "viewers"))
    @invariant()
    def nothing_is_told_twice_and_all_in_order(self) -> None:
        for viewer in self.viewers:
            seen = [m for m in viewer.read + viewer.pending if "task_id" in m["data"]]
            twice = [what for what, times in Counter(map(_identity, seen)).items() if times > 1]
            assert not twice
            _assert_order(seen)

    def teardown(self) -> None:
        if not hasattr(self, "viewers"):
            return
        for gateway in self.gateways:
            gateway.read_all()
        for viewer in self.viewers:
            self._finish(viewer)
            if viewer.since is not None:
                self._assert_complete(viewer)

    def _finish(self, viewer: Viewer) -> None:
        viewer.slow = False
        if viewer.hub is None:
            viewer.hub = self.gateways[0].hub
            viewer.hub.subscribe(viewer, viewer.keys, viewer.token)
        while not viewer.joining.is_done:
            viewer.hub.go_on_all()
            for gateway in self.gateways:
                gateway.replay(3)
        viewer.take(10**6)

    def _assert_complete(self, viewer: Viewer) -> None:
        assert viewer.since is not None
        told = Counter(_identity(m) for m in viewer.read if "task_id" in m["data"])
        ended = {m["data"]["task_id"] for m in viewer.read if m["event"] in ("task_completed", "task_cancelled")}
        before = self.log.between([0] * len(LAYOUT), viewer.since)
        ended |= {read.event["task_id"] for read in before if read.name == "TaskOutcome"}
        for read in self.log.between(viewer.since, self.log.ends):
            found = told_of(read)
            if found is None or not set(found.keys()) & set(viewer.keys):
                continue
            times = told.pop(_identity(json.loads(found.head + b"}")), 0)
            # Progress that was read after the end of its task is not told any more.
            assert times == 1 or (found.is_progress and found.task_id in ended)
        assert not told


def _identity(message: dict[str, Any]) -> tuple[Any, ...]:
    data = message["data"]
    return message["event"], data["task_id"], data.get("attempt"), data.get("sequence")


def _assert_order(messages: list[dict[str, Any]]) -> None:
    """What needs something comes after it, progress in its own order, and nothing after the end."""
    first: dict[Any, int] = {}
    for n, message in enumerate(messages):
        first[_identity(message)] = n
    for n, message in enumerate(messages):
        data, event = message["data"], message["event"]
        task, attempt = data["task_id"], data.get("attempt")
        before = {
            "task_queued": [("task_submitted", task, None, None)],
            "task_moved": [("task_queued", task, None, None)],
            "agent_assigned": [("task_queued", task, None, None), ("attempt_ended", task, (attempt or 0) - 1, None)],
            "task_started": [("agent_assigned", task, attempt, None)],
            "progress_update": [
                ("task_started", task, attempt, 0),
                ("progress_update", task, attempt, (data.get("sequence") or 0) - 1),
            ],
            "attempt_ended": [("agent_assigned", task, attempt, None)],
            "task_evaluated": [("attempt_ended", task, attempt, None)],
            "task_completed": [("task_evaluated", task, data.get("attempts"), None)],
        }.get(event, [])
        assert all(first.get(what, -1) < n for what in before), (event, task)
        ends = [first.get((end, task, None, None)) for end in ("task_completed", "task_cancelled")]
        assert event == "feedback_received" or all(end is None or n <= end for end in ends), (event, task)


Promise.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
test_each_viewer_is_told_everything_once_and_in_order = Promise.TestCase


def test_a_thousand_disconnects_leave_no_gap_and_no_double() -> None:
    """The same with more of everything than a search for small examples tries; the seed makes it repeatable."""
    chance, disconnects = random.Random(7), 0
    while disconnects < 1_000:
        machine = Promise()
        machine.begin(chance.choice([0, 3_000, 10**6]), [chance.randint(0, 3) for _ in range(6)])
        for _ in range(150):
            _step(machine, chance)
        machine.nothing_is_told_twice_and_all_in_order()
        machine.teardown()
        disconnects += machine.disconnects


def _step(machine: Promise, chance: random.Random) -> None:
    which, who = chance.randint(0, 1), chance.randint(0, 3)
    places = [chance.randrange(len(LAYOUT)) for _ in range(10)]
    does = [
        (30, lambda: machine.a_task_goes_on(chance.randint(0, 5), chance.randint(1, 4), chance.randint(0, 1))),
        (30, lambda: machine.a_gateway_reads(which, places, chance.randint(1, 4))),
        (5, lambda: machine.a_gateway_reads_all(which)),
        (10, lambda: machine.a_gateway_replays(which, chance.choice([1, 2, 3, 7, 1000]))),
        (1, lambda: machine.a_gateway_restarts(which, chance.randint(0, 40), chance.randint(0, 1000))),
        (12, lambda: machine.a_viewer_comes(who, which)),
        (10, lambda: machine.a_viewer_reads(who, chance.randint(0, 30))),
        (8, lambda: machine.a_viewer_is_cut_off(who, chance.randint(0, 30))),
        (8, lambda: machine.a_viewer_is_slow_or_not(who, chance.random() < 0.3)),
    ]
    chance.choices([do for _, do in does], [weight for weight, _ in does])[0]()


def test_a_stretch_that_holds_a_circle_is_taken_all_the_same() -> None:
    """Nobody's line writes this: each head waits for what lies behind the other."""
    log = Log()
    first, second = (story(f"t-{n}", "s", "acme", 2) for n in range(2))
    runs = [[e for e in events if e[0] == "tasks.assigned"] for events in (first, second)]
    for partition, events in enumerate(([runs[0][1], runs[1][0]], [runs[1][1], runs[0][0]])):
        for topic, name, event in events:
            log.append(topic, partition, name, event)
    taken = [read for read, _ in Order(len(LAYOUT)).take_stretch(log.between([0] * len(LAYOUT), log.ends))]
    assert len(taken) == 4


def test_in_a_stretch_progress_comes_before_the_end_wherever_it_lies() -> None:
    log = Log()
    events = story("t", "s", "acme", 1)
    for topic, name, event in [*events[:3], *events[6:], *events[3:6]]:
        log.append(topic, 0, name, event)
    taken = [
        (read.name, is_news)
        for read, is_news in Order(len(LAYOUT)).take_stretch(log.between([0] * len(LAYOUT), log.ends))
    ]
    assert taken[-1] == ("TaskOutcome", True) and all(is_news for _, is_news in taken)


def test_every_fact_that_something_waits_for_is_one_that_some_event_tells() -> None:
    reads = [Read(0, 0, 0, name, event) for _, name, event in story("t", "s", "acme", 3)]
    told = {fact_of(read) for read in reads}
    assert all(fact in told for read in reads for fact in needed(read))
