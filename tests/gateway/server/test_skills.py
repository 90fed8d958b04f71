"""Skills by HTTP: listed with who does them and the model they are given, changed by admins, there after a start."""

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import defining
from gateway.skills import skill_rows
from infra import definitions
from infra.definitions import AGENT, SKILL
from infra.skill_file import FORM, SHIPPED
from tests.gateway.server.test_api import as_declared
from tests.support.agents import agent
from tests.support.gateway import Caller, Gateway
from tests.support.waiting import until

FILE = """---
# of ours
description: Checking contracts.
words: [covenant]
preferred: [claude-opus-5-5, claude-haiku-5-5]
cost_weight: 1
---

Why these models.
"""
WORDS = st.text(min_size=1, max_size=30).filter(lambda text: text.strip() and text.isprintable())


@pytest.fixture(scope="session")
def admin(gateway: Gateway) -> Caller:
    for kind in (AGENT, SKILL):
        definitions.publish(kind, gateway.services.settings)
    until(lambda: "code_review" in gateway.services.registry.skills, 10, "the shipped skills")
    until(lambda: "code-reviewer" in gateway.services.registry.agents, 10, "the shipped agents")
    return gateway.caller("acme", "admin")


@pytest.fixture
def name() -> str:
    return f"contract_{uuid.uuid4().hex[:8]}"


@given(
    st.fixed_dictionaries(
        {"description": WORDS},
        optional={
            "category": WORDS,
            "words": st.lists(WORDS, max_size=3),
            "capabilities": st.lists(WORDS, max_size=3),
            "preferred": st.lists(WORDS, max_size=3),
            "fallback": st.lists(WORDS, max_size=3),
            "cost_weight": st.floats(0.01, 1),
            "performance_weight": st.floats(0, 1),
        },
    )
)
def test_a_definition_written_as_a_file_defines_the_same(fields: dict[str, Any]) -> None:
    made = defining.checked(SKILL, "a", defining.markdown_of(SKILL, {**fields, "skill": "a"}))
    wanted = {name: field.default for name, field in FORM.fields.items()} | fields
    assert {name: made[name] for name in wanted} == wanted  # type: ignore[literal-required]


def test_rows_tell_who_does_a_skill_and_which_model_it_is_given() -> None:
    skill = defining.checked(SKILL, "contract_check", FILE.replace("cost_weight: 1", "capabilities: [law, tax]"))
    agents = {
        "both": agent("both", "Law", "tax"),
        "named": agent("named", "contract-check"),
        "half": agent("half", "law"),
        "off": agent("off", "law", "tax", instances=0),
    }
    (row,) = skill_rows({"contract_check": skill}, agents)
    assert (row.agents, row.model) == (["both", "named"], "claude-opus-5-5")
    assert "second: claude-haiku-5-5" in row.reason


@pytest.mark.e2e
def test_what_is_put_is_published_told_as_it_was_written_and_counts_in_finding(
    gateway: Gateway, admin: Caller, name: str
) -> None:
    answer = admin.call("PUT", f"/api/skills/{name}", {"markdown": FILE})
    assert answer.status == 200, answer
    made = as_declared("PUT", "/api/skills/{skill}", answer.body)
    assert (made["words"], made["cost_weight"]) == (["covenant"], 1.0)
    assert admin.call("GET", f"/api/skills/{name}/markdown").body == FILE  # with its comment and its text
    viewer = gateway.caller("acme", "viewer")
    now = as_declared("GET", "/api/skills/{skill}", viewer.get(f"/api/skills/{name}"))["now"]
    assert (now["model"], now["agents"]) == ("claude-haiku-5-5", [])  # the cheaper, as cost counts most
    rows = as_declared("GET", "/api/skills", viewer.get("/api/skills"))["skills"]
    assert {"code_review", name} <= {row["skill"] for row in rows}
    found = as_declared("GET", "/api/skills", viewer.get("/api/skills?find=is+this+covenant+binding"))
    best = found["skills"][0]
    assert (best["skill"], best["weak"], found["understood"]["skill"]) == (name, False, name)
    again = admin.call("PUT", f"/api/skills/{name}", {**made, "cost_weight": 0.3})
    assert (again.status, again.body["cost_weight"], again.body["words"]) == (200, 0.3, ["covenant"])
    late = admin.call("PUT", f"/api/skills/{name}", {"markdown": FILE, "updated_at": made["updated_at"]})
    assert late.status == 409
    gone = admin.call("DELETE", f"/api/skills/{name}")
    assert (gone.status, gone.body) == (200, {"skill": name, "definition": None})
    assert admin.call("GET", f"/api/skills/{name}").status == 404


@pytest.mark.e2e
def test_a_shipped_skill_that_was_changed_is_as_shipped_again_and_cannot_be_taken_out(admin: Caller) -> None:
    shipped = admin.get("/api/skills/light")["definition"]
    changed = admin.call("PUT", "/api/skills/light", {"description": "Another.", "preferred": ["claude-opus-5-5"]})
    assert changed.body["preferred"] == ["claude-opus-5-5"]
    back = admin.call("DELETE", "/api/skills/light")
    assert {**back.body["definition"], "updated_at": 0} == {**shipped, "updated_at": 0}
    assert admin.call("DELETE", "/api/skills/light").status == 409
    assert {path.stem for path in SHIPPED.glob("*.md")} >= {"light"}


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"description": "x", "cost_weight": 2}, "`cost_weight` is 2"),
        ({"description": "x", "cost_weight": "much"}, "cost_weight must be number or null"),
        ({"description": "x", "cost_weight": 0, "performance_weight": 0}, "are both 0"),
        ({"words": ["x"]}, "`description` is missing"),
        ({"description": "x", "prompt": "y"}, "prompt is not known; there are description, category"),
        ({"markdown": FILE.replace("words: [covenant]", "words: covenant")}, "Line 4: `words` is 'covenant'"),
        ({"description": "x", "skill": "another"}, "a skill keeps its name"),
    ],
)
def test_what_no_file_may_say_is_refused_with_the_field(admin: Caller, name: str, body: Any, said: str) -> None:
    answer = admin.call("PUT", f"/api/skills/{name}", body)
    assert answer.status == 400, answer
    assert said in answer.body["detail"]
    assert admin.call("GET", f"/api/skills/{name}").status == 404


@pytest.mark.e2e
@pytest.mark.parametrize("bad", ["Light", "a-b", "a%2fb", "..%2f..%2ftokens", ".hidden", "a" * 64, "%00"])
def test_a_skills_name_leads_to_no_other_file(gateway: Gateway, admin: Caller, bad: str) -> None:
    before = sorted(gateway.services.settings.state.rglob("*"))
    refused = admin.call("PUT", f"/api/skills/{bad}", {"markdown": FILE})
    assert refused.status == 400 and "1–63 of a–z, 0–9 and _" in refused.body["detail"]
    assert admin.call("DELETE", f"/api/skills/{bad}").status == 404
    assert sorted(gateway.services.settings.state.rglob("*")) == before
