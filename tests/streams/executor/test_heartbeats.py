"""Heartbeats name the instances that are ours and what they have in hand."""

from typing import Any

from schemas.partition import partition_of
from streams.executor.heartbeats import Heartbeats, instances_on
from streams.executor.intake import Start
from streams.executor.reports import Identity
from tests.streams.executor.test_attempts import Scene


def agent(agent_id: str, instances: int = 8, runner: str = "simulated") -> Any:
    return {"agent_id": agent_id, "instances": instances, "runner": runner}


def beats_of(scene: Scene, definitions: dict[str, Any]) -> Heartbeats:
    return Heartbeats(Identity("host-0", "life"), 4, definitions, scene.attempts, scene.outbox)  # type: ignore[arg-type]


def test_every_instance_is_on_exactly_one_partition() -> None:
    found = [name for p in range(4) for name in instances_on(agent("a", 50), 4, [p])]
    assert sorted(found) == sorted(f"a-{i}" for i in range(50))
    assert all(partition_of(name.encode(), 4) == 2 for name in instances_on(agent("a", 50), 4, [2]))


async def test_a_pool_that_leaves_is_told_once_more_without_instances() -> None:
    scene = Scene()
    scene.attempts.assigned({p: Start(0, 0, 0, closed=False) for p in range(4)})
    definitions = {"a": agent("a"), "x": agent("x", runner="external")}
    heartbeats = beats_of(scene, definitions)
    heartbeats.place(definitions)
    heartbeats.beat()
    assert [(h["pool"], len(h["instances"])) for h in scene.outbox.told] == [("a", 8)]
    scene.attempts.revoked(dict.fromkeys(range(4), 0))
    heartbeats.place(definitions)
    heartbeats.beat()
    heartbeats.beat()
    assert [len(h["instances"]) for h in scene.outbox.told] == [8, 0]


async def test_work_in_hand_is_named_also_when_its_instance_has_moved() -> None:
    scene = Scene()
    heartbeats = beats_of(scene, {"a": agent("a")})
    scene.take(0, "one")
    scene.take(1, "refused", kind="cancel")
    await scene.settle()
    scene.attempts.revoked({0: 2})
    heartbeats.place(["a"])
    heartbeats.beat()
    newest = scene.outbox.told[-1]
    assert newest["instances"] == [{"instance_id": "a-0", "running": [{"task_id": "one", "attempt": 1}]}]
    scene.agent.go.set()
    await scene.settle()
    scene.outbox.deliver()
    heartbeats.beat()
    assert scene.outbox.told[-1]["instances"] == []


async def test_what_was_refused_holds_no_lease() -> None:
    scene = Scene()
    scene.attempts.assigned({0: Start(0, 0, 5, closed=False)})
    heartbeats = beats_of(scene, {"a": agent("a")})
    scene.take(0, "lost")
    heartbeats.beat()
    assert scene.outbox.told == []
