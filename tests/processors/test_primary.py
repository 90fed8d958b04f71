"""Tasks of high priority go to the primary when all instances of their agent are silent. In any order, with
repeats and crashes: see test_dispatch_machine.py."""

from typing import Any

import pytest

from processors.primary import Primary, primary_of
from schemas.codec import decode_as
from tests.support.agents import agent, pool, registry
from tests.support.samples import DECIDED
from tests.support.world import SECOND, World, decision, heartbeat, result, submission

WRITER, GENERALIST = 0, 1
"""Partitions of the pools, of two."""


GENERAL = Primary("generalist", None, 100)


def a_world(partition: int = WRITER, primary: Primary | None = GENERAL, **limits: Any) -> World:
    return World(partition, 2, lambda failed: primary, **limits)


def world_whose_writer_dies(**over: Any) -> World:
    world = a_world(**over)
    world.do("heartbeat", heartbeat(world.now, instances=1))
    world.wait(0.5)  # so that no lease ends at the very moment at which the instance is held silent
    return world


def submit(world: World, task_id: str, priority: int = 1, **over: Any) -> None:
    world.do("decision", decision(submission(task_id, priority=priority, **over)))


def pass_time(world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.wait(1)


def moves(world: World) -> list[dict[str, Any]]:
    return world.of("task.commands")


def told(world: World) -> list[tuple[str, str]]:
    return [(event["subject"], event["what"]) for event in world.of("fleet.events")]


def test_tasks_of_high_priority_that_wait_for_a_silent_agent_go_to_the_primary_and_others_wait() -> None:
    world = world_whose_writer_dies()
    pass_time(world, 12)
    for priority in (1, 2, 3, 10):
        submit(world, f"p{priority}", priority)
    submit(world, "asked", 1, agent_id="writer")
    pass_time(world, 17)
    assert moves(world) == []
    pass_time(world, 2)
    assert [move["task_id"] for move in moves(world)] == ["p1", "p2"]
    assert moves(world)[0]["reason"] == "no instance of writer was heard for 30 s, and its priority is 1"
    assert world.dispatcher.tasks.keys() == {"p3", "p10", "asked"}
    assert told(world) == [("writer", "silent"), ("writer", "redistributed")]
    assert world.of("fleet.events")[1]["tasks"] == ["p1", "p2"]


def test_a_fresh_task_for_an_agent_that_has_failed_goes_on_within_a_second() -> None:
    world = world_whose_writer_dies()
    pass_time(world, 40)
    submit(world, "late")
    pass_time(world, 1)
    assert [move["task_id"] for move in moves(world)] == ["late"]


def test_a_lost_attempt_goes_on_at_the_primary_with_all_that_it_was() -> None:
    world = world_whose_writer_dies()
    world.do("decision", decision(submission("a", priority=2, deadline_at=world.now + 90 * SECOND), decided=DECIDED))
    step = {"name": "plan", "output": "first", "model": None, "tokens_in": 5, "tokens_out": 6, "cost_usd_micros": 7}
    (run,) = world.runs()
    report = result(run, "step", steps=[step | {"finished_at": 1}], tokens_in=5, tokens_out=6, cost_usd_micros=7)
    world.do("result", report)
    pass_time(world, 32)
    (move,) = moves(world)

    other = a_world(GENERALIST)
    other.now = world.now
    other.do("moved", move)
    other.do("heartbeat", heartbeat(other.now, pool="generalist", instances=1))
    (again,) = other.runs()
    assert (again["attempt"], again["agent_id"], again["deadline_at"]) == (2, "generalist", run["deadline_at"])
    assert [kept["output"] for kept in again["steps"]] == ["first"]
    other.do("result", result(again, now=other.now))
    (outcome,) = other.outcomes()
    assert (outcome["attempts"], outcome["agent_id"], outcome["cost_usd_micros"]) == (2, "generalist", 7)
    assert outcome["decided"] is None, "it teaches nothing about the primary, which nobody had chosen"


def test_a_retry_that_waits_for_its_time_waits_for_it_at_the_primary_too() -> None:
    world = world_whose_writer_dies(retry_base_us=100 * SECOND, retry_cap_us=100 * SECOND)
    submit(world, "a")
    world.do("result", result(world.runs()[0], "failed", retryable=True, retry_after_ms=100_000))
    pass_time(world, 32)
    (move,) = moves(world)
    ready_at = decode_as("DispatchRecord", move["record"])["ready_at"]
    other = a_world(GENERALIST)
    other.now = world.now
    other.do("moved", move)
    other.do("heartbeat", heartbeat(other.now, pool="generalist"))
    assert other.runs() == [] and other.dispatcher.tasks["a"].ready_at == ready_at > other.now


def test_a_repeat_of_what_went_away_is_not_run_again_after_a_restart_either() -> None:
    world = world_whose_writer_dies()
    submit(world, "a")
    pass_time(world, 32)
    world.crash()
    submit(world, "a")
    world.do("heartbeat", heartbeat(world.now))
    assert world.dispatcher.tasks == {} and len(world.runs()) == 1


def test_a_cancel_that_overtakes_the_move_is_obeyed() -> None:
    world = world_whose_writer_dies()
    submit(world, "a")
    pass_time(world, 32)
    command = {"task_id": "a", "by": "ana", "reason": "", "event_id": "", "kind": "cancel", "at": 0}
    world.do("command", command)
    other = a_world(GENERALIST)
    other.do("command", command)
    other.do("moved", moves(world)[0])
    assert world.outcomes() == [] and [o["status"] for o in other.outcomes()] == ["cancelled"]


def test_a_task_moves_within_its_partition_as_well() -> None:
    world = a_world(GENERALIST)
    world.do("heartbeat", heartbeat(world.now, pool="coder"))
    world.do("decision", decision(submission("a", priority=1, redos_max=0), "coder"))
    for _ in range(11):
        world.wait(3)
        world.do("heartbeat", heartbeat(world.now, pool="generalist"))
    (move,) = moves(world)
    world.do("moved", move)
    assert [run["pool"] for run in world.runs()] == ["coder", "generalist"]
    world.do("result", result(world.runs()[1], now=world.now))
    world.do("moved", move)
    assert len(world.outcomes()) == 1 and world.dispatcher.tasks == {}


@pytest.mark.parametrize(
    "last",
    [{"instances": 0}, {"draining": True}],
    ids=["made none", "said that they leave"],
)
def test_an_agent_that_was_emptied_has_not_failed(last: dict[str, Any]) -> None:
    world = world_whose_writer_dies()
    world.do("heartbeat", heartbeat(world.now, **last))
    submit(world, "a")
    pass_time(world, 60)
    assert moves(world) == [] and told(world) == []


def test_an_agent_that_was_never_there_has_not_failed() -> None:
    world = a_world()
    submit(world, "a")
    pass_time(world, 60)
    assert moves(world) == []


def test_without_a_primary_all_wait_and_the_agent_goes_on_when_it_is_back() -> None:
    world = world_whose_writer_dies(primary=None)
    submit(world, "a")
    pass_time(world, 60)
    assert moves(world) == [] and told(world)[-1] == ("writer", "silent")
    world.do("heartbeat", heartbeat(world.now))
    assert told(world)[-1] == ("writer", "well") and [run["attempt"] for run in world.runs()] == [1, 2]


def test_no_more_go_than_the_primary_has_room_for_and_those_first_that_matter_most() -> None:
    world = world_whose_writer_dies(primary=Primary("generalist", None, 2))
    pass_time(world, 15)
    for n, priority in enumerate([2, 1, 2, 1]):
        submit(world, f"t{n}", priority)
    pass_time(world, 15)
    assert [move["task_id"] for move in moves(world)] == ["t1", "t3"]


def test_large_tasks_go_in_several_transactions() -> None:
    world = world_whose_writer_dies(queue_max=1000)
    pass_time(world, 12)
    for n in range(30):
        submit(world, f"t{n:02}", text="x" * 390_000)
    pass_time(world, 18)
    assert len(moves(world)) == 20, "8 MB of them"
    pass_time(world, 1)
    assert [move["task_id"] for move in moves(world)] == [f"t{n:02}" for n in range(30)]


def test_a_restart_of_the_dispatcher_gives_hosts_their_time_and_forgets_no_failure() -> None:
    world = world_whose_writer_dies()
    world.wait(1)
    world.crash()
    submit(world, "a")
    pass_time(world, 29)
    assert moves(world) == []
    world.wait(2)
    assert len(moves(world)) == 1
    submit(world, "b")
    world.crash()
    pass_time(world, 29)
    assert len(moves(world)) == 1
    pass_time(world, 1)
    assert len(moves(world)) == 2
    assert [what for _, what in told(world)].count("silent") == 1


def test_a_dispatcher_that_was_stopped_itself_holds_nobody_failed_before_they_could_be_heard() -> None:
    world = world_whose_writer_dies()
    submit(world, "a")
    world.wait(300)
    pass_time(world, 9)
    assert moves(world) == []
    world.do("heartbeat", heartbeat(world.now))
    pass_time(world, 20)
    assert moves(world) == [] and len(world.runs()) > 1


def test_the_primarys_own_model_answers_where_its_file_names_one() -> None:
    world = world_whose_writer_dies(primary=Primary("generalist", "large", 5))
    submit(world, "a")
    pass_time(world, 32)
    assert decode_as("DispatchRecord", moves(world)[0]["record"])["model"] == "large"


def test_the_model_of_the_failed_agents_file_stays_behind_and_what_the_skill_named_goes_along() -> None:
    for chosen, goes_along in (("of-the-file", None), ("of-the-skill", "of-the-skill")):
        world = world_whose_writer_dies(primary=Primary("generalist", None, 5, "of-the-file"))
        world.do("decision", decision(submission("a", priority=1), model=chosen))
        pass_time(world, 32)
        assert decode_as("DispatchRecord", moves(world)[0]["record"])["model"] == goes_along


def test_a_dispatcher_that_reads_heartbeats_late_holds_nobody_failed() -> None:
    """A new owner, far behind: the hosts live and speak."""
    world = world_whose_writer_dies()
    world.crash()
    submit(world, "a")
    for _ in range(60):
        world.wait(1)
        world.do("heartbeat", heartbeat(world.now - 60 * SECOND))
    assert moves(world) == [] and told(world) == []
    pass_time(world, 11)
    assert len(moves(world)) == 1, "nothing is heard any more, late or not"


def test_an_agent_fails_also_when_another_of_its_hosts_was_emptied_after_its_last_word() -> None:
    world = a_world()
    both = heartbeat(world.now, instances=2)
    world.do("heartbeat", both | {"instances": both["instances"][:1]})
    world.do("heartbeat", both | {"instances": both["instances"][1:], "host_id": "host-1"})
    world.wait(1)
    world.do("heartbeat", heartbeat(world.now, instances=0) | {"host_id": "host-1"})
    submit(world, "a")
    pass_time(world, 35)
    assert [move["task_id"] for move in moves(world)] == ["a"]


AGENTS = registry(
    agent("writer"),
    agent("spare", fallback=True),
    agent("first", fallback=True, role="primary"),
)


def test_the_primary_is_a_live_fallback_with_room_and_the_role_decides_between_two() -> None:
    states = {name: pool(name) for name in AGENTS}
    assert primary_of(AGENTS, states, "writer") == Primary("first", None, 1000)
    assert primary_of(AGENTS, states, "first") == Primary("spare", None, 1000)
    assert primary_of(AGENTS, states | {"first": pool("first", instances=0, slots=0)}, "writer") == Primary(
        "spare", None, 1000
    )
    assert primary_of(AGENTS, states | {"first": pool("first", waiting=1000)}, "writer") == Primary("spare", None, 1000)
    assert primary_of(AGENTS, {}, "writer") is None


def test_nobody_takes_over_from_an_agent_that_is_to_have_no_instances_or_is_no_more() -> None:
    states = {name: pool(name) for name in AGENTS}
    assert primary_of(AGENTS, states, "gone") is None
    assert primary_of(AGENTS | registry(agent("writer", instances=0)), states, "writer") is None
    none = {"writer": wish(0)}
    assert primary_of(AGENTS, states, "writer", none) is None
    assert primary_of(AGENTS, states, "writer", {"writer": wish(2)}) is not None
    outside = AGENTS | registry(agent("writer", instances=0, runner="external"))
    assert primary_of(outside, states, "writer", none) is not None, "nobody else starts its instances"


def wish(instances: int) -> Any:
    return {"agent_id": "writer", "zones": [{"zone": "", "instances": instances}]}
