from typing import Any

from gateway.fleet import agent_rows, host_rows, pools_left, zone_rows
from tests.gateway.events import example

NOW_US = 1_790_000_000_000_000


def test_an_agent_shows_what_is_defined_alive_and_waiting() -> None:
    agent = example("AgentDefinition", agent_id="a", removed=False)
    status = example("PoolStatus", pool="a", agent_id="a", waiting=7)
    beats = [
        example(
            "AgentHeartbeat",
            agent_id="a",
            host_id="host-0",
            at=NOW_US,
            instances=[{"instance_id": "a-0", "running": []}],
        ),
        example(
            "AgentHeartbeat",
            agent_id="a",
            host_id="host-1",
            at=NOW_US - 9,
            instances=[{"instance_id": "a-1", "running": []}],
        ),
    ]
    (row,) = agent_rows([agent], [status], beats, heard_since_us=NOW_US - 5, model_default="m")
    assert (row.instances_live, row.hosts, row.waiting, row.asked) == (1, ["host-0"], 7, None)


def test_an_agent_that_was_never_heard_of_is_shown_and_one_taken_out_is_not() -> None:
    rows = agent_rows(
        [
            example("AgentDefinition", agent_id="z", removed=False),
            example("AgentDefinition", agent_id="y", removed=True),
        ],
        [],
        [],
        heard_since_us=NOW_US,
        model_default="m",
    )
    assert [(row.agent_id, row.instances_live, row.waiting) for row in rows] == [("z", 0, 0)]


def test_a_pool_whose_agent_was_removed_is_there_as_long_as_it_holds_a_task() -> None:
    counts = {"work": (0, 0), "waits": (1, 0), "runs": (0, 1), "empty": (0, 0)}
    statuses = [
        example("PoolStatus", pool=name, agent_id=name, waiting=waiting, running=running)
        for name, (waiting, running) in counts.items()
    ]
    left = pools_left(statuses, {"waits", "runs", "empty"})
    assert [(pool["pool"], pool["removed"]) for pool in left] == [("work", False), ("waits", True), ("runs", True)]


def beat(host: str, at: int = NOW_US, instances: tuple[str, ...] = (), strays: int = 0, **over: Any) -> dict[str, Any]:
    attempts = [{"task_id": f"t-{n}", "attempt": 1} for n in range(strays)]
    return example(
        "AgentHeartbeat",
        pool="a",
        agent_id="a",
        host_id=host,
        at=at,
        **{"draining": False, "zone": ""} | over,
        instances=[{"instance_id": name, "running": []} for name in instances],
        strays=[{"instance_id": "moved", "running": attempts}] if strays else [],
    )


def wish(host: str, state: str) -> dict[str, dict[str, Any]]:
    return {host: example("HostDesired", host_id=host, state=state, by="ana", reason="a kernel")}


def state_of(beats: list[dict[str, Any]], wishes: dict[str, Any]) -> list[tuple[str, str, int, int]]:
    return [(h.host_id, h.state, h.instances, h.running) for h in host_rows(beats, wishes, NOW_US - 5)]


def test_a_host_is_what_it_says_unless_it_was_asked_to_rest() -> None:
    here = beat("h", instances=("a-0", "a-1"), strays=1)
    assert state_of([here], {}) == [("h", "open", 2, 1)]
    assert state_of([here | {"draining": True}], {}) == [("h", "stopping", 2, 1)]
    assert state_of([here | {"at": NOW_US - 6}], {}) == [("h", "silent", 0, 0)]
    assert state_of([here], wish("h", "cordoned")) == [("h", "cordoned", 2, 1)]
    assert state_of([here], wish("h", "open")) == [("h", "open", 2, 1)]


def test_a_drained_host_is_drained_once_nothing_is_left_and_stays_on_the_list() -> None:
    wishes = wish("h", "drained")
    assert state_of([beat("h", instances=("a-0",))], wishes) == [("h", "draining", 1, 0)]
    assert state_of([beat("h", instances=("a-0",)), beat("h", strays=2)], wishes) == [("h", "draining", 0, 2)]
    assert state_of([beat("h")], wishes) == [("h", "drained", 0, 0)]
    assert state_of([], wishes) == [("h", "drained", 0, 0)]
    (row,) = host_rows([], wishes, NOW_US)
    assert row.reason == "ana: a kernel"


def test_what_was_asked_goes_before_what_the_file_says_and_instances_are_counted_by_zone() -> None:
    agent = example("AgentDefinition", agent_id="a", removed=False, instances=4, runner="simulated")
    asked = [{"zone": "x", "instances": 2}, {"zone": "y", "instances": 1}]
    desired = {"a": example("AgentDesired", agent_id="a", zones=asked)}
    beats = [beat("h", instances=("a@x-0", "a@x-1"), zone="x", strays=2), beat("i", zone="y")]
    (row,) = agent_rows(
        [agent], [], beats, heard_since_us=NOW_US - 5, model_default="m", desired=desired, zones=["x", "y"]
    )
    assert (row.instances, row.instances_live, row.hosts, row.asked) == (3, 2, ["h"], desired["a"])
    x, y = zone_rows([agent], beats, desired, ["x", "y"], NOW_US - 5)
    assert (x.hosts, x.instances, x.instances_live, x.running) == (1, 2, 2, 2)
    assert (y.hosts, y.instances, y.instances_live, y.running) == (1, 1, 0, 0)


def test_an_instance_counts_once_though_its_host_spoke_often() -> None:
    agent = example("AgentDefinition", agent_id="a", removed=False, runner="simulated")
    beats = [beat("h", NOW_US - 3, ("a-0", "a-1")), beat("h", NOW_US, ("a-0",))]
    (row,) = agent_rows([agent], [], beats, heard_since_us=NOW_US - 5, model_default="m")
    assert row.instances_live == 1


def test_a_drained_host_that_dies_with_work_in_hand_is_not_called_empty() -> None:
    assert state_of([beat("h", NOW_US - 6, ("a-0",), strays=2)], wish("h", "drained")) == [("h", "silent", 0, 0)]
