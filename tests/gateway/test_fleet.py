from gateway.fleet import agent_rows, pools_left
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
    assert (row.instances_live, row.hosts, row.waiting) == (1, ["host-0"], 7)


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
