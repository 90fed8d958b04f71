"""An instance that does worse than its peers is left out, tried, trusted again; what all suffer from is nobody's."""

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.health import OUT_MAX_US, OUT_US, TRIALS, Health, Peers
from processors.pool import Pool as Waiting
from tests.support.world import SECOND, World, decision, heartbeat, result, submission


class Pool:
    def __init__(self, count: int) -> None:
        self.peers = Peers()
        self.all = [Health() for _ in range(count)]
        self.now = SECOND

    def run(self, at: int, succeeded: bool = True, ms: float = 1000.0, kind: str = "k") -> str | None:
        self.now += SECOND
        return self.peers.judge(self.all[at], kind, succeeded, ms, len(self.all), self.now)

    def rounds(self, count: int, but: int | None = None, **over: Any) -> list[str | None]:
        return [self.run(at, **over) for _ in range(count) for at in range(len(self.all)) if at != but]

    def states(self) -> list[str]:
        return [one.state for one in self.all]


def ill_pool() -> Pool:
    pool = Pool(4)
    pool.rounds(5)
    assert [pool.run(2, succeeded=False) for _ in range(3)] == [None, None, "ejected"]
    return pool


def test_three_failures_in_a_row_where_no_peer_fails_are_its_own() -> None:
    pool = ill_pool()
    assert pool.states() == ["well", "well", "out", "well"]
    assert pool.all[2].reason == "3 of its last 8 attempts failed, of its peers' 0 of 15"


def test_what_all_suffer_from_puts_nobody_out() -> None:
    pool = Pool(6)
    assert not any(pool.rounds(30, succeeded=False))


@given(st.integers(0, 10_000), st.floats(0.02, 0.6))
@settings(max_examples=40, deadline=None)
def test_instances_that_fail_alike_are_hardly_ever_put_out(seed: int, share: float) -> None:
    chance, pool = random.Random(seed), Pool(8)
    out = sum(pool.run(at, chance.random() >= share) == "ejected" for _ in range(30) for at in range(8))
    assert out <= 4, "of 240 runs"


def test_one_that_is_much_slower_at_the_same_work_is_put_out_and_says_by_how_much() -> None:
    pool = Pool(5)
    pool.rounds(4)
    changes = []
    for _ in range(10):
        pool.rounds(1, but=3)
        changes.append(pool.run(3, ms=6000.0))
    assert "ejected" in changes and pool.states() == ["well"] * 3 + ["out", "well"]
    assert "times as long as usual" in pool.all[3].reason


def test_work_that_takes_longer_by_its_kind_makes_nobody_slow() -> None:
    chance, pool = random.Random(1), Pool(4)
    for _ in range(200):
        kind = chance.choice(["light", "heavy"])
        at = 3 if kind == "heavy" else chance.randrange(3)
        assert pool.run(at, ms=(45_000 if kind == "heavy" else 5_000) * chance.uniform(0.5, 2), kind=kind) is None


def test_milliseconds_disturb_nobody() -> None:
    pool = Pool(4)
    pool.rounds(5, ms=5.0)
    assert not any(pool.run(1, ms=50.0) for _ in range(12))


def test_who_was_out_is_tried_and_trusted_after_good_runs() -> None:
    pool = ill_pool()
    one = pool.all[2]
    assert pool.peers.wake(one, one.until - 1) is None
    assert pool.peers.wake(one, one.until) == "trial"
    assert [pool.run(2) for _ in range(TRIALS)] == [None] * (TRIALS - 1) + ["well"]
    assert (one.reason, pool.peers.ill) == ("", 0)


def test_a_trial_that_fails_puts_it_out_for_twice_as_long_up_to_a_bound() -> None:
    pool = ill_pool()
    one, spans = pool.all[2], []
    for _ in range(8):
        pool.now = one.until
        assert pool.peers.wake(one, pool.now) == "trial"
        assert pool.run(2, succeeded=False) == "ejected"
        spans.append(one.until - pool.now)
    assert spans[:3] == [2 * OUT_US, 4 * OUT_US, 8 * OUT_US]
    assert spans[-1] == OUT_MAX_US


@given(st.integers(1, 7), st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.sampled_from([1e3, 9e3]))))
@settings(max_examples=200, deadline=None)
def test_two_thirds_of_a_pool_always_work(count: int, runs: list[tuple[int, bool, float]]) -> None:
    pool = Pool(count)
    pool.rounds(5)
    for at, succeeded, ms in runs:
        one = pool.all[at % count]
        pool.run(at % count, succeeded, ms)
        pool.peers.wake(one, pool.now)
        ill = sum(state != "well" for state in pool.states())
        assert ill == pool.peers.ill <= (0 if count == 1 else max(1, count // 3))
        remembered = [run for one in pool.all for run in one.recent]
        failures = sum(not run.succeeded for run in remembered)
        assert (pool.peers._runs, pool.peers._failures) == (len(remembered), failures)


# --- in the dispatcher


def work(world: World, first: int, count: int, ill: str) -> None:
    """Tasks, one at a time; those on one instance fail where another would not."""
    for n in range(first, first + count):
        world.do("heartbeat", heartbeat(world.now, instances=4))
        world.do("decision", decision(submission(f"t{n}")))
        while (run := world.runs(f"t{n}")[-1]) and run["instance_id"] == ill:
            failed = result(run, "failed", world.now, retryable=True, error="broken", retry_after_ms=0)
            world.do("result", failed)
            world.wait(3)
            world.do("heartbeat", heartbeat(world.now, instances=4))
        world.do("result", result(run, now=world.now))


def test_an_ill_instance_gets_no_work_is_tried_later_and_all_of_it_is_told() -> None:
    world = World()
    work(world, 0, 24, "writer-2")
    (ejected,) = world.of("fleet.events")
    assert (ejected["subject"], ejected["what"], ejected["host_id"]) == ("writer-2", "ejected", "host-0")
    assert "attempts failed" in ejected["detail"]
    assert [one["instance_id"] for one in world.of("pools.status")[-1]["ill"]] == ["writer-2"]
    given_before = sum(run["instance_id"] == "writer-2" for run in world.runs())
    work(world, 100, 8, "writer-2")
    assert sum(run["instance_id"] == "writer-2" for run in world.runs()) == given_before
    for _ in range(8):
        world.wait(5)
        world.do("heartbeat", heartbeat(world.now, instances=4))
    work(world, 200, 40, "nobody")
    assert [event["what"] for event in world.of("fleet.events")] == ["ejected", "trial", "well"]
    world.wait(2)
    assert world.of("pools.status")[-1]["ill"] == []
    assert {o["status"] for o in world.outcomes()} == {"completed"}


def test_tasks_that_can_succeed_nowhere_put_no_instance_out() -> None:
    world = World()
    for n in range(40):
        world.do("heartbeat", heartbeat(world.now, instances=4))
        world.do("decision", decision(submission(f"t{n}")))
        (run,) = world.runs(f"t{n}")
        failed = run["instance_id"] == "writer-2"
        world.do("result", result(run, "failed" if failed else "completed", world.now, error="no such model"))
    assert world.of("fleet.events") == []


def test_a_host_that_falls_silent_and_comes_back_is_told_with_the_tasks_it_had() -> None:
    world = World()
    world.do("heartbeat", heartbeat(world.now, instances=1))
    for n in range(2):
        world.do("decision", decision(submission(f"t{n}")))
    world.wait(20)
    (silent,) = world.of("fleet.events")
    assert (silent["subject"], silent["what"], silent["tasks"]) == ("writer-0", "silent", ["t0", "t1"])
    world.do("heartbeat", heartbeat(world.now, instances=1))
    assert [event["what"] for event in world.of("fleet.events")] == ["silent", "well"]


def test_an_instance_falls_silent_once_whenever_it_was_given_its_tasks() -> None:
    world = World()
    world.do("heartbeat", heartbeat(world.now, instances=1))
    for n in range(3):
        world.do("decision", decision(submission(f"t{n}")))
        world.wait(2)
    world.wait(20)
    assert [(event["what"], event["tasks"]) for event in world.of("fleet.events")] == [("silent", ["t0", "t1", "t2"])]


def test_a_host_that_was_started_again_at_once_is_told_too() -> None:
    world = World()
    for life in ("one", "one", "other", "other"):
        world.do("heartbeat", {**heartbeat(world.now, instances=1), "incarnation": life})
        world.wait(1)
    assert [(event["subject"], event["what"]) for event in world.of("fleet.events")] == [("writer-0", "restarted")]


def test_an_ill_instance_that_goes_stands_in_nobodys_way() -> None:
    pool = ill_pool()
    pool.peers.forget(pool.all.pop(2))
    assert pool.peers.ill == 0
    assert [pool.run(0, succeeded=False) for _ in range(3)][-1] == "ejected"


def test_the_hosts_that_died_and_those_that_rest_do_not_count_as_peers_that_work_on() -> None:
    world = World(retries_max=0)
    for n in range(60):
        for host, rests in (("rests", n >= 30), ("works", False)):
            beat = heartbeat(world.now, instances=3, host_id=host, draining=rests)
            if host == "works":
                beat["instances"] = [{"instance_id": name, "running": [], "probed_at": None} for name in ["writer-9"]]
            world.do("heartbeat", beat)
        world.do("decision", decision(submission(f"t{n}")))
        (run,) = world.runs(f"t{n}")
        kind = "failed" if n >= 40 else "completed"
        world.do("result", result(run, kind, world.now, retryable=True, error="broken"))
        world.wait(1.5)
    assert {run["instance_id"] for run in world.runs()[30:]} == {"writer-9"}
    assert world.of("fleet.events") == [], "it is the only one that works"


def test_one_that_is_tried_is_tried_whatever_the_balancer_thinks_of_it() -> None:
    pool = Waiting("writer", "writer", slots=5, aging_us=1, weights={})
    pool.hear(heartbeat(1, instances=4))
    for one in pool.instances.values():
        one.record(succeeded=True, response_ms=10_000.0 if one.instance_id == "writer-3" else 500.0)
    pool.instance("writer-3").health.state = "trial"
    assert pool.take_slot("t", 0.5, None, "adaptive", 2, 10**7).instance_id == "writer-3"
    assert pool.take_slot("u", 0.5, None, "adaptive", 2, 10**7).instance_id != "writer-3"
