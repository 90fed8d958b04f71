"""Agents by HTTP: found by words, changed by admins only, by the rules of their files, and there after a start."""

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import defining
from gateway.errors import GatewayError
from gateway.sending import now_us
from gateway.server.routes import agents as routes
from gateway.server.routes import fleet
from infra import definitions
from infra.agent_file import FORM, SHIPPED
from infra.definitions import AGENT, SKILL
from infra.settings import Settings
from schemas.codec import encode
from tests.gateway.events import example
from tests.gateway.server.test_api import as_declared
from tests.support.agents import agent
from tests.support.gateway import Caller, Gateway
from tests.support.waiting import until

FILE = """---
# of ours
description: Checks contracts.
capabilities: [legal_review]
keywords: [contract]
---

You check.
"""
WORDS = st.text(min_size=1, max_size=30).filter(lambda text: text.strip() and text.isprintable())


@pytest.fixture(scope="session")
def admin(gateway: Gateway) -> Caller:
    for kind in (AGENT, SKILL):
        definitions.publish(kind, gateway.services.settings)
    until(lambda: "code-reviewer" in gateway.services.registry.agents, 10, "the shipped agents")
    return gateway.caller("acme", "admin")


@pytest.fixture
def name() -> str:
    return f"lawyer-{uuid.uuid4().hex[:8]}"


def put(admin: Caller, name: str, body: Any) -> Any:
    answer = admin.call("PUT", f"/api/agents/{name}", body)
    assert answer.status == 200, answer
    return as_declared("PUT", "/api/agents/{agent_id}", answer.body)


@given(
    st.fixed_dictionaries(
        {"description": WORDS},
        optional={
            "role": st.sampled_from(["primary", "standard", "automation"]),
            "capabilities": st.lists(WORDS, max_size=3),
            "keywords": st.lists(WORDS, max_size=3),
            "fallback": st.booleans(),
            "model": WORDS,
            "max_tokens": st.integers(1, 64_000),
            "instances": st.integers(0, 1000),
        },
    ),
    st.lists(WORDS, min_size=1).map("\n".join),
)
def test_a_definition_written_as_a_file_defines_the_same(fields: dict[str, Any], prompt: str) -> None:
    made = defining.checked(AGENT, "a", defining.markdown_of(AGENT, {**fields, "prompt": prompt, "agent_id": "a"}))
    wanted = {name: field.default for name, field in FORM.fields.items()} | fields
    assert {name: made[name] for name in wanted} == wanted  # type: ignore[literal-required]
    assert made["prompt"].split() == prompt.split()


def test_shipped_files_come_back_as_they_were_written() -> None:
    for path in SHIPPED.glob("*.md"):
        made = FORM.parse(path)
        assert defining.checked(AGENT, path.stem, defining.markdown_of(AGENT, made)) == made


@pytest.mark.e2e
def test_what_is_put_is_published_and_told_as_it_was_written(gateway: Gateway, admin: Caller, name: str) -> None:
    made = put(admin, name, {"markdown": FILE})
    assert (made["agent_id"], made["capabilities"], made["prompt"]) == (name, ["legal_review"], "You check.")
    told = admin.call("GET", f"/api/agents/{name}/markdown")
    assert told.body == FILE  # with its comment
    assert told.headers["content-type"] == "text/markdown; charset=utf-8"
    row = next(row for row in admin.get("/api/agents")["agents"] if row["agent_id"] == name)
    assert (row["runner"], row["model"]) == ("auto", gateway.services.settings.model_default)
    again = put(admin, name, {**made, "instances": 3, "model": "claude-x"})
    assert (again["instances"], again["model"], again["keywords"]) == (3, "claude-x", ["contract"])
    assert "instances: 3" in admin.call("GET", f"/api/agents/{name}/markdown").body


@pytest.mark.e2e
def test_what_is_put_is_still_there_after_the_files_are_published_anew_and_what_is_deleted_is_not(
    gateway: Gateway, admin: Caller, name: str
) -> None:
    settings = gateway.services.settings
    put(admin, name, {"description": "Checks contracts.", "prompt": "You check."})
    assert all(name not in names for names in definitions.publish(AGENT, settings))
    gone = admin.call("DELETE", f"/api/agents/{name}")
    assert (gone.status, gone.body["definition"]) == (200, None)
    assert admin.call("GET", f"/api/agents/{name}").status == 404
    assert admin.call("DELETE", f"/api/agents/{name}").status == 404
    assert all(name not in names for names in definitions.publish(AGENT, settings))


@pytest.mark.e2e
def test_a_shipped_agent_that_was_changed_is_as_shipped_again_and_cannot_be_taken_out(admin: Caller) -> None:
    shipped = admin.get("/api/agents/test-runner")["definition"]
    put(admin, "test-runner", {"description": "Another.", "prompt": "Another.", "fallback": True})
    back = admin.call("DELETE", "/api/agents/test-runner")
    assert back.status == 200, back
    assert {**back.body["definition"], "updated_at": 0} == {**shipped, "updated_at": 0}
    refused = admin.call("DELETE", "/api/agents/test-runner")
    assert refused.status == 409
    assert "is defined by a file" in refused.body["detail"]


@pytest.mark.e2e
def test_what_cannot_be_taken_out_says_why_before_anybody_tries(gateway: Gateway, admin: Caller, name: str) -> None:
    shipped = as_declared("GET", "/api/agents/{agent_id}", admin.get("/api/agents/test-runner"))
    assert shipped["stays"] == admin.call("DELETE", "/api/agents/test-runner").body["detail"]
    put(admin, name, {"markdown": FILE})
    assert admin.get(f"/api/agents/{name}")["stays"] is None
    assert gateway.caller("acme", "viewer").get("/api/agents/test-runner")["stays"] is None
    assert "is defined by a file" in admin.get("/api/skills/code_review")["stays"]


@pytest.mark.e2e
def test_who_saw_an_older_definition_overwrites_nothing(admin: Caller, name: str) -> None:
    seen = put(admin, name, {"markdown": FILE})
    put(admin, name, {**seen, "description": "Mine."})
    late = admin.call("PUT", f"/api/agents/{name}", {"markdown": FILE, "updated_at": seen["updated_at"]})
    assert late.status == 409
    assert admin.get(f"/api/agents/{name}")["definition"]["description"] == "Mine."


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"description": "x", "prompt": "y", "role": "boss"}, "role must be one of primary, standard, automation"),
        ({"description": "x", "prompt": "y", "role": "unknown"}, "role must be one of primary, standard"),
        ({"description": "x", "prompt": "y", "instances": "many"}, "instances must be integer or null"),
        ({"description": "x", "prompt": "y", "instances": 1001}, "`instances` is 1001; accepted: a whole number"),
        ({"description": "x", "prompt": "y", "skills": []}, "skills is not known; there are description, role"),
        ({"description": "x", "prompt": "y", "keywords": ["\ud800"]}, "`keywords` is"),
        ({"description": "x", "prompt": "\ud800"}, "Half a surrogate pair"),
        ({"description": "x"}, "No system prompt"),
        ({"prompt": "x"}, "`description` is missing"),
        ({"markdown": FILE.replace("keywords: [contract]", "role: boss")}, "Line 5: `role` is 'boss'"),
        ({"markdown": "x" * 270_000}, "at most 262144"),
        ({"markdown": FILE, "description": "x"}, "description is not known"),
        ({"description": "x", "prompt": "y", "agent_id": "another"}, "an agent keeps its name"),
        ([], "The body must be object"),
    ],
)
def test_what_no_file_may_say_is_refused_with_the_field(admin: Caller, name: str, body: Any, said: str) -> None:
    answer = admin.call("PUT", f"/api/agents/{name}", body)
    assert answer.status == 400, answer
    assert said in answer.body["detail"]
    assert admin.call("GET", f"/api/agents/{name}").status == 404


@pytest.mark.e2e
@pytest.mark.parametrize("bad", ["Lawyer", "a%2fb", "..%2f..%2ftokens", "join:x", ".hidden", "a" * 64, "%00", "%C3%A9"])
def test_an_agents_name_leads_to_no_other_file(gateway: Gateway, admin: Caller, bad: str) -> None:
    before = sorted(gateway.services.settings.state.rglob("*"))
    refused = admin.call("PUT", f"/api/agents/{bad}", {"markdown": FILE})
    assert refused.status == 400 and "1–63 of a–z, 0–9, - and _" in refused.body["detail"]
    assert admin.call("DELETE", f"/api/agents/{bad}").status == 404
    assert sorted(gateway.services.settings.state.rglob("*")) == before


@pytest.mark.e2e
def test_a_name_that_no_agent_may_have_is_refused_with_the_rule(admin: Caller) -> None:
    refused = admin.call("PUT", "/api/agents/Contract-Lawyer", {"markdown": FILE})
    rule = "an agent's id, which is 1–63 of a–z, 0–9, - and _"
    assert (refused.status, refused.body["detail"]) == (
        400,
        f'agent_id = "Contract-Lawyer" does not look like {rule}.',
    )


@pytest.mark.e2e
def test_a_check_tells_the_definition_or_the_line_and_keeps_nothing(admin: Caller) -> None:
    good = admin.call("POST", "/api/agents/check", {"markdown": FILE, "agent_id": "x"})
    as_declared("POST", "/api/agents/check", good.body)
    assert (good.body["definition"]["keywords"], good.body["problems"]) == (["contract"], [])
    bad = admin.call("POST", "/api/agents/check", {"markdown": FILE.replace("[contract]", "contract")})
    as_declared("POST", "/api/agents/check", bad.body)
    assert bad.body["definition"] is None
    assert bad.body["problems"][0]["line"] == 5
    assert admin.call("GET", "/api/agents/x").status == 404


@pytest.mark.e2e
def test_a_program_that_registered_itself_is_changed_there_and_taken_out_when_it_is_gone(
    gateway: Gateway, admin: Caller, name: str
) -> None:
    services = gateway.services
    definitions.write(AGENT, services.settings, [agent(name, runner="external")])
    until(lambda: name in services.registry.agents, 10, "it is registered")
    refused = admin.call("PUT", f"/api/agents/{name}", {"markdown": FILE})
    assert refused.status == 409
    assert "registers itself" in refused.body["detail"]
    assert admin.call("DELETE", f"/api/agents/{name}").status == 200
    assert admin.call("GET", f"/api/agents/{name}").status == 404


async def test_a_page_of_agents_makes_the_rows_of_that_page_only_and_they_are_those_of_the_whole_list(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"agent-{number:03}" for number in range(30)]
    beats = [example("AgentHeartbeat", pool=name, agent_id=name, at=now_us()) for name in names]
    registry = SimpleNamespace(
        agents={name: agent(name, "light") for name in reversed(names)},
        pools={name: example("PoolStatus", pool=name, agent_id=name, waiting=at) for at, name in enumerate(names)},
        desired={},
        weights={},
    )
    following = SimpleNamespace(heartbeats=dict(enumerate(beats)))
    services: Any = SimpleNamespace(registry=registry, following=following, settings=Settings())
    made: list[int] = []

    def counted(*given: Any) -> Any:
        found = fleet.rows(*given)
        made.append(len(found))
        return found

    monkeypatch.setattr(routes, "rows", counted)
    seen, cursor = [], None
    while True:
        call: Any = SimpleNamespace(services=services, given={"find": None, "cursor": cursor, "limit": 7})
        told = (await routes.list_agents(call)).body
        seen += told["agents"]
        cursor = told["next"]
        if cursor is None:
            break
    assert made == [7, 7, 7, 7, 2]
    assert [{name: row[name] for name in row if name not in routes._NO_FIT} for row in seen] == [
        row._asdict() for row in fleet.rows(services)
    ]
    assert all(row["instances_live"] for row in seen)


@pytest.mark.e2e
def test_agents_are_found_by_words_best_first_with_reasons(gateway: Gateway, admin: Caller) -> None:
    viewer = gateway.caller("acme", "viewer")
    found = as_declared("GET", "/api/agents", viewer.get("/api/agents?find=Review%20this%20pull%20request"))
    best = found["agents"][0]
    assert best["agent_id"] == found["understood"]["agent_id"] == "code-reviewer"
    assert found["understood"]["skill"] == "code_review"
    assert "can do code_review" in best["why"]
    fits = [row["fit"] for row in found["agents"]]
    assert fits == sorted(fits, reverse=True)
    assert 0 <= fits[-1] <= fits[0] <= 1
    assert {row["agent_id"] for row in found["agents"]} == set(gateway.services.registry.agents)
    assert viewer.call("GET", "/api/agents?find=%20").status == 400


def test_removing_what_a_file_defines_is_refused_by_the_command_in_the_same_words(tmp_path: Any) -> None:
    with pytest.raises(GatewayError, match="is defined by a file"):
        defining.remove(AGENT, Settings(state_dir=str(tmp_path)), agent("test-runner"))


def test_a_definition_fits_an_event() -> None:
    assert encode("AgentDefinition", defining.checked(AGENT, "a", FILE))
