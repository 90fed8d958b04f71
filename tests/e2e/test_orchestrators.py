"""Two routers as processes: a second one splits the partitions, a dead one's go to the other, and Redis may be away."""

import time
from contextlib import ExitStack

import pytest

from gateway.owners import owners_of
from infra import kafka
from infra.orchestrators import DIED, Locks, Orchestrator, Orchestrators, Store, StoreDown, of_partition
from infra.settings import Settings
from infra.stack import redis_server
from schemas.codec import decode_as, encode
from tests.support.running import running_part, running_service
from tests.support.waiting import until
from tests.support.world import submission

pytestmark = pytest.mark.e2e

TAKEN_OVER_S = 30.0
"""Far above what it takes, for this machine may be at work: 6 s, and Kafka's own 6 s session timeout is most of it."""
SESSIONS = [f"session-{number}" for number in range(20)]


class Seen:
    """What anybody can see in Redis."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.store = settings, Store(settings)

    def workers(self) -> dict[str, Orchestrator]:
        return {one.orchestrator_id: one for one in Orchestrators(self.store, self.settings).list()}

    def tokens(self) -> dict[int, tuple[str, int]]:
        """Partition → its holder and token."""
        locks, found = Locks(self.store), {}
        for partition in range(self.settings.partitions):
            try:
                lock = locks.held(of_partition("router", partition))
            except StoreDown:
                return {}
            if lock is not None:
                found[partition] = (lock.holder, lock.token)
        return found

    def holders(self) -> list[str]:
        return sorted(holder for holder, _ in self.tokens().values())

    def owners(self) -> set[str]:
        """Of the sessions."""
        told = [owners_of(self.store, self.settings, session)["router"] for session in SESSIONS]
        return {router["holder"] if router else "" for router in told}


def decided(settings: Settings, task_ids: list[str], timeout_s: float) -> None:
    def found() -> bool:
        events = (decode_as("RoutingDecision", m.value()) for m in kafka.read_all(settings, "routing.decisions"))
        return set(task_ids) <= {event["task_id"] for event in events}

    until(found, timeout_s, "all are decided")


def hand_in(settings: Settings, name: str) -> list[str]:
    producer, ids = kafka.producer(settings), []
    for session in SESSIONS:
        task = submission(f"{name}-{session}", session_id=session, submitted_at=time.time_ns() // 1000)
        producer.produce("tasks.submitted", encode("TaskSubmitted", task), session)
        ids.append(task["task_id"])
    producer.flush(10)
    return ids


@pytest.mark.timeout(180)
def test_partitions_and_sessions_follow_who_lives_and_redis_may_go_and_come_back(broker: Settings) -> None:
    log = broker.state / "log"
    seen = Seen(broker)
    with ExitStack() as stack:
        first_redis = stack.enter_context(ExitStack())
        first_redis.enter_context(running_part(redis_server.prepare(broker), log))
        dying = stack.enter_context(running_service(broker, "router", 0))
        until(lambda: seen.holders() == ["router-0"] * 4, 60, "one worker has all")

        # A second worker splits them.
        other = stack.enter_context(running_service(broker, "router", 1))
        until(lambda: seen.holders() == ["router-0"] * 2 + ["router-1"] * 2, 30, "two workers share")
        until(lambda: {one.status for one in seen.workers().values()} == {"active"}, 10, "both say so")
        assert seen.owners() == {"router-0", "router-1"}
        before = seen.tokens()

        # One dies: all is the other's, with higher tokens, and its sessions go on.
        dying.kill()
        died = time.monotonic()
        ids = hand_in(broker, "after-death")
        until(lambda: seen.holders() == ["router-1"] * 4, 30, "the other has all")
        took_s = time.monotonic() - died
        assert took_s < TAKEN_OVER_S
        decided(broker, ids, TAKEN_OVER_S)
        assert seen.owners() == {"router-1"}
        moved = [place for place, (holder, _) in before.items() if holder == "router-0"]
        after = seen.tokens()
        assert all(after[place][1] > before[place][1] for place in moved)
        assert all(after[place][1] >= before[place][1] for place in before), (
            "what stayed may have been given up between"
        )
        assert seen.workers()["router-0"].ended == DIED
        print(f"taken over after {took_s:.1f} s, decided after {time.monotonic() - died:.1f} s")

        # Redis goes: nobody is told who owns what, and the line works on.
        first_redis.close()
        decided(broker, hand_in(broker, "without-redis"), TAKEN_OVER_S)
        with pytest.raises(StoreDown):
            seen.workers()

        # It comes back: everything is there again by itself.
        stack.enter_context(running_part(redis_server.prepare(broker), log))
        until(lambda: seen.holders() == ["router-1"] * 4, TAKEN_OVER_S, "locks have healed")
        until(lambda: seen.workers()["router-1"].status == "active", 10, "it says so")
        assert seen.owners() == {"router-1"}

        # The other ends by its own will, and says so.
        other.terminate()
        until(lambda: seen.workers()["router-1"].ended == "stopped", 15, "it has said that it ends")
        assert seen.holders() == []
