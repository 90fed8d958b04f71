"""What the promise of `test_resume` leaves open: gaps, presence, who is slow, who leaves."""

import json
from typing import Any

import pytest

from gateway.live.hub import FLEET, Hub
from gateway.live.joining import Client, Joining, Resume
from gateway.live.messages import Key
from gateway.live.parcel import Parcel
from gateway.live.presence import Presence
from gateway.live.replay import Wish, pieces
from tests.gateway.events import example
from tests.gateway.live.log import LAYOUT, Log, by_time, story
from tests.support.alerts import alert

LIFE = [
    "task_submitted",
    "task_queued",
    "agent_assigned",
    "task_started",
    "progress_update",
    "progress_update",
    "attempt_ended",
    "task_evaluated",
    "task_completed",
]
SESSION: Key = ("session", None, "s")


class Viewer:
    def __init__(self) -> None:
        self.joining = Joining()
        self.has_room = True
        self.given_up = False
        self.came_back_whole: list[bool] = []
        self.heard: list[dict[str, Any]] = []

    def send(self, parcel: Parcel) -> None:
        self.heard.append(json.loads(parcel.body))

    answer = show = send

    def came_back(self, *, whole: bool) -> None:
        self.came_back_whole.append(whole)

    def give_up(self) -> None:
        self.given_up = True

    def shows_itself(self) -> bool:
        return False

    def events(self) -> list[str]:
        return [message["event"] for message in self.heard]


class Asked:
    def __init__(self, ring_bytes: int = 10**6) -> None:
        self.log = Log()
        self.asked: list[tuple[Client, Resume]] = []
        self.hub = Hub(
            LAYOUT,
            self.log.ends,
            tasks_max=10,
            ring_bytes=ring_bytes,
            now_us=lambda: 0,
            ask_kafka=lambda client, resume: self.asked.append((client, resume)),
            here=lambda key: self.here.get(key[2], []),
        )
        self.here: dict[str, list[dict[str, Any]]] = {}

    def tell(self, *names: str, session: str = "s", first: int | None = None) -> None:
        before = self.log.ends
        for name in names:
            for topic, event_name, event in story(name, session, "acme", 1)[:first]:
                self.log.append(topic, 0, event_name, event)
        self.hub.see(self.log.between(before, self.log.ends))


def test_what_cannot_be_told_is_a_gap_and_then_a_snapshot() -> None:
    line, viewer = Asked(ring_bytes=0), Viewer()
    token = line.hub.token
    line.tell("t")
    line.hub.subscribe(viewer, (SESSION,), token)
    ((client, resume),) = line.asked
    line.hub.gap(client, resume, "retention")
    assert viewer.events() == ["gap", "snapshot"] and viewer.heard[0]["data"]["reason"] == "retention"
    line.tell("u")
    assert viewer.events()[-1] == "task_completed"


def test_a_repeat_in_the_topics_is_not_told_to_who_was_told_the_first_before_it_left() -> None:
    """A replay reads from the token on: there the repeat is the first that it sees."""
    line, viewer = Asked(ring_bytes=0), Viewer()
    line.tell("t", first=2)
    token = line.hub.token
    line.tell("t", first=2)
    line.tell("u", first=1)
    line.hub.subscribe(viewer, (SESSION,), token)
    ((client, resume),) = line.asked
    wish = Wish(client, resume, LAYOUT.places(token), list(line.hub.places))
    found = list(pieces([wish], by_time(line.log, wish.start, wish.end), len(LAYOUT)))
    assert found == [(wish.end, True)]
    assert [told.event for told in wish.stock] == ["task_submitted", "task_queued", "task_submitted"]
    line.hub.stocked(client, resume, wish.stock, wish.end, is_last=True)
    assert viewer.events() == ["task_submitted", "presence", "resumed"] and viewer.heard[0]["data"]["task_id"] == "u"
    assert viewer.events()[-1] == "resumed" and viewer.came_back_whole == [True]


def test_an_event_that_cannot_be_told_holds_up_no_other_of_its_partition() -> None:
    line, viewer = Asked(), Viewer()
    line.hub.subscribe(viewer, (SESSION,), None)
    (topic, name, event), *_ = story("bad", "s", "acme", 1)
    line.log.append(topic, 0, name, event | {"text": None})
    for topic, name, event in story("t", "s", "acme", 1):
        line.log.append(topic, 0, name, event)
    with pytest.raises(AttributeError):
        line.hub.see(line.log.between([0] * len(LAYOUT), line.log.ends))
    line.hub.see([])
    assert [e for e in viewer.events()[1:] if e != "feedback_received"] == LIFE


def test_an_answer_for_a_client_that_has_gone_is_passed_over() -> None:
    line, viewer = Asked(ring_bytes=0), Viewer()
    token = line.hub.token
    line.tell("t")
    line.hub.subscribe(viewer, (SESSION,), token)
    line.hub.forget(viewer)
    line.hub.stocked(*line.asked[0], [], line.hub.places, is_last=True)
    line.hub.read_again(*line.asked[0])
    line.hub.gap(*line.asked[0], "late")
    assert viewer.heard == []


def test_a_client_that_falls_back_hears_the_rest_later_but_only_the_newest_progress() -> None:
    line, viewer = Asked(), Viewer()
    line.hub.subscribe(viewer, (SESSION,), None)
    token = viewer.heard[-1]["token"]
    viewer.has_room = False
    line.hub.fall_back(viewer, token)
    line.tell("t", first=6)
    assert viewer.events() == ["snapshot"]
    viewer.has_room = True
    line.hub.go_on_all()
    assert viewer.events()[1:] == [
        "task_submitted",
        "task_queued",
        "agent_assigned",
        "task_started",
        "progress_update",
        "presence",
        "resumed",
    ]
    assert viewer.heard[-3]["data"]["sequence"] == 2


def test_a_client_that_falls_back_further_than_memory_reaches_is_given_up() -> None:
    line, viewer = Asked(ring_bytes=2_000), Viewer()
    line.hub.subscribe(viewer, (SESSION,), None)
    line.hub.fall_back(viewer, viewer.heard[-1]["token"])
    line.tell("t", "u", "v")
    line.hub.go_on_all()
    assert viewer.given_up and line.asked == []


def test_one_that_was_told_by_two_subscriptions_is_told_once() -> None:
    line, viewer = Asked(), Viewer()
    line.hub.subscribe(viewer, (SESSION, ("task", None, "t"), ("tenant", None, "*"), ("agent", None, "writer")), None)
    line.tell("t")
    assert viewer.events().count("task_completed") == 1


def test_who_unsubscribes_hears_no_more_of_it_also_while_it_catches_up() -> None:
    line, viewer = Asked(), Viewer()
    other: Key = ("session", None, "o")
    token = line.hub.token
    line.tell("t")
    line.tell("u", session="o")
    viewer.has_room = False
    line.hub.subscribe(viewer, (SESSION, other), token)
    line.hub.unsubscribe(viewer, (SESSION,))
    viewer.has_room = True
    line.hub.go_on_all()
    assert {message["session_id"] for message in viewer.heard[:-1]} == {"o"}
    line.hub.unsubscribe(viewer, (other,))
    before = len(viewer.heard)
    line.tell("v", session="o")
    assert len(viewer.heard) == before and line.hub._clients == {}


def test_what_is_asked_for_again_before_it_is_shown_is_shown_once() -> None:
    line, viewer = Asked(), Viewer()
    others: tuple[Key, ...] = tuple(("session", None, f"s-{n}") for n in range(50))
    viewer.has_room = False
    for _ in range(100):
        line.hub.subscribe(viewer, others, None)
        line.hub.subscribe(viewer, (*others, SESSION, FLEET), None)
    assert sum(map(len, viewer.joining.fresh)) == 52
    viewer.has_room = True
    line.hub.go_on_all()
    assert viewer.events() == ["snapshot"] * 52
    line.hub.subscribe(viewer, (SESSION,), None)
    assert viewer.events()[52:] == ["snapshot"]


def test_catching_up_is_done_in_pieces() -> None:
    line, viewer = Asked(), Viewer()
    token = line.hub.token
    line.tell(*(f"t-{n}" for n in range(100)))
    line.hub.subscribe(viewer, (SESSION,), token)
    assert len(viewer.heard) == 500
    line.hub.go_on_all()
    assert viewer.events()[-1] == "resumed" and viewer.events().count("task_completed") == 100


def test_presence_tells_those_of_a_tenant_about_each_other_only() -> None:
    class Person:
        def __init__(self, name: str, tenant: str | None) -> None:
            self.principal = self
            self.name, self.tenant = name, tenant

    presence, ann, bob, eve = Presence(), Person("ann", "acme"), Person("bob", "acme"), Person("eve", "other")
    for who, state in ((ann, "reading"), (eve, "typing"), (ann, "typing")):
        presence.say(who, "s", state)
    seen = {key[1]: [one["name"] for one in here] for key, _, here in presence.changed()}
    assert seen == {"acme": ["ann"], "other": ["eve"], None: ["ann", "eve"]}
    presence.say(bob, "s", "reading")
    presence.leave(ann)
    assert {key[1]: len(here) for key, _, here in presence.changed()} == {"acme": 1, None: 2}
    assert list(presence.changed()) == []
    presence.leave(bob)
    presence.leave(eve)
    assert presence._here == {} and presence._of == {}


def test_who_comes_or_comes_back_is_told_who_is_there() -> None:
    line, viewer = Asked(), Viewer()
    line.here["s"] = [{"name": "ann", "state": "typing"}]
    line.hub.subscribe(viewer, (SESSION, FLEET), None)
    first, fleet = (message["data"] for message in viewer.heard)
    assert first["here"] == line.here["s"] and "here" not in fleet
    token = viewer.heard[-1]["token"]
    line.hub.forget(viewer)
    line.here.clear()
    line.tell("t", first=1)
    line.hub.subscribe(viewer, (SESSION,), token)
    assert viewer.events()[-2:] == ["presence", "resumed"]
    assert viewer.heard[-2]["data"] == {"here": []} and viewer.heard[-2]["session_id"] == "s"


def test_everybody_is_told_of_alerts_with_their_own_tasks_only() -> None:
    viewers = {"acme": Viewer(), None: Viewer()}
    line = Asked()
    tasks = [{"task_id": "t-1", "tenant_id": "acme"}, {"task_id": "t-2", "tenant_id": "other"}]
    line.hub.see_alert(alert("old", state="resolved", until_at=1))
    line.hub.see_alert(alert("errors", tasks=tasks))
    for tenant, viewer in viewers.items():
        line.hub.subscribe(viewer, (("alerts", tenant, ""),), None)
    line.hub.see_alert(alert("errors", state="resolved", until_at=2, tasks=tasks))
    for tenant, viewer in viewers.items():
        shown, told = viewer.heard
        assert (shown["event"], shown["data"]["firing"], told["event"]) == ("snapshot", 1, "alert")
        assert [one["rule"] for one in shown["data"]["alerts"]] == ["errors", "old"]
        seen = tasks if tenant is None else tasks[:1]
        assert told["data"]["tasks"] == shown["data"]["alerts"][0]["tasks"] == seen
        assert told["data"]["state"] == "resolved"


def test_who_watches_is_told_that_an_agent_was_removed_and_who_comes_later_sees_what_is_left() -> None:
    line, watching, later = Asked(), Viewer(), Viewer()
    line.hub.subscribe(watching, (FLEET,), None)
    for name, waiting in (("lawyer", 0), ("writer", 1), ("coder", 0)):
        line.hub.see_pool(example("PoolStatus", pool=name, agent_id=name, waiting=waiting, running=0))
    heard = len(watching.heard)
    for _ in range(2):
        line.hub.see_removed(frozenset({"lawyer", "writer"}))
    told = [
        (message["event"], message["data"]["pool"], message["data"]["removed"]) for message in watching.heard[heard:]
    ]
    assert told == [("pool", "lawyer", True), ("pool", "writer", True)]
    line.hub.subscribe(later, (FLEET,), None)
    shown = [(pool["pool"], pool["removed"]) for pool in later.heard[0]["data"]["pools"]]
    assert shown == [("writer", True), ("coder", False)]
