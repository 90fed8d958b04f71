"""The knowledge base on a broker: in step with its topics, one's own problems only, notes written and found."""

import json
import uuid
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import headway
from gateway.knowing import SAMPLES, Knowledge
from infra import definitions, kafka
from infra.definitions import NOTE
from processors.knowledge import SOLVED
from schemas.codec import encode
from tests.gateway.server.test_api import as_declared
from tests.support.gateway import Caller, Gateway
from tests.support.running import as_env
from tests.support.samples import sample
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

FILE = """---
# of ours
kind: decision
title: Payments are not retried after a timeout
tags: [bank]
---

A timeout may mean that the payment went through. We ask the bank for its state.
"""


@pytest.fixture(scope="session")
def admin(gateway: Gateway) -> Caller:
    definitions.publish(NOTE, gateway.services.settings)
    until(lambda: gateway.services.registry.notes, 10, "the shipped notes")
    return gateway.caller("acme", "admin")


@pytest.fixture
def tenant() -> str:
    return f"tenant-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def name() -> str:
    return f"retry-{uuid.uuid4().hex[:8]}"


def learn(gateway: Gateway, *samples: Any) -> None:
    """Returns when the gateway has read them; bytes are written as they are."""
    producer = kafka.producer(gateway.services.settings)
    mark = f"mark-{uuid.uuid4().hex}"
    # In the same partition as each, so that it is read after them.
    for one in samples:
        value, key = (one, b"k") if isinstance(one, bytes) else (encode("TrainingSample", one), one["task_id"].encode())
        producer.produce(SAMPLES, value, key)
    producer.flush(10)
    ends = kafka.ends(gateway.services.settings, SAMPLES)
    for partition in ends:
        own = sample(f"{mark}-{partition}", f"Mark {mark} {partition}", tenant_id=mark)
        producer.produce(SAMPLES, encode("TrainingSample", own), own["task_id"], partition=partition)
    producer.flush(10)
    knows = gateway.services.knowledge
    until(lambda: knows.find("mark", {}, mark, SOLVED).problems == len(ends), 10, "the samples are read")


def found(caller: Caller, words: str, query: str = "") -> list[dict[str, Any]]:
    body = caller.get(f"/api/knowledge?q={words.replace(' ', '+')}{query}")
    hits: list[dict[str, Any]] = as_declared("GET", "/api/knowledge", body)["hits"]
    return hits


def test_a_solved_problem_is_found_by_what_it_means_until_its_answer_is_called_bad(
    gateway: Gateway, tenant: str
) -> None:
    task_id = uuid.uuid4().hex
    solved = sample(task_id, "Check the sign-in code for vulnerabilities", tenant_id=tenant, model="claude-haiku-5-5")
    failed = sample(f"{task_id}-2", "Check the login for holes", tenant_id=tenant, status="failed")
    learn(gateway, solved, b"nonsense", failed)
    caller = gateway.caller(tenant, "viewer")
    (hit,) = found(caller, "security problems in the authentication page", f"&kind={SOLVED}")
    assert (hit["task_id"], hit["tenant_id"], hit["times"]) == (task_id, tenant, 1)
    assert (hit["title"], hit["feedback"], hit["model"]) == (solved["text"], None, "claude-haiku-5-5")
    assert found(caller, "translate a poem into Welsh", f"&kind={SOLVED}") == []
    learn(gateway, {**solved, "revision": 1, "feedback": "negative", "label": 0.0})
    assert found(caller, "security problems in the authentication page", f"&kind={SOLVED}") == []
    learn(gateway, {**solved, "revision": 2, "feedback": "positive", "label": 1.0})
    (hit,) = found(caller, "security problems in the authentication page", f"&kind={SOLVED}")
    assert (hit["feedback"], hit["task_id"]) == ("positive", task_id)


def test_a_reader_that_starts_later_knows_the_same(gateway: Gateway, tenant: str) -> None:
    asked = ["Summarise the incident of last night", "Summarise the incident of Monday", "Write tests for the parser"]
    samples = [sample(f"{tenant}-{n}", text, tenant_id=tenant) for n, text in enumerate(asked)]
    learn(gateway, *samples, {**samples[1], "revision": 1, "feedback": "negative", "label": 0.0})
    later = Knowledge(gateway.services.settings)
    later.read()
    told = later.find("a summary of what went wrong", {}, tenant, None)
    assert [hit.task_id for hit in told.hits] == [f"{tenant}-0"]
    before = gateway.services.knowledge.find("a summary of what went wrong", {}, tenant, None)
    assert (before.hits, before.problems) == (told.hits, told.problems)
    assert told.problems == 2
    assert before.caught_up


def test_nobody_below_an_admin_is_told_what_another_tenant_solved(gateway: Gateway, admin: Caller, tenant: str) -> None:
    secret = f"Plan the walnut merger {uuid.uuid4().hex}"
    learn(gateway, sample(f"{tenant}-secret", secret, tenant_id=tenant))
    ask = secret.replace(" ", "+")
    for role in ("viewer", "submitter"):
        attacker = gateway.caller(f"{tenant}-not", role)  # type: ignore[arg-type]
        for query in ("", f"&kind={SOLVED}", "&limit=50"):
            told = attacker.get(f"/api/knowledge?q={ask}{query}")
            assert secret not in json.dumps(told) and tenant not in {hit["tenant_id"] for hit in told["hits"]}
            assert told["problems"] == 0
        assert attacker.call("GET", f"/api/knowledge?q={ask}&tenant={tenant}").status == 400
    assert gateway.stranger().call("GET", f"/api/knowledge?q={ask}").status == 401
    # Whoever takes a victim's task id for one of their own takes nothing out.
    taken = sample(f"{tenant}-secret", "x", tenant_id=f"{tenant}-not", revision=9, feedback="negative")
    learn(gateway, taken)
    for caller in (gateway.caller(tenant, "viewer"), admin):
        assert [hit["task_id"] for hit in found(caller, secret, f"&kind={SOLVED}&limit=1")] == [f"{tenant}-secret"]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("", "Say in q what you are about to do"),
        ("?q=", "q has 0 characters"),
        ("?q=%20%09", "Say in q what you are about to do"),
        (f"?q={'x' * 2001}", "may have 1 to 2000"),
        ("?q=x&kind=habit", "kind must be one of practice, decision, solved"),
        ("?q=x&limit=0", "limit must be at least 1"),
        ("?q=x&limit=51", "limit must be at most 50"),
        ("?q=x&limit=ten", "limit must be integer"),
        ("?q=x&q=y", "given twice"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_in_words(gateway: Gateway, query: str, said: str) -> None:
    answer = gateway.steady.call("GET", f"/api/knowledge{query}")
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert said in answer.body["detail"]


def test_a_note_is_written_told_found_changed_and_taken_out(gateway: Gateway, admin: Caller, name: str) -> None:
    answer = admin.call("PUT", f"/api/notes/{name}", {"markdown": FILE})
    assert answer.status == 200, answer
    made = as_declared("PUT", "/api/notes/{note}", answer.body)
    assert (made["kind"], made["tags"]) == ("decision", ["bank"])
    assert admin.call("GET", f"/api/notes/{name}/markdown").body == FILE  # with its comment
    viewer = gateway.caller("anybody", "viewer")
    shown = as_declared("GET", "/api/notes/{note}", viewer.get(f"/api/notes/{name}"))
    assert shown["definition"]["text"].startswith("A timeout may mean")
    listed = as_declared("GET", "/api/notes", viewer.get("/api/notes"))["notes"]
    assert name in {note["note"] for note in listed}
    hit = found(viewer, "the payment timed out, should I retry?")[0]
    assert (hit["note"], hit["kind"], hit["task_id"]) == (name, "decision", None)
    assert found(viewer, "the payment timed out, should I retry?", "&kind=practice") == []
    again = admin.call("PUT", f"/api/notes/{name}", {**made, "kind": "practice"})
    assert (again.status, again.body["kind"], again.body["text"]) == (200, "practice", made["text"])
    assert admin.call("PUT", f"/api/notes/{name}", {"markdown": FILE, "updated_at": 5}).status == 409
    gone = admin.call("DELETE", f"/api/notes/{name}")
    assert (gone.status, gone.body) == (200, {"note": name, "definition": None})
    assert name not in {hit["note"] for hit in found(viewer, "the payment timed out, should I retry?")}
    assert viewer.call("GET", f"/api/notes/{name}").status == 404


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"markdown": FILE.replace("decision", "habit")}, "Line 3: `kind` is 'habit'"),
        ({"kind": "practice", "title": "x"}, "No text below the front matter"),
        ({"kind": "practice", "title": "x", "text": "y" * 10_001}, "at most 10,000 are accepted"),
        ({"title": "x", "text": "y"}, "`kind` is missing"),
        ({"kind": "practice", "title": "x\ny", "text": "z"}, "one line"),
        ({"kind": "practice", "title": "x", "text": "y", "prompt": "z"}, "prompt is not known"),
    ],
)
def test_what_no_note_may_say_is_refused(admin: Caller, name: str, body: Any, said: str) -> None:
    answer = admin.call("PUT", f"/api/notes/{name}", body)
    assert answer.status == 400, answer
    assert said in answer.body["detail"]


@pytest.mark.parametrize("bad", ["Note", "a%2fb", "..%2f..%2ftokens", ".hidden", "a" * 64, "%00"])
def test_a_notes_name_leads_to_no_other_file(gateway: Gateway, admin: Caller, bad: str) -> None:
    before = sorted(gateway.services.settings.state.rglob("*"))
    assert admin.call("PUT", f"/api/notes/{bad}", {"markdown": FILE}).status == 400
    assert admin.call("DELETE", f"/api/notes/{bad}").status == 404
    assert sorted(gateway.services.settings.state.rglob("*")) == before


def test_only_admins_write_notes(gateway: Gateway, admin: Caller, name: str) -> None:
    for role in ("viewer", "submitter"):
        caller = gateway.caller("acme", role)  # type: ignore[arg-type]
        assert caller.call("PUT", f"/api/notes/{name}", {"markdown": FILE}).status == 403
        assert caller.call("DELETE", "/api/notes/say-what-you-think-of-answers").status == 403
    assert admin.call("DELETE", "/api/notes/say-what-you-think-of-answers").status == 409  # shipped


def test_the_commands_keep_notes_and_find_what_was_solved(gateway: Gateway, admin: Caller, tenant: str) -> None:
    env = as_env(gateway.services.settings)
    note = f"retry-{tenant}"

    def call(*arguments: str, code: int = 0, stdin: str | None = None) -> str:
        done = CliRunner().invoke(headway, ["knowledge", *arguments], input=stdin, env=env)
        assert done.exit_code == code, f"{arguments} → {done.exception!r}\n{done.output}"
        return done.stdout or done.stderr

    learn(gateway, *(sample(f"{tenant}-{n}", "Pay the invoice\x1b[2J again", tenant_id=tenant) for n in range(2)))
    assert "line 4: `title` is ''" in call(
        "add", note, "--file", "-", stdin=FILE.replace("Payments are not retried after a timeout", "''"), code=2
    )
    assert "is defined; its file is" in call("add", note, "--file", "-", stdin=FILE)
    assert "already: `headway knowledge edit" in call("add", note, "--file", "-", stdin=FILE, code=2)
    call("edit", note, "--file", "-", stdin=FILE.replace("decision", "practice"))
    assert json.loads(call("show", note, "--json"))["kind"] == "practice"
    assert "We ask the bank" in call("show", note)
    assert note in call("list") and note in call()
    asked = ("find", "the payment of an invoice timed out", "--tenant", tenant)
    hits = [json.loads(line) for line in call(*asked, "--json").splitlines()]
    assert {hit["kind"] for hit in hits} == {"practice", SOLVED}
    (hit,) = (hit for hit in hits if hit["kind"] == SOLVED)
    assert (hit["task_id"], hit["times"]) == (f"{tenant}-1", 2)
    said = call(*asked)
    assert f"headway task {tenant}-1" in said and f"headway knowledge show {note}" in said
    assert "asked 2 times" in said and "nobody judged it" in said
    assert "\x1b" not in said and f"of {tenant}" not in said
    other = f"other-{tenant}"
    same = (f"Pay the invoice of {tenant}", f"Pay the invoice of {tenant}")
    learn(gateway, *(sample(f"{who}-x", text, tenant_id=who) for who, text in zip((tenant, other), same, strict=True)))
    said = call("find", same[0], "--kind", SOLVED, "--limit", "50")
    assert f"of {tenant}; by" in said and f"of {other}; by" in said, "of several tenants each is told"
    assert "Nothing like it" in call("find", "zebra stripes", "--tenant", tenant, "--kind", SOLVED)
    assert "Say what you are about to do" in call("find", " ", code=2)
    assert call("remove", note) == f"{note} is taken out.\n"
    assert "`headway knowledge list` lists them" in call("show", note, code=1)
    assert "`headway knowledge edit tell-the-task-what-done-means`" in call(
        "remove", "tell-the-task-what-done-means", code=1
    )
    assert call("publish") == "Nothing has changed.\n"
