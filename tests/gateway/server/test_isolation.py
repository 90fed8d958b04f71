"""Tenants kept apart, from the attacker's side: nothing of another comes out, and nothing goes in."""

import json
import time
import uuid
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.server.app import EVERYTHING
from gateway.server.declare import Route
from gateway.server.keys import task_id_of
from infra import definitions, kafka
from schemas.codec import decode, encode
from tests.gateway.events import example
from tests.support.gateway import Answer, Caller, Gateway
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

VICTIM, ATTACKER = "victim", "attacker"
KEY = "order-4711"
TASK_PATHS = ("/api/tasks", "/api/sessions", "/api/conversations")
OF_TASKS = [route for route in EVERYTHING if route.path.startswith(TASK_PATHS)]
FILTERS = ("state", "agent", "skill", "tenant", "session", "parent", "text", "cursor", "limit", "since", "until")


class World(NamedTuple):
    gateway: Gateway
    secret: str
    """A word that stands in all texts of the victim, and that no attacker sends."""
    session: str
    open_id: str
    ended_id: str
    cursor: str
    attackers: dict[str, Caller]


@pytest.fixture(scope="session")
def world(gateway: Gateway) -> World:
    """A victim with an open task and one that has ended, and attackers of another tenant in every role below admin."""
    secret, session = f"walnut{uuid.uuid4().hex}", uuid.uuid4().hex
    victim = gateway.caller(VICTIM)
    fields = {"text": f"The {secret} plan", "session_id": session}
    open_id = victim.call("POST", "/api/tasks", fields, headers={"Idempotency-Key": KEY}).body["task_id"]
    ended_id = victim.submit(f"Another {secret} plan", session_id=session)
    own = {"task_id": ended_id, "session_id": session, "tenant_id": VICTIM}
    outcome = example("TaskOutcome", **own, event_id=f"{ended_id}/outcome", output=secret)
    producer = kafka.producer(gateway.services.settings)
    producer.produce("tasks.outcomes", encode("TaskOutcome", outcome), session)
    producer.flush(10)
    until(lambda: victim.call("GET", f"/api/tasks/{ended_id}/wait?timeout=5").body.get("ended"), 10, "the outcome")
    page = victim.get(f"/api/tasks?session={session}&limit=1")
    attackers = {role: gateway.caller(ATTACKER, role) for role in ("viewer", "submitter")}  # type: ignore[arg-type]
    attackers["submitter"].submit("of my own")
    return World(gateway, secret, session, open_id, ended_id, page["next"], attackers)


def asked(
    caller: Caller, route: Route, task_id: str, query: str = "", body: Any = None, key: str | None = None
) -> Answer:
    headers = {"Idempotency-Key": key} if key else {}
    path = route.path.replace("{task_id}", task_id).replace("{conversation_id}", task_id) + query
    return caller.call(route.method, path, body if route.method == "POST" else None, headers=headers)


@given(st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_of_another_tenant_is_told_or_changed_whatever_is_asked(world: World, data: st.DataObject) -> None:
    theirs = [
        world.open_id,
        world.ended_id,
        world.session,
        "plan",
        VICTIM,
        world.cursor,
        "open",
        "completed",
        "500",
        "0",
    ]
    caller = world.attackers[data.draw(st.sampled_from(["viewer", "submitter"]))]
    route = data.draw(st.sampled_from(OF_TASKS))
    names = data.draw(st.lists(st.sampled_from(FILTERS), unique=True, max_size=4))
    values = [data.draw(st.sampled_from(theirs)) for _ in names]
    # All in one query, and the waiting is kept short.
    pairs = [f"{name}={value}" for name, value in zip(names, values, strict=True)]
    query = "?" + "&".join(pairs) if route.path in ("/api/tasks", "/api/sessions") and route.method == "GET" else ""
    query = "?timeout=0" if route.path.endswith("/wait") else query
    body = data.draw(
        st.sampled_from(
            [
                None,
                {},
                {"reason": "mine now"},
                {"kind": "negative"},
                {"text": "in your name", "tenant_id": VICTIM},
                {"text": "in your name", "task_id": world.open_id},
                {"tasks": [{"text": "a"}, {"text": "b", "tenant_id": VICTIM}]},
                {"text": "beside you", "session_id": "s"},
            ]
        )
    )
    key = data.draw(st.sampled_from([None, KEY]))
    one = st.sampled_from([world.open_id, world.ended_id, *([world.session] if "{session_id}" in route.path else [])])
    answer = asked(caller, route, data.draw(one), query, body, key)
    told = json.dumps(answer.body) + json.dumps(answer.headers)
    assert world.secret not in told
    assert '"tenant_id": "victim"' not in told
    if "_id}" in route.path:
        assert answer.status in (403, 404) or (answer.status in (400, 415) and route.method == "POST")


@pytest.mark.parametrize("route", [route for route in OF_TASKS if "{task_id}" in route.path], ids=lambda r: r.path)
@pytest.mark.parametrize("role", ["viewer", "submitter"])
def test_anothers_task_answers_as_one_that_does_not_exist(world: World, route: Route, role: str) -> None:
    caller, query = world.attackers[role], "?timeout=0" if route.path.endswith("/wait") else ""
    unknown = asked(caller, route, str(uuid.uuid4()), query, {})
    for task_id in (world.open_id, world.ended_id):
        answer = asked(caller, route, task_id, query, {})
        assert (answer.status, answer.body) == (unknown.status, unknown.body)
        assert set(answer.headers) == set(unknown.headers)


def test_only_the_attackers_own_tasks_are_listed_and_an_admin_sees_all(world: World) -> None:
    for caller in world.attackers.values():
        assert {task["tenant_id"] for task in caller.get("/api/tasks?limit=500")["tasks"]} == {ATTACKER}
        assert caller.get(f"/api/tasks?tenant={VICTIM}")["tasks"] == []
    admin = world.gateway.caller(role="admin")
    assert {VICTIM, ATTACKER} <= {task["tenant_id"] for task in admin.get("/api/tasks?limit=500")["tasks"]}
    assert admin.get(f"/api/tasks/{world.ended_id}")["output"] == world.secret


def test_a_session_of_another_tenant_answers_as_one_that_does_not_exist(world: World) -> None:
    for caller in world.attackers.values():
        unknown = caller.call("GET", f"/api/sessions/{uuid.uuid4()}")
        for query in ("", f"?tenant={VICTIM}", f"?tenant={ATTACKER}"):
            answer = caller.call("GET", f"/api/sessions/{world.session}{query}")
            assert (answer.status, answer.body) == (unknown.status, unknown.body) == (404, unknown.body)
        assert {row["tenant_id"] for row in caller.get("/api/sessions")["sessions"]} == {ATTACKER}
        assert caller.get(f"/api/sessions?tenant={VICTIM}")["sessions"] == []
    mine = world.attackers["submitter"]
    mine.submit("of the same name", session_id=world.session)
    told = until(lambda: mine.call("GET", f"/api/sessions/{world.session}").body.get("session"), 10, "my own session")
    assert (told["tenant_id"], told["tasks"]) == (ATTACKER, 1)
    admin = world.gateway.caller(role="admin")
    told = admin.get(f"/api/sessions/{world.session}?tenant={VICTIM}")["session"]
    assert (told["tenant_id"], told["tasks"], told["open"]) == (VICTIM, 2, 1)


def test_prompts_are_told_to_admins_only(world: World) -> None:
    definitions.publish(definitions.AGENT, world.gateway.services.settings)
    until(lambda: "code-reviewer" in world.gateway.services.registry.agents, 10, "the shipped agents")
    prompt = world.gateway.services.registry.agents["code-reviewer"]["prompt"]
    for caller in world.attackers.values():
        for path in ("/api/agents", "/api/agents?find=review", "/api/agents/code-reviewer", "/api/fleet"):
            assert prompt[:40] not in json.dumps(caller.get(path))
        assert caller.call("GET", "/api/agents/code-reviewer/markdown").status == 403


def test_a_key_that_the_victim_uses_means_another_task_to_the_attacker(world: World) -> None:
    key = {"Idempotency-Key": "order-4712"}
    ids = [
        caller.call("POST", "/api/tasks", {"text": "x"}, headers=key).body["task_id"]
        for caller in (world.gateway.caller(ATTACKER), world.gateway.caller("bystander"))
    ]
    assert ids == [task_id_of(ATTACKER, "order-4712", 0), task_id_of("bystander", "order-4712", 0)]
    assert task_id_of(ATTACKER, KEY, 0) != world.open_id == task_id_of(VICTIM, KEY, 0)


def test_after_all_this_no_topic_has_anything_that_an_attacker_did_to_the_victim(world: World) -> None:
    where = world.gateway.services.settings
    commands = [decode(message.value())[1] for message in kafka.read_all(where, "task.commands")]
    assert [c for c in commands if c.get("task_id") in (world.open_id, world.ended_id)] == []
    submitted = [decode(message.value())[1] for message in kafka.read_all(where, "tasks.submitted")]
    assert len([task for task in submitted if task["tenant_id"] == VICTIM]) == 2


@pytest.mark.parametrize("route", EVERYTHING, ids=lambda r: f"{r.method} {r.path}")
def test_each_route_lets_in_the_roles_it_names_and_nobody_below(world: World, route: Route) -> None:
    path = route.path.replace("{task_id}", "x").replace("{", "").replace("}", "") + (
        "?timeout=0" if route.path.endswith("/wait") else ""
    )
    stranger = world.gateway.stranger().call(route.method, path)
    viewer = world.attackers["viewer"].call(route.method, path)
    submitter = world.attackers["submitter"].call(route.method, path)
    if route.role is None:
        assert stranger.status not in (401, 403)
    else:
        assert stranger.status == 401
        assert stranger.headers["www-authenticate"] == 'Bearer realm="headway"'
        assert (viewer.status == 403) == (route.role != "viewer")
        assert (submitter.status == 403) == (route.role == "admin")


def test_what_is_no_token_lets_nobody_in(world: World) -> None:
    gateway, good = world.gateway, world.gateway.token(VICTIM)
    kind, token_id, secret = good.split("_", 2)
    for header in (
        "",
        "Bearer",
        "Bearer ",
        f"Basic {good}",
        f"Bearer {good[:-1]}",
        f"Bearer {good}x",
        f"Bearer {good.upper()}",
        f"Bearer {kind}_{token_id}_",
        f"Bearer {kind}__{secret}",
        f"Bearer hw_00000000_{secret}",
        f"Bearer {good}, Bearer {good}",
        "Bearer null",
        "Bearer " + "a" * 5000,
    ):
        answer = gateway.stranger().call("GET", "/api/me", headers={"Authorization": header})
        assert answer.status == 401, header
        assert secret not in json.dumps(answer.body)
    for path in (f"/api/me?token={good}", f"/api/me?access_token={good}"):
        assert gateway.stranger().call("GET", path).status == 401
    assert gateway.stranger().call("GET", "/api/me", headers={"Cookie": f"token={good}"}).status == 401
    protocol = {"Sec-WebSocket-Protocol": f"headway.token.{good}"}
    assert gateway.stranger().call("GET", "/api/me", headers=protocol).status == 401
    assert gateway.stranger().call("GET", "/api/me", headers={"Authorization": f"bearer {good}"}).status == 200


def test_a_token_that_is_over_or_revoked_opens_nothing(world: World) -> None:
    short = world.gateway.caller(VICTIM, for_s=0.5)
    assert short.get("/api/me")["expires_at"] > time.time_ns() // 1000
    until(lambda: short.call("GET", "/api/me").status == 401, 5, "the token is over")
    revoked = world.gateway.caller(VICTIM)
    token_id = revoked.get("/api/me")["token_id"]
    world.gateway.services.tokens.revoke(token_id)
    assert revoked.call("GET", "/api/me").status == 401


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        (None, None, 202),
        ("http://127.0.0.1:{port}", None, 202),
        ("https://gateway.example", "gateway.example", 202),
        ("https://evil.example", None, 403),
        ("http://127.0.0.1:1", None, 403),
        ("http://127.0.0.1", None, 403),
        ("null", None, 403),
        ("", None, 403),
        ("http://127.0.0.1:{port}.evil.example", None, 403),
        ("http://evil.example#@127.0.0.1:{port}", None, 403),
    ],
)
def test_another_page_changes_nothing(world: World, origin: str | None, host: str | None, status: int) -> None:
    headers = {}
    if origin is not None:
        headers["Origin"] = origin.replace("{port}", str(world.gateway.port))
    if host is not None:
        headers["Host"] = host
    caller = world.attackers["submitter"]
    assert caller.call("POST", "/api/tasks", {"text": "x"}, headers=headers).status == status
    assert caller.call("GET", "/api/tasks", headers=headers).status == 200
    upgrade = {**headers, "Upgrade": "websocket", "Connection": "Upgrade"}
    assert (caller.call("GET", "/api/me", headers=upgrade).status == 403) == (status == 403)
