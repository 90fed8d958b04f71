"""The API on a real line: tasks handed in, looked at, cancelled and done again by HTTP."""

import time
import uuid
from typing import Any

import pytest

from gateway.server.routes import PARTS, ROUTES
from gateway.server.shapes import problems
from infra import kafka
from schemas.codec import decode
from tests.support.gateway import Caller, Gateway
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def caller(working: Gateway) -> Caller:
    return working.caller("acme")


def ended(caller: Caller, task_id: str) -> Any:
    told = caller.get(f"/api/tasks/{task_id}/wait?timeout=30")
    assert told["ended"], told
    return told


def as_declared(method: str, path: str, body: Any) -> Any:
    """The body, which has to pass the schema of its route."""
    route = next(route for route in ROUTES if (route.method, route.path) == (method, path))
    assert list(problems(route.answer, body, PARTS)) == []
    return body


def test_a_task_is_handed_in_waited_for_and_told_with_its_timeline(caller: Caller) -> None:
    accepted = caller.call("POST", "/api/tasks", {"text": "Review the login module", "priority": 2})
    assert accepted.status == 202
    task_id = as_declared("POST", "/api/tasks", accepted.body)["task_id"]
    assert accepted.headers["location"] == f"/api/tasks/{task_id}"
    told = as_declared("GET", "/api/tasks/{task_id}/wait", ended(caller, task_id))
    assert told["outcome"]["status"] == told["task"]["state"] == "completed"
    story = as_declared("GET", "/api/tasks/{task_id}", caller.get(f"/api/tasks/{task_id}"))
    assert story["output"] == told["outcome"]["output"] != ""
    names = [entry["event"] for entry in story["timeline"]]
    assert names[:3] == ["TaskSubmitted", "RoutingDecision", "TaskAssigned"]
    assert names[-1] == "TaskOutcome"
    assert [entry["at"] for entry in story["timeline"]] == sorted(entry["at"] for entry in story["timeline"])
    assert 0 <= story["to_start_ms"] <= story["to_finish_ms"]
    assert (story["source"], story["caught_up"]) == ("memory", True)


def test_items_are_told_with_their_task(caller: Caller) -> None:
    task_id = caller.submit("Prepare the release", items=["Write the notes", "Check the tests"])
    ended(caller, task_id)
    story = until(lambda: _with_children(caller, task_id), 10, "items ended")
    assert [child["task_id"] for child in story["children"]] == [f"{task_id}.0", f"{task_id}.1"]
    listed = caller.get(f"/api/tasks?parent={task_id}")["tasks"]
    assert {task["task_id"] for task in listed} == {f"{task_id}.0", f"{task_id}.1"}


def _with_children(caller: Caller, task_id: str) -> Any:
    story = caller.get(f"/api/tasks/{task_id}")
    return story if [child["state"] for child in story["children"]] == ["completed"] * 2 else None


def test_the_same_key_is_the_same_task_and_another_tenants_is_another(working: Gateway, caller: Caller) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = caller.call("POST", "/api/tasks", {"text": "Once"}, headers=key).body
    again = caller.call("POST", "/api/tasks", {"text": "Once"}, headers=key).body
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert again["task_id"] == first["task_id"]
    ended(caller, first["task_id"])
    submitted = list(kafka.read_all(working.services.settings, "tasks.submitted"))
    assert sum(first["task_id"].encode() in (message.value() or b"") for message in submitted) == 1
    refused = caller.call("POST", "/api/tasks", {"text": "Another"}, headers=key)
    assert refused.status == 409
    assert "take a new one" in refused.body["detail"]
    theirs = working.caller("globex").call("POST", "/api/tasks", {"text": "Once"}, headers=key).body
    assert theirs["task_id"] != first["task_id"]
    assert theirs["repeated"] is False


def test_several_tasks_are_all_handed_in_or_none(caller: Caller) -> None:
    session = uuid.uuid4().hex
    tasks = [{"text": f"Summarise page {n}", "session_id": session} for n in range(30)]
    answer = caller.call("POST", "/api/tasks", {"tasks": tasks})
    assert answer.status == 202
    ids = [task["task_id"] for task in as_declared("POST", "/api/tasks", answer.body)["tasks"]]
    assert len(set(ids)) == 30
    bad = caller.call("POST", "/api/tasks", {"tasks": [*tasks, {"text": "x", "priority": 11}]})
    assert bad.status == 400
    assert bad.body["detail"].startswith("tasks[30]: priority = 11 is not accepted; it takes")
    for task_id in ids:
        ended(caller, task_id)
    assert len(caller.get(f"/api/tasks?session={session}&limit=500")["tasks"]) == 30


def test_a_list_is_filtered_and_paged(caller: Caller) -> None:
    session = uuid.uuid4().hex
    ids = [caller.submit(f"Walrus {n}", session_id=session, priority=1 + n % 2) for n in range(5)]
    for task_id in ids:
        ended(caller, task_id)
    path = f"/api/tasks?session={session}&state=completed"
    whole = as_declared("GET", "/api/tasks", caller.get(path))
    assert [task["task_id"] for task in whole["tasks"]] == ids[::-1]
    assert whole["next"] is None
    first = caller.get(f"{path}&limit=2")
    second = caller.get(f"{path}&limit=2&cursor={first['next']}")
    third = caller.get(f"{path}&limit=2&cursor={second['next']}")
    paged = [task["task_id"] for page in (first, second, third) for task in page["tasks"]]
    assert paged == ids[::-1]
    assert [t["task_id"] for t in caller.get(f"{path}&priority=2")["tasks"]] == [ids[3], ids[1]]
    assert [t["task_id"] for t in caller.get(f"{path}&text=wALRUS%203")["tasks"]] == [ids[3]]
    assert caller.get(f"/api/tasks?session={session}&state=open")["tasks"] == []
    assert caller.get(f"{path}&until={whole['tasks'][-1]['submitted_at']}")["tasks"] == []
    assert caller.get(f"{path}&since=2100-01-01")["tasks"] == []
    dearest = max(task["cost_usd_micros"] for task in whole["tasks"])
    assert caller.get(f"{path}&cost_min={dearest}")["tasks"] != []
    assert caller.get(f"{path}&cost_min={dearest + 1}")["tasks"] == []


def test_a_task_that_has_ended_is_done_again_as_a_new_one(caller: Caller) -> None:
    task_id = caller.submit("Do it twice")
    ended(caller, task_id)
    key = {"Idempotency-Key": "again"}
    again = caller.call("POST", f"/api/tasks/{task_id}/redo", headers=key)
    assert again.status == 202
    assert caller.call("POST", f"/api/tasks/{task_id}/redo", headers=key).body["task_id"] == again.body["task_id"]
    told = ended(caller, again.body["task_id"])
    assert (told["task"]["redrive_of"], told["task"]["state"]) == (task_id, "completed")
    assert caller.call("POST", f"/api/tasks/{task_id}/cancel").status == 409


def test_waiting_ends_with_the_time_given(gateway: Gateway) -> None:
    caller = gateway.caller()
    task_id = caller.submit("Nobody works here")
    began = time.monotonic()
    told = caller.get(f"/api/tasks/{task_id}/wait?timeout=0.3")
    assert told["ended"] is False
    assert 0.3 <= time.monotonic() - began < 5
    assert caller.call("POST", f"/api/tasks/{task_id}/redo").status == 409


def test_feedback_is_taken_on_an_answer_and_on_nothing_else(gateway: Gateway, caller: Caller) -> None:
    idle = gateway.caller("acme")
    waits = idle.submit("Nobody answers this")
    refused = idle.call("POST", f"/api/tasks/{waits}/feedback", {"kind": "negative"})
    assert (refused.status, refused.body["detail"].partition(";")[0]) == (409, "The task has no answer yet")
    late = caller.submit("Too late", deadline_at=1_790_000_000_000_000)
    assert ended(caller, late)["task"]["state"] == "expired"
    refused = caller.call("POST", f"/api/tasks/{late}/feedback", {"kind": "negative"})
    assert refused.status == 409 and "no answer, for it was expired" in refused.body["detail"]
    assert [t["task_id"] for t in caller.get("/api/tasks?state=went_wrong")["tasks"]].count(late) == 1
    done = caller.submit("Answer this")
    ended(caller, done)
    assert caller.call("POST", f"/api/tasks/{done}/feedback", {"kind": "positive"}).status == 202


def test_a_cancellation_is_written_to_every_partition_in_the_name_of_who_asked(gateway: Gateway) -> None:
    caller = gateway.caller("acme")
    task_id = caller.submit("Stop this")
    answer = caller.call("POST", f"/api/tasks/{task_id}/cancel", {"reason": "wrong branch"})
    assert answer.status == 202
    as_declared("POST", "/api/tasks/{task_id}/cancel", answer.body)
    messages = list(kafka.read_all(gateway.services.settings, "task.commands"))
    mine = [(m.partition(), e) for m in messages if (e := decode(m.value())[1])["task_id"] == task_id]
    assert {partition for partition, _ in mine} == set(range(gateway.services.settings.partitions))
    assert {(e["by"], e["reason"]) for _, e in mine} == {("submitter of acme", "wrong branch")}


def test_agents_and_fleet_are_told_with_their_load(working: Gateway, caller: Caller) -> None:
    agents = as_declared("GET", "/api/agents", caller.get("/api/agents"))["agents"]
    assert "code-reviewer" in [agent["agent_id"] for agent in agents]
    until(lambda: _silent(caller) == [], 30, lambda: f"instances heard of, of {_silent(caller)}")
    as_declared("GET", "/api/fleet", caller.get("/api/fleet"))
    assert caller.call("GET", "/api/fleet/history?minutes=361").status == 400
    assert caller.call("GET", "/api/fleet/history").status == 503, "here nobody keeps them"
    one = as_declared("GET", "/api/agents/{agent_id}", caller.get("/api/agents/code-reviewer"))
    assert one["definition"]["prompt"] is None
    admin = working.caller(role="admin")
    assert admin.get("/api/agents/code-reviewer")["definition"]["prompt"] != ""
    assert caller.call("GET", "/api/agents/nobody").status == 404


def _silent(caller: Caller) -> list[dict[str, Any]]:
    """Agents of which not every instance is heard of."""
    agents = caller.get("/api/agents")["agents"]
    return [agent for agent in agents if not agent["instances_live"] == agent["instances"] > 0]


def test_an_experiment_is_led_through_its_life(working: Gateway) -> None:
    admin = working.caller(role="admin")
    name = f"e-{uuid.uuid4().hex[:8]}"
    path = f"/api/experiments/{name}"
    made = admin.call(
        "POST", "/api/experiments", {"name": name, "parameter": "balancer", "arms": {"quick": "adaptive"}}
    )
    assert made.status == 201, made
    as_declared("POST", "/api/experiments", made.body)
    assert made.body["by"] == admin.get("/api/me")["name"]
    changes = [("start", {}), ("pause", {"reason": "lunch"}), ("resume", {}), ("extend", {"days": 2}), ("stop", {})]
    for verb, body in changes:
        answer = admin.call("POST", f"{path}/{verb}", body)
        assert answer.status == 200, answer
        as_declared("POST", "/api/experiments/{name}/" + verb, answer.body)
    again = admin.call("POST", f"{path}/start")
    assert again.status == 409
    assert "to start it must be draft" in again.body["detail"]
    shown = as_declared("GET", "/api/experiments/{name}", admin.get(path))
    assert [change["change"] for change in shown["changes"]][1:] == [
        "started",
        "paused",
        "resumed",
        "extended",
        "stopped",
    ]
    assert shown["changes"][2]["by"] == "admin of default"
    assert shown["changes"][2]["reason"] == "lunch"
    no_winner = admin.call("POST", f"{path}/adopt")
    assert (no_winner.status, no_winner.body["detail"]) == (400, "There is no winner yet: name the arm.")
    listed = until(lambda: _listed(admin, name), 10, "the experiment is listed")
    as_declared("GET", "/api/experiments", listed)
    assert admin.call("GET", "/api/experiments/nothing").status == 404
    assert admin.call("POST", "/api/experiments/nothing/start").status == 404


def _listed(admin: Caller, name: str) -> Any:
    found = admin.get("/api/experiments")
    return found if name in [one["experiment"] for one in found["experiments"]] else None


def test_settings_are_told_without_secrets(working: Gateway) -> None:
    admin = working.caller(role="admin")
    told = as_declared("GET", "/api/config", admin.get("/api/config"))["settings"]
    by_name = {setting["name"]: setting for setting in told}
    assert by_name["gateway_port"]["value"] == str(working.services.settings.gateway_port)
    assert by_name["kafka_port"]["is_default"] is False
    assert "adaptive" in by_name["balancer"]["accepts"]["choices"]
    assert working.caller().call("GET", "/api/config").status == 403


def test_questions_are_listed_and_say_when_there_is_no_warehouse(working: Gateway) -> None:
    admin = working.caller(role="admin")
    listed = as_declared("GET", "/api/questions", admin.get("/api/questions"))["questions"]
    assert "throughput" in [question["name"] for question in listed]
    answer = admin.call("GET", "/api/questions/throughput")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "2"
    assert "No ClickHouse answers" in answer.body["detail"]
    assert admin.call("GET", "/api/questions/nothing").status == 404
    assert admin.call("GET", "/api/questions/throughput?weeks=1").status == 400


def test_who_asks_is_told(working: Gateway) -> None:
    me = as_declared("GET", "/api/me", working.caller("acme", "viewer").get("/api/me"))
    assert (me["tenant_id"], me["role"], me["expires_at"]) == ("acme", "viewer", None)


def test_health_is_told_to_anybody(working: Gateway) -> None:
    health = as_declared("GET", "/healthz", working.stranger().get("/healthz"))
    assert health["state"] == "ready"
    assert abs(health["as_of"] / 1e6 - time.time()) < 5
