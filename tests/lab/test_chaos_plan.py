"""The same seed does the same harm to the same tasks, and a campaign leaves nobody out."""

from itertools import islice

from lab.chaos.load import Plan, tasks
from lab.chaos.plan import PAUSE_EVERY, PAUSE_S, campaign, once_each, targets
from processors.admission import Limits, objection
from schemas.codec import decode_as, encode

AGENTS = ["code-writer", "researcher"]


def some(seed: int, number: int = 1, count: int = 2000) -> list[Plan]:
    return list(islice(tasks(seed, number, AGENTS), count))


def test_a_seed_gives_one_campaign() -> None:
    assert campaign(5, 20, 2) == campaign(5, 20, 2)
    assert campaign(5, 20, 2) != campaign(6, 20, 2)


def test_a_shorter_campaign_is_the_beginning_of_a_longer_one() -> None:
    assert campaign(5, 20, 2)[:7] == campaign(5, 7, 2)


def test_every_process_is_killed() -> None:
    killed = {fault.target for faults in campaign(1, 20, 2) for fault in faults if fault.kind == "kill"}
    assert killed == set(targets(2))


def test_faults_of_a_round_come_in_the_order_of_their_time() -> None:
    for faults in campaign(3, 40, 2):
        assert [fault.at_s for fault in faults] == sorted(fault.at_s for fault in faults)


def test_zombies_are_made_by_pauses_longer_than_a_session() -> None:
    pauses = [fault for faults in campaign(2, 4 * PAUSE_EVERY, 2) for fault in faults if fault.kind == "pause"]
    assert len(pauses) == 4
    assert all(PAUSE_S[0] <= fault.pause_s <= PAUSE_S[1] for fault in pauses)
    assert {fault.target.split("-")[0] for fault in pauses} <= {"router", "dispatcher"}


def test_short_form_kills_each_once() -> None:
    assert [fault.target for fault in once_each(1, 2.0)] == targets(1)


def test_a_seed_gives_the_same_tasks() -> None:
    assert some(1) == some(1)
    assert some(1) != some(2)
    ids = [plan.task["task_id"] for number in (1, 2) for plan in some(1, number)]
    assert len(set(ids)) == len(ids)


def test_load_has_every_kind_and_the_line_accepts_it() -> None:
    plans = some(1)
    assert {plan.task["priority"] for plan in plans} == set(range(1, 11))
    for share in (
        [plan for plan in plans if plan.task["items"]],
        [plan for plan in plans if plan.task["deadline_at"]],
        [plan for plan in plans if plan.task["agent_id"]],
        [plan for plan in plans if plan.cancel_after_s is not None],
        [plan for plan in plans if plan.repeat],
    ):
        assert 0.005 < len(share) / len(plans) < 0.6
    limits = Limits(text_bytes_max=65_536, items_max=100)
    assert [said for plan in plans if (said := objection(plan.due(1_000_000), limits))] == []


def test_a_task_is_timed_when_it_is_handed_in() -> None:
    plan = next(plan for plan in some(1) if plan.task["deadline_at"])
    task = plan.due(7_000_000)
    assert task["submitted_at"] == 7_000_000
    assert task["deadline_at"] == 7_000_000 + (plan.task["deadline_at"] or 0)
    assert decode_as("TaskSubmitted", encode("TaskSubmitted", task)) == task
