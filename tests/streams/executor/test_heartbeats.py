"""Heartbeats name the instances that are ours and what they have in hand."""

import pytest

from processors.placing import names
from schemas.partition import partition_of
from streams.executor.heartbeats import Heartbeats, instances_on
from streams.executor.intake import Start
from streams.executor.reports import Identity
from tests.streams.executor.test_attempts import Scene


def beats_of(scene: Scene, zone: str = "") -> Heartbeats:
    return Heartbeats(Identity("host-0", "life", zone), 4, scene.attempts, scene.outbox)  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ["", "b"])
def test_every_instance_is_on_exactly_one_partition(zone: str) -> None:
    found = [name for p in range(4) for name in instances_on("a", zone, 50, 4, [p])]
    assert sorted(found) == sorted(names("a", zone, 50))
    assert all(partition_of(name.encode(), 4) == 2 for name in instances_on("a", zone, 50, 4, [2]))


async def test_a_pool_that_leaves_is_told_once_more_without_instances() -> None:
    scene = Scene()
    scene.attempts.assigned({p: Start(0, 0, 0, closed=False) for p in range(4)})
    heartbeats = beats_of(scene)
    heartbeats.place({"a": 8, "x": 0})
    heartbeats.beat()
    assert [(h["pool"], len(h["instances"])) for h in scene.outbox.told] == [("a", 8)]
    scene.attempts.revoked(dict.fromkeys(range(4), 0))
    heartbeats.place({"a": 8, "x": 0})
    heartbeats.place({"b": 1})
    heartbeats.beat()
    told = [(h["pool"], len(h["instances"])) for h in scene.outbox.told]
    assert told[:2] == [("a", 8), ("a", 0)]


async def test_work_in_hand_is_named_also_when_its_instance_has_moved() -> None:
    scene = Scene()
    heartbeats = beats_of(scene)
    scene.take(0, "one")
    scene.take(1, "refused", kind="cancel")
    await scene.settle()
    scene.attempts.revoked({0: 2})
    heartbeats.place({"a": 8})
    heartbeats.beat()
    newest = scene.outbox.told[-1]
    assert newest["instances"] == []
    assert newest["strays"] == [{"instance_id": "a-0", "running": [{"task_id": "one", "attempt": 1}]}]
    scene.agent.go.set()
    await scene.settle()
    scene.outbox.deliver()
    heartbeats.beat()
    assert scene.outbox.told[-1]["strays"] == []


async def test_fewer_instances_are_named_once_fewer_are_wanted() -> None:
    scene = Scene()
    scene.attempts.assigned({p: Start(0, 0, 0, closed=False) for p in range(4)})
    heartbeats = beats_of(scene, "b")
    for wanted in (8, 3, 0):
        heartbeats.place({"a": wanted})
        heartbeats.beat(["a"])
    assert [sorted(i["instance_id"] for i in h["instances"]) for h in scene.outbox.told] == [
        names("a", "b", 8),
        names("a", "b", 3),
        [],
    ]
    assert scene.outbox.told[0]["zone"] == "b"


async def test_a_cordoned_host_says_that_it_takes_nothing_new() -> None:
    scene = Scene()
    scene.attempts.assigned({p: Start(0, 0, 0, closed=False) for p in range(4)})
    heartbeats = beats_of(scene)
    heartbeats.place({"a": 2})
    for cordoned in (False, True, False):
        heartbeats.cordoned = cordoned
        heartbeats.beat()
    assert [h["draining"] for h in scene.outbox.told] == [False, True, False]


async def test_what_was_refused_holds_no_lease() -> None:
    scene = Scene()
    scene.attempts.assigned({0: Start(0, 0, 5, closed=False)})
    heartbeats = beats_of(scene)
    scene.take(0, "lost")
    heartbeats.beat()
    assert scene.outbox.told == []


async def test_a_host_that_has_nothing_says_so_that_it_is_heard_of() -> None:
    scene = Scene()
    scene.attempts.revoked({0: 0})
    heartbeats = beats_of(scene)
    heartbeats.place({"c": 2, "b": 2, "a": 0})
    heartbeats.beat()
    heartbeats.beat()
    assert [(h["pool"], h["instances"]) for h in scene.outbox.told] == [("b", [])] * 2
