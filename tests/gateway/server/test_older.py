"""Tasks that are too old for the memory: told by the warehouse, as the memory told them."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.server.shapes import plain
from infra import kafka
from infra.settings import Settings
from schemas.codec import encode
from tests.gateway.events import example
from tests.support.gateway import Gateway, running_gateway
from tests.support.warehouse import running_warehouse, store
from tests.support.world import submission

pytestmark = pytest.mark.e2e

TASKS, KEPT = 40, 10
START = 1_795_000_000_000_000
STORY = ("RoutingDecision", "TaskAssigned", "TaskProgress", "TaskResult", "Evaluation", "TaskCommand", "TaskOutcome")


def events_of(number: int) -> list[tuple[str, dict[str, Any]]]:
    tenant = "aged-acme" if number % 2 else "aged-globex"
    own = {"task_id": f"old-{number:02}", "tenant_id": tenant, "session_id": f"s-{number % 3}"}
    before = [{"role": "user", "text": "Before"}] if own["session_id"] != "s-2" else []  # s-2 is a program's
    at = START + number * 1_000_000
    submitted = submission(
        **own, conversation=before, text=f"Task {number} of {tenant}", submitted_at=at, priority=1 + number % 10
    )
    if number == 0:
        return [("TaskSubmitted", submitted)]  # open from long ago
    told = [(name, example(name) | own | {"event_id": f"{own['task_id']}/{name}"}) for name in STORY]
    times = {"started_at": submitted["submitted_at"] + 1000, "finished_at": submitted["submitted_at"] + 5000}
    status = {5: "failed", 11: "expired", 17: "dead_lettered", 23: "refused"}.get(number, "completed")
    told[-1] = ("TaskOutcome", told[-1][1] | times | {"submitted_at": submitted["submitted_at"], "status": status})
    return [("TaskSubmitted", submitted), *told]


TOPIC_OF = {
    "TaskSubmitted": "tasks.submitted",
    "RoutingDecision": "routing.decisions",
    "TaskAssigned": "tasks.assigned",
    "TaskProgress": "tasks.progress",
    "TaskResult": "tasks.results",
    "Evaluation": "evaluations",
    "TaskCommand": "task.commands",
    "TaskOutcome": "tasks.outcomes",
}


@pytest.fixture(scope="module")
def aged(broker: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, Gateway]]:
    """A gateway that has all tasks in memory, and one that has the newest only, beside a warehouse that has all."""
    home = tmp_path_factory.mktemp("aged")
    with running_warehouse(home) as there:
        producer = kafka.producer(broker)
        for number in range(TASKS):
            for name, event in events_of(number):
                producer.produce(TOPIC_OF[name], encode(name, event), f"old-{number}")
        producer.flush(10)
        store(there, [event for number in range(TASKS) for event in events_of(number)])
        settings = dataclasses.replace(
            broker, state_dir=str(home / "gateway"), sinks=1, clickhouse_port=there.clickhouse_port
        )
        small = dataclasses.replace(settings, gateway_tasks_max=KEPT)
        with running_gateway(settings) as whole, running_gateway(small) as part:
            yield whole, part


def pages(gateway: Gateway, query: str, tenant: str = "aged-acme") -> tuple[list[dict[str, Any]], set[str]]:
    """All tasks of a list, page by page, and where they were from."""
    caller, rows, sources = gateway.caller(tenant, "viewer"), [], set()
    cursor: str | None = ""
    while cursor is not None:
        page = caller.get(f"/api/tasks?limit=4&session={query}" + (f"&cursor={cursor}" if cursor else ""))
        rows += page["tasks"]
        sources |= {page["source"]}
        cursor = page["next"]
    return rows, sources


@pytest.mark.parametrize(
    "query",
    [
        *("s-0", "s-1", "s-2&state=completed", "s-1&state=open", "s-2&state=went_wrong"),
        *("s-2&priority=6", "s-1&text=task%2031", "s-1&cost_min=1"),
    ],
)
@pytest.mark.parametrize("tenant", ["aged-acme", "aged-globex"])
def test_a_list_is_the_same_whether_the_memory_or_the_warehouse_has_its_tasks(
    aged: tuple[Gateway, Gateway], query: str, tenant: str
) -> None:
    whole, part = (pages(gateway, query, tenant)[0] for gateway in aged)
    assert [row["task_id"] for row in part] == [row["task_id"] for row in whole]
    assert {row["tenant_id"] for row in whole} <= {tenant}
    # What the dispatcher's log or another event says of an open or judged task is not in every source.
    vague = {"state", "quality", "agent_id", "skill"}
    for one, other in zip(part, whole, strict=True):
        assert {n: v for n, v in one.items() if n not in vague} == {n: v for n, v in other.items() if n not in vague}


def test_older_pages_come_from_the_warehouse(aged: tuple[Gateway, Gateway]) -> None:
    assert pages(aged[0], "s-1")[1] == {"memory"}
    assert "warehouse" in pages(aged[1], "s-1")[1]


def test_the_story_of_an_old_task_is_told_as_when_it_was_new(aged: tuple[Gateway, Gateway]) -> None:
    whole, part = (gateway.caller("aged-acme", "viewer").get("/api/tasks/old-03") for gateway in aged)
    assert (whole["source"], part["source"]) == ("memory", "warehouse")
    names = {"event", "title", "details", "at", "fields"}
    told, expected = ([{n: e[n] for n in names} for e in story["timeline"]] for story in (part, whole))
    assert sorted(told, key=json.dumps) == sorted(expected, key=json.dumps)
    assert {name: part[name] for name in ("text", "output", "to_start_ms", "to_finish_ms")} == {
        name: whole[name] for name in ("text", "output", "to_start_ms", "to_finish_ms")
    }


def test_an_old_task_of_another_tenant_is_not_there(aged: tuple[Gateway, Gateway]) -> None:
    for gateway in aged:
        answers = [gateway.caller("aged-acme", "viewer").call("GET", f"/api/tasks/{i}") for i in ("old-04", "old-99")]
        assert [answer.status for answer in answers] == [404, 404]
        assert answers[0].body == answers[1].body


def test_an_old_task_is_waited_for_and_done_again_as_a_new_one(aged: tuple[Gateway, Gateway]) -> None:
    caller = aged[1].caller("aged-acme")
    told = caller.get("/api/tasks/old-05/wait")
    assert told["ended"] is True
    assert told["outcome"] == plain(events_of(5)[-1][1])
    again = caller.call("POST", "/api/tasks/old-05/redo")
    assert again.status == 202
    written = [m.value() for m in kafka.read_all(aged[1].services.settings, "tasks.submitted")]
    assert any(again.body["task_id"].encode() in value and b"Task 5 of aged-acme" in value for value in written)
    assert caller.call("POST", "/api/tasks/old-05/cancel").status == 409


def test_questions_are_answered_from_the_warehouse(aged: tuple[Gateway, Gateway]) -> None:
    admin = aged[0].caller(role="admin")
    answer = admin.get("/api/questions/tenants?hours=48")
    assert {row[answer["columns"].index("tenant_id")] for row in answer["rows"]} == {"aged-acme", "aged-globex"}


def test_a_conversation_is_told_whole_whether_from_memory_or_from_the_warehouse(aged: tuple[Gateway, Gateway]) -> None:
    whole, part = (told_by(gateway) for gateway in aged)
    assert [turn["text"] for turn in whole] == [turn["text"] for turn in part] and len(whole) > KEPT // 2
    for ours, theirs in zip(whole, part, strict=True):
        names = ("task_id", "state", "answer", "agent_id", "router", "quality", "finished_at", "cost_usd_micros")
        assert {name: ours[name] for name in names} == {name: theirs[name] for name in names}


def told_by(gateway: Gateway) -> list[dict[str, Any]]:
    """All turns of a conversation, page by page."""
    caller, turns = gateway.caller("aged-acme", "viewer"), []
    cursor: str | None = ""
    while cursor is not None:
        page = caller.get("/api/conversations/s-1?limit=3" + (f"&cursor={cursor}" if cursor else ""))
        turns, cursor = page["turns"] + turns, page["next"]
    return turns


def test_conversations_are_listed_further_back_than_the_memory_reaches_and_programs_sessions_are_none(
    aged: tuple[Gateway, Gateway],
) -> None:
    def listed(gateway: Gateway) -> set[str]:
        caller, names = gateway.caller("aged-acme", "viewer"), set()
        cursor: str | None = ""
        while cursor is not None:
            page = caller.get("/api/conversations?limit=1" + (f"&cursor={cursor}" if cursor else ""))
            names |= {row["conversation_id"] for row in page["conversations"]}
            cursor = page["next"]
        return names

    assert listed(aged[0]) == listed(aged[1]) == {"s-0", "s-1"}
