"""Which runs of a schedule are handed in: each due time once or passed over, whatever is looked at and lost."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.scheduling.due import newest, when
from processors.scheduling.machine import ALL_MAX, LATE_US, OPEN_US_MAX, RUNS_KEPT, look
from schemas.codec import decode_as, encode
from schemas.cron import BadTime
from schemas.examples import examples

MINUTE = 60_000_000
START = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()) * 1_000_000


def schedule(**over: Any) -> Any:
    given = {"cron": None, "every": "15m", "timezone": "UTC", "overlap": "allow", "escalate": None, "updated_at": START}
    return examples("schedule", 1)[0] | given | over


def outcome(task_id: str, status: str = "completed", error: str | None = None) -> Any:
    return examples("task_outcome", 2)[0] | {"task_id": task_id, "status": status, "error": error}


class World:
    """What stands on the topics. Each look is that of a scheduler which has just started and knows nothing else."""

    def __init__(self, **over: Any) -> None:
        self.schedule = schedule(**over)
        self.kept: Any = None
        self.outcomes: dict[str, Any] = {}
        self.tasks: list[Any] = []

    def look(self, now: int, by: str | None = None) -> list[Any]:
        record, tasks = look(self.schedule, self.kept, self.outcomes, now, by)
        if record is not None:
            self.kept = decode_as("ScheduleRuns", encode("ScheduleRuns", record))
        self.tasks += tasks
        return tasks

    @property
    def dues(self) -> list[int]:
        return [run["due_at"] for run in self.kept["runs"]]

    def ends(self, status: str = "completed", error: str | None = None) -> None:
        """All that was handed in has ended."""
        self.outcomes |= {
            task["task_id"]: outcome(task["task_id"], status, error)
            for task in self.tasks
            if task["task_id"] not in self.outcomes
        }


looks = st.lists(st.tuples(st.integers(0, 40 * MINUTE), st.booleans(), st.booleans()), max_size=40)


@given(looks, st.sampled_from(["last", "all", "skip"]), st.sampled_from(["allow", "skip"]))
def test_each_due_time_is_handed_in_once_or_passed_over_whatever_is_looked_at_and_lost(steps, missed, overlap):
    world, now = World(missed=missed, overlap=overlap), START
    world.look(now)
    for wait, is_lost, ends in steps:
        now += wait
        before, tasks = world.kept, list(world.tasks)
        if ends:
            world.ends()
        world.look(now)
        if is_lost:  # the transaction was not ended: neither tasks nor record are there
            world.kept, world.tasks = before, tasks
    world.look(now)
    ids = [task["task_id"] for task in world.tasks]
    assert len(set(ids)) == len(ids)
    due = newest(when(world.schedule), START, now, 10_000)
    assert len(ids) + world.kept["passed_over"] == len(due)
    assert world.kept["through_at"] == max([START, *due])
    if missed == "all" and overlap == "allow":
        assert len(ids) == len(due)


@given(st.lists(st.integers(0, 15 * MINUTE), max_size=60), st.sampled_from(["last", "all"]))
def test_a_scheduler_that_looks_often_enough_passes_nothing_over(waits, missed):
    world, now = World(missed=missed), START
    for wait in [0, *waits]:
        now += wait
        world.look(now)
    assert world.kept["passed_over"] == 0
    assert len(world.tasks) == (now - START) // (15 * MINUTE)


@given(looks)
def test_looking_back_in_time_hands_nothing_in(steps):
    world = World(missed="all")
    world.look(START + 45 * MINUTE)
    for wait, _, _ in steps:
        assert world.look(START + 45 * MINUTE - wait) == []


@pytest.mark.parametrize(
    ("missed", "run"), [("last", [120]), ("all", [15, 30, 45, 60, 75, 90, 105, 120]), ("skip", [])]
)
def test_missed_runs_are_made_up_for_as_the_schedule_says(missed, run):
    world = World(missed=missed)
    world.look(START)
    world.look(START + 120 * MINUTE + LATE_US + 1)
    assert world.dues == [START + minutes * MINUTE for minutes in run]
    assert world.kept["passed_over"] == 8 - len(run)
    world.look(START + 135 * MINUTE + LATE_US)
    assert world.dues[-1] == START + 135 * MINUTE, "what is looked at in time is run whatever was missed"


def test_no_more_missed_runs_are_made_up_for_at_once_than_somebody_reads():
    world = World(missed="all", every="10s")
    world.look(START)
    assert len(world.look(START + 60 * MINUTE)) == ALL_MAX
    assert (world.kept["passed_over"], len(world.kept["runs"])) == (360 - ALL_MAX, RUNS_KEPT)


def test_a_new_schedule_counts_from_when_it_was_published():
    world = World(updated_at=START + 20 * MINUTE)
    world.look(START + 50 * MINUTE)
    assert world.dues == [START + 45 * MINUTE]


def test_what_was_due_in_a_pause_is_neither_run_nor_missed():
    world = World(missed="all")
    world.look(START + 15 * MINUTE)
    world.schedule |= {"enabled": False, "updated_at": START + 20 * MINUTE}
    world.look(START + 21 * MINUTE)
    assert world.look(START + 100 * MINUTE) == []
    world.schedule |= {"enabled": True, "updated_at": START + 100 * MINUTE}
    world.look(START + 106 * MINUTE)
    assert [(due - START) // MINUTE for due in world.dues] == [15, 105]
    assert world.kept["passed_over"] == 0


def test_changed_times_count_from_the_change_and_changed_words_change_no_time():
    world = World(missed="all", cron="@daily", every=None)
    world.look(START)
    world.schedule |= {"cron": None, "every": "15m", "updated_at": START + 40 * MINUTE}
    world.look(START + 46 * MINUTE)
    world.schedule |= {"text": "another", "updated_at": START + 70 * MINUTE}
    world.look(START + 76 * MINUTE)
    assert [(due - START) // MINUTE for due in world.dues] == [45, 60, 75]


def test_one_that_was_never_enabled_leaves_nothing_and_one_taken_out_runs_no_more():
    world = World(enabled=False)
    world.look(START + 60 * MINUTE)
    assert world.kept is None
    world = World()
    world.look(START)
    world.schedule |= {"removed": True}
    assert world.look(START + 60 * MINUTE) == []
    assert world.kept["counting"] == ""


def test_a_run_does_not_start_over_an_open_one_where_the_schedule_says_so():
    world = World(overlap="skip")
    world.look(START)
    assert len(world.look(START + 15 * MINUTE)) == 1
    assert world.look(START + 30 * MINUTE) == []
    world.ends()
    assert len(world.look(START + 45 * MINUTE)) == 1
    assert world.kept["passed_over"] == 1
    # Its outcome is never heard of: after a week nothing waits for it any more.
    assert world.look(START + 60 * MINUTE) == []
    assert len(world.look(START + 45 * MINUTE + OPEN_US_MAX)) == 1


def test_failures_in_a_row_escalate_and_a_success_ends_that():
    world = World(escalate={"after_failures": 2, "priority": 1, "agent": "expert"}, priority=6, agent="junior")
    world.look(START)
    seen = []
    for number, status in enumerate(["failed", "dead_lettered", "failed", "completed", "failed"], 1):
        (task,) = world.look(START + number * 15 * MINUTE)
        seen.append((task["priority"], task["agent_id"]))
        world.ends(status, "no\nconnection" if status == "failed" else None)
    assert seen == [(6, "junior")] * 2 + [(1, "expert")] * 2 + [(6, "junior")]
    note = world.tasks[2]["text"].removeprefix(world.tasks[0]["text"].replace("2026-11-21", ""))
    assert "2026-11-21T12:15:00Z: failed: no connection" in note
    assert "2026-11-21T12:30:00Z: dead_lettered" in note
    assert [run["escalated"] for run in world.kept["runs"]] == [False, False, True, True, False]
    assert "did not succeed" not in world.tasks[4]["text"]


def test_a_task_says_what_its_schedule_says():
    world = World(
        cron="0 6 * * *", every=None, timezone="Europe/Berlin", text="{schedule} of {date}, due {due}; {braces} {stay}"
    )
    world.look(START)
    (task,) = world.look(START + 24 * 60 * MINUTE)
    assert task["task_id"] == "daily-report@2026-11-22T05:00:00Z"
    assert task["session_id"] == "schedule-daily-report"
    assert task["text"] == "daily-report of 2026-11-22, due 2026-11-22T06:00:00+01:00; {braces} {stay}"
    assert (task["tenant_id"], task["priority"], task["agent_id"]) == ("default", 4, "researcher")
    assert (task["timeout_ms"], task["deadline_at"]) == (900_000, START + 24 * 60 * MINUTE + 7_200_000_000)
    assert task["by"] == "schedule daily-report"
    assert decode_as("TaskSubmitted", encode("TaskSubmitted", task)) == task


def test_a_run_by_hand_goes_beside_those_that_are_due_also_in_a_pause():
    world = World()
    world.look(START)
    (task,) = world.look(START + 20_500_000, by="ana")
    assert (task["task_id"], task["by"]) == ("daily-report@2026-11-21T12:00:20.500000Z-by-hand", "ana")
    assert len(world.look(START + 15 * MINUTE)) == 1
    paused = World(enabled=False)
    assert len(paused.look(START, by="ana")) == 1
    assert paused.look(START + 60 * MINUTE) == []


def test_times_that_mean_nothing_are_told():
    with pytest.raises(BadTime, match="five fields"):
        World(cron="@never", every=None).look(START)
