"""The dispatcher's rules, one by one. Any order, repetition and crash: see test_dispatch_machine.py."""

import pytest

from schemas.codec import decode_as
from tests.support.records import as_version
from tests.support.samples import DECIDED
from tests.support.world import SECOND, World, decision, heartbeat, result, submission


def world_with_one_running(**limits) -> tuple[World, dict]:
    world = World(**limits)
    world.do("heartbeat", heartbeat(world.now))
    world.do("decision", decision(submission("a")))
    [run] = world.runs("a")
    return world, run


def test_a_completed_attempt_ends_in_one_outcome():
    world, run = world_with_one_running()
    world.do("result", result(run, now=world.now))
    world.do("result", result(run, now=world.now))
    [outcome] = world.outcomes()
    assert outcome["status"] == "completed" and outcome["attempts"] == 1 and outcome["quality"] > 0


def test_a_repeated_decision_runs_once():
    world, run = world_with_one_running()
    world.do("decision", decision(submission("a")))
    world.do("result", result(run))
    world.do("decision", decision(submission("a")))
    assert len(world.runs()) == 1 and len(world.outcomes()) == 1


def test_a_result_of_an_older_attempt_is_ignored():
    world, first = world_with_one_running()
    world.do("result", result(first, "failed", retryable=True, error="busy"))
    world.wait(5)
    world.do("heartbeat", heartbeat(world.now))
    assert [r["attempt"] for r in world.runs("a")] == [1, 2]
    world.do("result", result(first))
    assert world.outcomes() == []


def test_retryable_failures_are_retried_and_then_dead_lettered():
    world, _ = world_with_one_running(retries_max=2)
    for _attempt in range(3):
        world.do("heartbeat", heartbeat(world.now))
        world.do("result", result(world.runs("a")[-1], "failed", retryable=True, error="overloaded"))
        world.wait(200)
    [outcome] = world.outcomes("a")
    [letter] = world.of("dead.letters")
    assert outcome["status"] == "dead_lettered" and outcome["attempts"] == 3
    assert "overloaded" in letter["reason"] and decode_as("TaskSubmitted", letter["payload"])["task_id"] == "a"


def test_a_permanent_failure_is_not_retried():
    world, run = world_with_one_running()
    world.do("result", result(run, "failed", error="no such model"))
    assert [o["status"] for o in world.outcomes()] == ["failed"]


def test_a_retry_waits_as_long_as_the_agent_asks():
    world, run = world_with_one_running()
    world.do("result", result(run, "failed", retryable=True, retry_after_ms=30_000))
    world.wait(29)
    world.do("heartbeat", heartbeat(world.now))
    assert len(world.runs()) == 1
    world.wait(1.1)
    assert len(world.runs()) == 2


def test_a_retry_prefers_another_instance():
    world, run = world_with_one_running()
    world.do("result", result(run, "failed", retryable=True))
    world.wait(3)
    world.do("heartbeat", heartbeat(world.now))
    assert world.runs()[1]["instance_id"] != run["instance_id"]


def test_an_expired_task_never_starts():
    world = World()
    world.do("decision", decision(submission("late", deadline_at=world.now + SECOND)))
    world.now += 2 * SECOND
    world.do("heartbeat", heartbeat(world.now))
    assert world.runs() == [] and world.outcomes()[0]["status"] == "expired"


def test_a_task_expires_on_time_though_nothing_happens():
    world = World()
    world.do("decision", decision(submission("late", deadline_at=world.now + SECOND)))
    world.wait(1.01)
    assert [o["status"] for o in world.outcomes()] == ["expired"]


def test_a_full_queue_refuses_with_a_time_and_loses_nothing_accepted():
    world = World(queue_max=2)
    for name in "abc":
        world.do("decision", decision(submission(name)))
    [outcome] = world.outcomes()
    assert (outcome["task_id"], outcome["status"]) == ("c", "refused") and outcome["retry_after_ms"] >= 1000
    assert set(world.dispatcher.tasks) == {"a", "b"}


def test_waiting_bytes_are_bounded_too():
    world = World(queue_bytes_max=1000)
    for i in range(20):
        world.do("decision", decision(submission(f"t{i}", text="x" * 300)))
    assert world.dispatcher.waiting_bytes <= 1000 and 0 < len(world.dispatcher.tasks) == 20 - len(world.outcomes())


def test_at_most_five_tasks_an_instance():
    world = World()
    world.do("heartbeat", heartbeat(world.now, instances=2))
    for i in range(20):
        world.do("decision", decision(submission(f"t{i}")))
    assert len(world.runs()) == 10
    assert {len(i.running) for i in world.dispatcher.pools["writer"].instances.values()} == {5}


def test_cancelling_a_waiting_task_ends_it_at_once():
    world = World()
    world.do("decision", decision(submission("a")))
    world.do("command", {"task_id": "a", "by": "ann", "reason": "", "event_id": "", "kind": "cancel", "at": 0})
    assert [(o["status"], o["error"]) for o in world.outcomes()] == [("cancelled", "cancelled by ann")]


def test_cancelling_a_running_task_tells_its_host_and_waits_for_it():
    world, run = world_with_one_running()
    cancel = {"task_id": "a", "by": "ann", "reason": "too slow", "event_id": "", "kind": "cancel", "at": 0}
    sends = world.do("command", cancel)
    assert [(s.topic, s.value["kind"], s.key) for s in sends if s.topic == "tasks.assigned"] == [
        ("tasks.assigned", "cancel", run["instance_id"])
    ]
    assert world.outcomes() == []
    world.do("result", result(run, "cancelled", cost_usd_micros=7))
    assert [(o["status"], o["cost_usd_micros"]) for o in world.outcomes()] == [("cancelled", 7)]


def test_a_cancel_that_nobody_answers_ends_with_the_lease():
    world, run = world_with_one_running()
    world.do("command", {"task_id": "a", "by": "ann", "reason": "", "event_id": "", "kind": "cancel", "at": 0})
    for _ in range(6):  # the host lives and ignores it
        world.do("heartbeat", heartbeat(world.now, [run]))
        world.wait(2)
    assert [o["status"] for o in world.outcomes()] == ["cancelled"]


def test_a_cancel_that_comes_before_the_task_is_remembered_over_a_crash():
    world = World()
    world.do("command", {"task_id": "a", "by": "ann", "reason": "", "event_id": "", "kind": "cancel", "at": 0})
    world.crash()
    world.do("heartbeat", heartbeat(world.now))
    world.do("decision", decision(submission("a")))
    assert world.runs() == [] and world.outcomes()[0]["status"] == "cancelled"
    world.wait(601)
    assert "a" not in world.dispatcher.cancels


def test_a_silent_host_loses_its_tasks_to_another():
    world = World()
    world.do("heartbeat", heartbeat(world.now, instances=1))
    world.do("decision", decision(submission("a")))
    world.wait(10.1)
    assert world.dispatcher.pools["writer"].instances["writer-0"].running == set()
    world.do("heartbeat", heartbeat(world.now, pool="writer", instances=2, host_id="host-1"))
    assert [r["attempt"] for r in world.runs("a")] == [1, 2]


def test_a_lease_lives_as_long_as_its_host_says_so():
    world, run = world_with_one_running()
    for _ in range(30):
        world.do("heartbeat", heartbeat(world.now, [run]))
        world.wait(2)
    assert len(world.runs()) == 1


def test_an_attempt_over_its_time_is_stopped_and_retried():
    world = World(timeout_us=5 * SECOND)
    world.do("heartbeat", heartbeat(world.now))
    world.do("decision", decision(submission("a")))
    [run] = world.runs("a")
    for _ in range(10):
        world.do("heartbeat", heartbeat(world.now, [run]))
        world.wait(2)
    assert "cancel" in {a["kind"] for a in world.of("tasks.assigned", "a")}
    assert len(world.runs("a")) == 2


def test_a_task_that_kills_its_hosts_is_dead_lettered():
    world, _ = world_with_one_running(crashes_max=2)
    for _ in range(3):
        world.do("heartbeat", heartbeat(world.now))
        world.do("result", result(world.runs("a")[-1], "lost"))
    assert [o["status"] for o in world.outcomes("a")] == ["dead_lettered"]


def test_a_lost_report_is_not_believed_while_another_host_has_it_in_hand():
    world, run = world_with_one_running()
    world.do("heartbeat", heartbeat(world.now, [run], host_id="host-1", incarnation="b"))
    world.do("result", result(run, "lost"))
    assert len(world.runs()) == 1
    world.do("result", result(run, "lost", host_id="host-1", incarnation="c"))
    assert len(world.runs()) == 2


def test_finished_steps_go_with_the_next_attempt_also_after_a_crash():
    world, run = world_with_one_running()
    step = {
        "name": "answer",
        "output": "42",
        "model": "m",
        "tokens_in": 1,
        "tokens_out": 2,
        "cost_usd_micros": 3,
        "finished_at": 0,
    }
    world.do("result", result(run, "step", steps=[step], cost_usd_micros=3))
    world.crash()
    world.do("heartbeat", heartbeat(world.now))
    world.do("result", result(run, "lost"))
    assert world.runs("a")[-1]["steps"] == [step] and world.runs("a")[-1]["attempt"] == 2
    world.do("result", result(world.runs("a")[-1]))
    assert world.outcomes("a")[0]["cost_usd_micros"] == 3


def test_a_poor_answer_is_redone_with_feedback_and_at_most_as_often_as_configured():
    world, run = world_with_one_running(redos_max=1)
    world.do("result", result(run, output=""))
    world.do("heartbeat", heartbeat(world.now))
    again = world.runs("a")[1]
    assert again["feedback"]
    world.do("result", result(again, output=""))
    [outcome] = world.outcomes("a")
    assert outcome["redos"] == 1 and [e["verdict"] for e in world.of("evaluations")] == ["redo", "accept"]


def test_items_run_as_subtasks_and_are_joined_in_order():
    world = World()
    world.do("heartbeat", heartbeat(world.now))
    world.do("decision", decision(submission("p", items=["one", "two", "three"])))
    children = [s.value for s in world.sent if s.topic == "tasks.submitted"]
    assert [c["task_id"] for c in children] == ["p.0", "p.1", "p.2"]
    for child in children:
        world.do("decision", decision(child))
    for run in reversed(world.runs()):
        text = f"Write a haiku about queues, item {run['task_id'][-1]}"
        for send in world.do("result", result(run, output=text, cost_usd_micros=5)):
            if send.event == "ItemFinished":
                world.do("item_finished", send.value)
                world.do("item_finished", send.value)
    [parent] = world.outcomes("p")
    assert parent["status"] == "completed" and parent["cost_usd_micros"] == 15
    assert [line[-1] for line in parent["output"].split("\n\n")] == ["0", "1", "2"]


def test_a_failed_item_fails_the_task_and_says_which():
    world = World()
    world.do("heartbeat", heartbeat(world.now))
    world.do("decision", decision(submission("p", items=["one", "two"])))
    for child in [s.value for s in world.sent if s.topic == "tasks.submitted"]:
        world.do("decision", decision(child))
    for run, kind in zip(world.runs(), ("completed", "failed"), strict=True):
        for send in world.do("result", result(run, kind, error="broken" if kind == "failed" else None)):
            if send.event == "ItemFinished":
                world.do("item_finished", send.value)
    [parent] = world.outcomes("p")
    assert (
        parent["status"] == "failed" and parent["error"] == "1 of 2 items did not complete: 1 failed (item 1: broken)"
    )


def test_cancelling_a_task_cancels_its_open_items():
    world = World()
    world.do("decision", decision(submission("p", items=["one", "two"])))
    world.do("command", {"task_id": "p", "by": "ann", "reason": "", "event_id": "", "kind": "cancel", "at": 0})
    assert world.outcomes("p")[0]["status"] == "cancelled"
    assert {s.value["task_id"] for s in world.sent if s.event == "TaskCommand"} == {"p.0", "p.1"}


def test_a_refusal_of_the_router_becomes_a_failed_outcome():
    world = World()
    world.do("decision", decision(submission("a"), refusal="There is no agent 'x'.", agent_id=None, pool="refused:a"))
    assert [(o["status"], o["error"]) for o in world.outcomes()] == [("failed", "There is no agent 'x'.")]


def test_what_a_host_still_runs_though_nobody_waits_is_stopped_on_the_second_mention():
    world, run = world_with_one_running()
    world.do("result", result(run))
    world.do("heartbeat", heartbeat(world.now, [run]))
    assert not [a for a in world.of("tasks.assigned") if a["kind"] == "cancel"]
    world.do("heartbeat", heartbeat(world.now, [run]))
    assert [a["task_id"] for a in world.of("tasks.assigned") if a["kind"] == "cancel"] == ["a"]


def test_finished_ids_are_remembered_up_to_a_bound_and_then_leave_the_log():
    world = World(remembered_max=3)
    for i in range(5):
        world.do("decision", decision(submission(f"t{i}"), refusal="no", agent_id=None))
    assert list(world.dispatcher.done) == ["t2", "t3", "t4"] == list(world.log)


def test_a_heartbeat_read_late_says_nothing_about_now():
    world = World()
    world.do("heartbeat", heartbeat(world.now - 11 * SECOND))
    world.do("decision", decision(submission("a")))
    assert world.runs() == []


def test_higher_priority_goes_first_and_a_lower_one_does_not_starve():
    world = World(aging_us=10 * SECOND)
    world.do("decision", decision(submission("low", priority=9)))
    world.wait(1)
    world.do("decision", decision(submission("high", priority=1)))
    world.do("heartbeat", heartbeat(world.now, instances=1))
    assert [r["task_id"] for r in world.runs()] == ["high", "low"]
    world = World(aging_us=10 * SECOND, slots=1)
    world.do("decision", decision(submission("low", priority=9)))
    world.wait(81)
    world.do("decision", decision(submission("high", priority=1)))
    world.do("heartbeat", heartbeat(world.now, instances=1))
    assert [r["task_id"] for r in world.runs()] == ["low"]


@pytest.mark.parametrize("phase", ["queued", "delayed", "running", "cancelling", "joining"])
def test_every_phase_survives_a_crash(phase):
    world = World()
    items = ["one"] if phase == "joining" else []
    world.do("decision", decision(submission("a", items=items)))
    if phase in ("delayed", "running", "cancelling"):
        world.do("heartbeat", heartbeat(world.now))
        if phase == "delayed":
            world.do("result", result(world.runs()[0], "failed", retryable=True))
        if phase == "cancelling":
            world.do("command", {"task_id": "a", "by": "x", "reason": "", "event_id": "", "kind": "cancel", "at": 0})
    before = world.dispatcher.tasks["a"].to_record()
    assert before["phase"] == phase
    world.crash()
    assert world.dispatcher.tasks["a"].to_record() == before


def test_an_idle_pool_tells_its_state_once_and_again_when_its_hosts_fall_silent():
    world = World()
    for _ in range(5):
        world.do("heartbeat", heartbeat(world.now))
        world.wait(2)
    assert [p["instances"] for p in world.of_pools()] == [2]
    world.wait(11)
    assert [p["instances"] for p in world.of_pools()] == [2, 0]


def test_what_a_pool_has_done_survives_a_crash():
    world, run = world_with_one_running()
    world.do("result", result(run))
    world.wait(2)
    told = len(world.of_pools())
    world.crash()
    world.wait(2)
    assert len(world.of_pools()) == told, "no host has spoken yet: that it has no instances is not known"
    world.do("heartbeat", heartbeat(world.now))
    world.wait(2)
    assert [(p["completed"], p["instances"]) for p in world.of_pools()[told:]] == [(1, 2)]


def test_what_was_known_at_the_decision_reaches_assignment_and_outcome_also_over_a_crash():
    world = World()
    world.do("decision", decision(submission("a"), decided=DECIDED, model="claude-haiku-4-5"))
    world.crash()
    world.do("heartbeat", heartbeat(world.now))
    [run] = world.runs("a")
    world.crash()
    world.do("result", result(run))
    [outcome] = world.outcomes("a")
    assert (run["model"], outcome["decided"]) == ("claude-haiku-4-5", DECIDED)


def test_a_record_from_before_choices_were_kept_is_a_task_like_any_other():
    world = World()
    world.do("decision", decision(submission("a"), decided=DECIDED, model="claude-haiku-4-5"))
    old = {name: value for name, value in world.log["a"].items() if name not in ("decided", "model")}
    world.log["a"] = decode_as("DispatchRecord", as_version("DispatchRecord", 2, old))
    world.crash()
    world.do("heartbeat", heartbeat(world.now))
    [run] = world.runs("a")
    world.do("result", result(run))
    assert (run["model"], world.outcomes("a")[0]["decided"]) == (None, None)


def test_an_instance_that_its_host_names_no_more_gets_no_work_and_what_runs_there_goes_on():
    world, run = world_with_one_running()
    gone = run["instance_id"]
    world.do("heartbeat", heartbeat(world.now, world.runs(), instances=0))
    world.do("decision", decision(submission("b")))
    assert world.runs("b") == []
    for _ in range(4):
        world.wait(5)
        world.do("heartbeat", heartbeat(world.now, [run], instances=0))
    assert world.outcomes() == [] and len(world.runs("a")) == 1  # its lease is renewed where it is
    world.do("result", result(run, now=world.now))
    assert [o["task_id"] for o in world.outcomes()] == ["a"]
    assert world.dispatcher.pools["writer"].instances[gone].running == set()


def test_an_instance_that_moved_works_on_though_the_host_before_drains():
    world, run = world_with_one_running()
    world.do("heartbeat", heartbeat(world.now, host_id="host-1"))
    world.do("heartbeat", heartbeat(world.now, [run], instances=0, draining=True))
    world.do("decision", decision(submission("b")))
    assert len(world.runs("b")) == 1


def test_a_host_that_is_cordoned_starts_nothing_new():
    world, _ = world_with_one_running()
    world.do("heartbeat", heartbeat(world.now, world.runs(), draining=True))
    world.do("decision", decision(submission("b")))
    assert world.runs("b") == []
    world.do("heartbeat", heartbeat(world.now, world.runs()))
    assert len(world.runs("b")) == 1


def test_what_is_given_up_is_stopped_also_where_its_instance_no_longer_is():
    world, run = world_with_one_running()
    world.do("result", result(run, now=world.now))
    for _ in range(3):
        world.do("heartbeat", heartbeat(world.now, [run], instances=0, host_id="host-0"))
        world.do("heartbeat", heartbeat(world.now, host_id="host-1"))
    assert [value["task_id"] for value in world.of("tasks.assigned", "a") if value["kind"] == "cancel"] == ["a", "a"]


def test_pools_get_their_turn_in_the_order_in_which_something_came_for_them():
    world = World()
    pools = [f"agent-{i * 7 % 20}" for i in range(20)]
    for pool in pools:
        world.dispatcher.heartbeat(heartbeat(world.now, pool=pool), world.now)
    world.dispatcher.take(world.now)
    for pool in pools:
        world.dispatcher.decision(decision(submission(f"task of {pool}"), pool), world.now)
    sends, _ = world.dispatcher.take(world.now)
    assert [send.value["pool"] for send in sends if send.topic == "tasks.assigned"] == pools
