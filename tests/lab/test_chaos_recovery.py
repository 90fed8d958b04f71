"""What counts as work that flows again, and what the lab's own ledger calls lost or done twice."""

from lab.chaos.recovery import Ledger, Recovery, Sign, sign
from schemas.partition import partition_of

S = 1_000_000
WORK = [("decided", 0), ("decided", 1), ("assigned", 0), ("ran", 2), ("ended", 0)]


def test_work_done_before_the_harm_proves_nothing() -> None:
    recovery = Recovery.of("dispatcher-1", 10.0, WORK)
    recovery.notice(Sign("assigned", 0, 10 * S), arrived_at=10.5)
    assert recovery.seconds is None
    recovery.notice(Sign("assigned", 0, 12 * S), arrived_at=12.5)
    assert recovery.seconds == 2.5


def test_every_partition_with_work_has_to_show_some() -> None:
    recovery = Recovery.of("router-0", 10.0, WORK)
    recovery.notice(Sign("decided", 1, 11 * S), arrived_at=11.0)
    recovery.notice(Sign("decided", 3, 12 * S), arrived_at=12.0)
    assert (recovery.first_at, recovery.seconds) == (11.0, None)
    recovery.notice(Sign("decided", 0, 14 * S), arrived_at=14.0)
    assert recovery.seconds == 4.0


def test_all_stages_have_to_work_after_the_broker_died() -> None:
    assert Recovery.of("kafka", 10.0, WORK).missing == set(WORK)
    assert Recovery.of("executor-0", 10.0, WORK).missing == {("ran", 2)}


def test_an_event_is_a_sign_for_the_partition_of_its_input() -> None:
    decision = {"session_id": "s-1", "decided_at": 5}
    assert sign("RoutingDecision", decision, 4) == Sign("decided", partition_of(b"s-1", 4), 5)
    assigned = {"kind": "run", "pool": "p", "assigned_at": 6}
    assert sign("TaskAssigned", assigned, 4) == Sign("assigned", partition_of(b"p", 4), 6)
    assert sign("TaskAssigned", assigned | {"kind": "cancel"}, 4) is None
    assert sign("TaskOutcome", {"agent_id": None, "finished_at": 7}, 4) is None
    assert sign("AgentHeartbeat", {}, 4) is None


def test_ledger_tells_what_is_open_and_what_ended_twice() -> None:
    ledger = Ledger()
    for task_id in ("a", "b", "b"):  # b was handed in twice, as one task
        ledger.accept(task_id)
    ledger.end("a")
    assert (ledger.open, ledger.repeated) == (["b"], [])
    ledger.end("a")
    ledger.end("b")
    ledger.end("b.0")  # an item of a task: accepted by the line, not by us
    assert (ledger.open, ledger.repeated) == ([], ["a"])


def test_the_time_counts_from_the_last_harm_before_the_recovery():
    recovery = Recovery.of("router-0", 10.0, {("decided", 0)})
    recovery.disturb(13.0)
    recovery.notice(Sign("decided", 0, 15 * S), arrived_at=15.0)
    recovery.disturb(17.0)
    assert recovery.seconds == 2.0
