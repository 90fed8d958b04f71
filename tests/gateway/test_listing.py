from gateway.listing import ASKED_FOR, STATES, STATUSES, WENT_WRONG, Filter, Listing, is_asked_for
from gateway.record import Record
from tests.gateway.events import example, record

NOW_US = 1_790_000_010_000_000
REVIEW, BATCH = example("TaskOutcome")["task_id"], example("TaskOutcome", 2)["task_id"]


def listing(*records: Record) -> Listing:
    found = Listing()
    for one in records:
        found.see(one)
    return found


SUBMITTED = [record("TaskSubmitted", i) for i in range(4)]


def test_a_task_is_in_the_state_the_newest_topic_says() -> None:
    found = listing(
        *SUBMITTED,
        record("DispatchRecord", task_id=REVIEW, phase="running"),
        record("DispatchRecord", task_id=BATCH, phase="joining", agent_id=None),
        record("DispatchRecord", task_id="forgotten long ago", phase="queued"),
        record("TaskOutcome", task_id=REVIEW),
    )
    states = {row.task_id: row.state for row in found.rows(Filter())}
    assert states == {REVIEW: "completed", BATCH: "joining", f"{BATCH}.0": "submitted", "t-1": "submitted"}
    assert set(states.values()) <= set(STATES)


def test_open_is_all_that_has_no_outcome() -> None:
    found = listing(*SUBMITTED, record("TaskOutcome", task_id=REVIEW))
    assert len(found.rows(Filter(state="open"))) == 3
    assert [row.task_id for row in found.rows(Filter(state="completed"))] == [REVIEW]


def test_a_task_went_wrong_that_ended_without_an_answer_and_was_not_taken_back() -> None:
    assert {state for state in STATES if is_asked_for(state, "went_wrong")} == set(WENT_WRONG)
    assert set(STATUSES) - set(WENT_WRONG) == {"completed", "cancelled"}
    found = listing(
        *SUBMITTED, record("TaskOutcome", task_id=REVIEW, status="expired"), record("TaskOutcome", task_id=BATCH)
    )
    assert [row.task_id for row in found.rows(Filter(state="went_wrong"))] == [REVIEW]
    assert set(ASKED_FOR) == {*STATES, "went_wrong"}


def test_filters_hold_together() -> None:
    found = listing(*SUBMITTED, record("TaskOutcome", task_id=REVIEW))
    assert [row.task_id for row in found.rows(Filter(agent="code-reviewer", tenant="acme"))] == [REVIEW]
    assert found.rows(Filter(agent="code-reviewer", tenant="nobody")) == []
    assert [row.task_id for row in found.rows(Filter(session="s-1"))] == ["t-1"]


def test_newest_first_with_its_waits() -> None:
    later = record("TaskSubmitted", 1, task_id="later", submitted_at=NOW_US)
    ended = record("TaskOutcome", task_id="later", submitted_at=NOW_US, started_at=NOW_US + 7, finished_at=NOW_US + 9)
    row = listing(*SUBMITTED, later, ended).rows(Filter())[0]
    assert (row.task_id, row.waited_us(NOW_US + 100), row.ran_us(NOW_US + 100)) == ("later", 7, 2)


def test_a_task_at_work_does_not_wait_any_more() -> None:
    submitted = SUBMITTED[0].event["submitted_at"]
    found = listing(
        *SUBMITTED,
        record("TaskAssigned", task_id=REVIEW, assigned_at=submitted + 5),
        record("TaskAssigned", task_id=REVIEW, assigned_at=submitted + 50, attempt=2),
        record("DispatchRecord", task_id=REVIEW, phase="running", started_at=None),
    )
    (row,) = found.rows(Filter(state="running"))
    assert (row.waited_us(submitted + 100), row.ran_us(submitted + 100)) == (5, 95)
    found.see(record("DispatchRecord", task_id=REVIEW, phase="queued", started_at=None))
    (row,) = found.rows(Filter(state="queued"))
    assert (row.waited_us(submitted + 100), row.ran_us(submitted + 100)) == (100, None)
