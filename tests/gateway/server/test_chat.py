"""The chat on a broker where nobody works: what is shown, what is refused, and what another tenant comes to see."""

import asyncio
import dataclasses
import random
import threading
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import aiohttp
import pytest

from infra.settings import Settings
from tests.gateway.live.log import assigned, outcome, progress
from tests.gateway.live.serving import Teller
from tests.support.chat import chatting
from tests.support.gateway import Gateway, running_gateway
from tests.support.world import decision, submission

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def chats(broker: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = dataclasses.replace(
        broker,
        state_dir=str(tmp_path_factory.mktemp("chats")),
        gateway_connections_user_max=50,
        gateway_messages_per_s=100.0,
    )
    with running_gateway(settings, with_live=True) as gateway:
        yield gateway


@pytest.fixture
def conversation() -> str:
    return f"chat-{uuid.uuid4().hex[:8]}"


class Written:
    """A task of a conversation, as a line would work on it: `say` streams a piece."""

    def __init__(self, teller: Teller, session: str, number: int, tenant: str = "default") -> None:
        self._teller = teller
        self.task_id = f"{session}.{number}"
        self._who = {"task_id": self.task_id, "session_id": session, "tenant_id": tenant}
        self._run: dict[str, Any] = {}
        self._attempt = self._sequence = 0
        task = submission(**self._who, text=f"question {number}")
        teller.write("tasks.submitted", "TaskSubmitted", task)
        teller.write("routing.decisions", "RoutingDecision", decision(task))
        self.again()

    def again(self) -> None:
        self._attempt += 1
        self._sequence = 0
        self._run = {"attempt": self._attempt, "agent_id": "writer", "instance_id": "writer-0", "pool": "writer"}
        self._teller.write("tasks.assigned", "TaskAssigned", assigned(self._who | self._run))
        self._tell("started", "")

    def say(self, text: str) -> None:
        self._tell("text", text)

    def end(self, output: str) -> None:
        event = outcome(self._who, self._attempt, "writer") | {"output": output, "quality": None, "status": "cancelled"}
        self._teller.write("tasks.outcomes", "TaskOutcome", event)

    def _tell(self, kind: str, text: str) -> None:
        event = progress(self._who | self._run, kind, self._sequence) | {"message": text, "fraction": None}
        self._teller.write("tasks.progress", "TaskProgress", event)
        self._sequence += 1


PIECES_MAX = 5_000
"""Of an answer that is written until enough have opened its conversation."""


async def test_whenever_one_opens_a_conversation_the_answers_go_on_exactly_where_they_are_shown(
    chats: Gateway, broker: Settings, conversation: str
) -> None:
    """While a writer tells of three answers, many come and go; each ends with the whole answers."""
    over, many, said = threading.Event(), threading.Event(), {}

    def write() -> None:
        teller, chance = Teller(broker), random.Random(3)
        for number in range(3):
            task = Written(teller, conversation, number)
            said[task.task_id] = ""
            for n in range(PIECES_MAX):
                if n >= 40 and (many.is_set() or number < 2):
                    break
                if chance.random() < 0.04:
                    task.again()
                    said[task.task_id] = ""
                task.say(f"{n} ")
                said[task.task_id] += f"{n} "
            task.end("")
        over.set()

    writer = threading.Thread(target=write)
    writer.start()
    opened = 0
    while not over.is_set():
        async with chatting(chats, conversation) as chat:
            await chat.open()
            opened += 1
            if opened > 3:
                many.set()
            with suppress(TimeoutError):
                await chat.hear("task_cancelled", task_id=f"{conversation}.2", timeout_s=opened % 5 / 20)
    writer.join()
    assert opened > 3
    async with chatting(chats, conversation) as last:
        await last.open()
        for task_id in said:
            if last.turns.get(task_id, {}).get("finished_at") is None:
                await last.answered(task_id)
        assert {task_id: turn["answer"] for task_id, turn in last.turns.items()} == said


async def test_who_never_reads_for_a_while_misses_no_piece_of_an_answer(
    chats: Gateway, broker: Settings, conversation: str
) -> None:
    async with chatting(chats, conversation) as chat:
        await chat.open()
        teller = Teller(broker)
        task = await asyncio.to_thread(Written, teller, conversation, 0)
        pieces = [f"{n} " + "x" * 3_000 for n in range(150)]
        await asyncio.to_thread(lambda: [task.say(piece) for piece in pieces])
        await asyncio.to_thread(task.end, "")
        await chat.answered(task.task_id)
        assert chat.turns[task.task_id]["answer"] == "".join(pieces)


async def test_after_a_restart_the_conversation_is_as_it_was_and_a_token_goes_on(
    chats: Gateway, broker: Settings, conversation: str
) -> None:
    async with chatting(chats, conversation) as before:
        await before.open()
        task = await asyncio.to_thread(Written, Teller(broker), conversation, 0)
        await asyncio.to_thread(task.say, "One, ")
        await before.hear("progress_update", kind="text")
    await asyncio.to_thread(task.say, "two, ")
    with running_gateway(chats.services.settings, with_live=True) as later:
        async with chatting(later, conversation) as fresh, chatting(later, conversation) as resumed:
            shown = (await fresh.open())["data"]["turns"]
            assert shown[0]["answer"] == "One, two, "
            resumed.turns = before.turns
            await resumed.open(before.token)
            await asyncio.to_thread(task.say, "three.")
            await asyncio.to_thread(task.end, "")
            for person in (fresh, resumed):
                await person.answered(task.task_id)
                assert person.turns[task.task_id]["answer"] == "One, two, three."


async def test_a_token_that_cannot_be_used_is_a_gap_and_then_the_conversation(
    chats: Gateway, conversation: str
) -> None:
    async with chatting(chats, conversation) as chat:
        await chat.say("open", token="nonsense")
        assert "cannot be used" in (await chat.hear("gap"))["data"]["reason"]
        assert (await chat.hear("conversation"))["data"]["turns"] == []
        assert await chat.submitted(await chat.message("Hello"))


async def test_another_tenant_with_the_same_name_sees_nothing_and_changes_nothing(
    chats: Gateway, conversation: str
) -> None:
    ours, theirs = chats.token("acme"), chats.token("globex")
    async with chatting(chats, conversation, ours) as ann, chatting(chats, conversation, theirs) as eve:
        await ann.open()
        await eve.open()
        await ann.say("presence", state="typing")
        task_id = await ann.message("Our secret plan")
        await ann.submitted(task_id)
        for action in ("stop", "feedback"):
            await eve.say(action, task_id=task_id, **({"kind": "negative"} if action == "feedback" else {}))
            assert "no task of this id" in await eve.refused()
        assert (await eve.submitted(await eve.message("Mine", key="k")))["data"]["text"] == "Mine"
        await eve.say("ping")
        await eve.hear("pong")
        assert not any(task_id in str(message) or "secret" in str(message) for message in eve.heard)
        assert not any("submitter of acme" in str(message) for message in eve.heard)
        token = ann.token
    async with chatting(chats, conversation, theirs) as eve:
        await eve.open(token)
        assert not any("secret" in str(message) for message in eve.heard)
    path = f"/api/conversations/{conversation}"
    attacker = chats.caller("globex")
    assert [turn["text"] for turn in attacker.get(path)["turns"]] == ["Mine"]
    assert "secret" not in str(attacker.get(f"{path}/export?format=markdown"))
    assert conversation in str(attacker.get("/api/conversations?limit=200"))
    assert "secret" not in str(attacker.get("/api/conversations?limit=200"))
    assert attacker.call("POST", f"/api/tasks/{task_id}/feedback", {"kind": "positive"}).status == 404


async def test_feedback_in_a_chat_waits_for_an_answer(chats: Gateway, conversation: str) -> None:
    async with chatting(chats, conversation, chats.token("acme")) as ann:
        await ann.open()
        task_id = await ann.message("Nobody has answered this")
        await ann.submitted(task_id)
        await ann.say("feedback", task_id=task_id, kind="negative")
        assert "has no answer yet" in await ann.refused()


async def test_an_admin_talks_in_its_own_tenant_only(chats: Gateway, conversation: str) -> None:
    chats.caller("acme").call("POST", f"/api/conversations/{conversation}/messages", {"text": "Of acme"})
    async with chatting(chats, conversation, chats.token("default", "admin")) as admin:
        assert (await admin.open())["data"]["turns"] == []
        told = await admin.submitted(await admin.message("Of the admin"))
        assert told["data"]["tenant_id"] == "default"


async def test_a_message_of_another_conversation_cannot_be_stopped_or_judged_from_here(
    chats: Gateway, conversation: str
) -> None:
    task_id = chats.caller().submit("Elsewhere", session_id="elsewhere")
    async with chatting(chats, conversation) as chat:
        await chat.open()
        await chat.say("stop", task_id=task_id)
        assert "no task of this id" in await chat.refused()


async def test_a_viewer_looks_and_says_nothing(chats: Gateway, conversation: str) -> None:
    async with chatting(chats, conversation, chats.token(role="viewer")) as chat:
        await chat.open()
        await chat.say("message", text="Hello", key="k")
        assert "role submitter" in await chat.refused()
    path = f"/api/conversations/{conversation}/messages"
    assert chats.caller(role="viewer").call("POST", path, {"text": "Hello"}).status == 403


HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"action": "message", "text": 7, "key": "k"}, "text"),
    ({"action": "message", "text": "   ", "key": "k"}, "text"),
    ({"action": "message", "text": "\ud800", "key": "k"}, "text"),
    ({"action": "message", "text": "x"}, "key is missing"),
    ({"action": "message", "text": "x", "key": ""}, "key"),
    ({"action": "message", "text": "x", "key": "k" * 201}, "key"),
    ({"action": "message", "text": "x", "key": ["k"]}, "key"),
    ({"action": "message", "text": "x", "key": "k", "agent_id": "no such agent"}, "agent_id"),
    ({"action": "message", "text": "x", "key": "k", "model": {"a": 1}}, "model"),
    ({"action": "message", "text": "x", "key": "k", "tenant_id": "acme"}, "tenant_id"),
    ({"action": "stop"}, "task_id"),
    ({"action": "stop", "task_id": 3}, "task_id"),
    ({"action": "stop", "task_id": "../../etc"}, "no task of this id"),
    ({"action": "feedback", "task_id": "t", "kind": "superb"}, "kind"),
    ({"action": "feedback", "task_id": "t", "kind": "positive", "score": 2}, "score"),
    ({"action": "feedback", "task_id": "t", "kind": "positive", "score": True}, "score"),
    ({"action": "feedback", "task_id": "t", "kind": "positive", "comment": "x" * 2_001}, "comment"),
    ({"action": "open"}, "open already"),
    ({"action": "open", "token": 3}, "token"),
    ({"action": "presence", "state": 3}, "state"),
    ({"action": ["message"]}, "action is one of"),
    ({"action": "subscribe", "fleet": True}, "action is one of"),
]


async def test_what_makes_no_sense_is_refused_with_a_sentence_and_the_talk_goes_on(
    chats: Gateway, conversation: str
) -> None:
    async with chatting(chats, conversation) as chat:
        await chat.say("message", text="too early", key="k")
        assert "Open the conversation first" in await chat.refused()
        await chat.open()
        for said, part in HOSTILE:
            await chat.say(**said, ref="r")
            error = await chat.hear("error")
            assert part in error["data"]["reason"].lower() and error["data"]["ref"] == "r", (said, error)
        assert await chat.message("And now something sensible")


@pytest.mark.parametrize("said", ["", "[]", "nonsense", "[" * 5_000])
async def test_what_is_no_message_at_all_closes_the_chat(chats: Gateway, conversation: str, said: str) -> None:
    async with chatting(chats, conversation) as chat:
        await chat.raw(said)
        assert await chat.close_code() == 4400


async def test_a_huge_text_closes_the_chat_and_many_messages_do(chats: Gateway, conversation: str) -> None:
    async with chatting(chats, conversation) as chat:
        await chat.open()
        await chat.say("message", text="x" * 70_000, key="k")
        assert await chat.close_code() == 1009
    async with chatting(chats, conversation) as chat:
        for _ in range(600):
            await chat.say("ping")
        assert await chat.close_code() == 4429


@pytest.mark.parametrize("name", ["%20", "@x", "a%20b", "x" * 201, "%00"])
async def test_a_name_that_no_session_may_have_is_refused(chats: Gateway, name: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with chatting(chats, name):
            pass
    assert refused.value.status == 400
    assert chats.caller().call("GET", f"/api/conversations/{name}").status == 404


async def test_without_a_token_nobody_comes_in(chats: Gateway, conversation: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with chatting(chats, conversation, "hw_00000000_nobody"):
            pass
    assert refused.value.status == 401


def test_conversations_are_listed_newest_first_page_by_page(chats: Gateway) -> None:
    caller, run = chats.caller("pages"), f"chat-{uuid.uuid4().hex[:6]}"
    for number in range(5):
        assert (
            caller.call("POST", f"/api/conversations/{run}-{number}/messages", {"text": f"No {number}"}).status == 202
        )
        assert caller.get(f"/api/conversations/{run}-{number}")["turns"]
    caller.submit("a task of its own is no conversation")
    caller.submit("nor is what a program handed in", session_id="of-a-program")
    rows, cursor = [], ""
    while cursor is not None:
        page = caller.get("/api/conversations?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        rows += page["conversations"]
        cursor = page["next"]
    assert [row["title"] for row in rows] == ["No 4", "No 3", "No 2", "No 1", "No 0"]
    assert all((row["turns"], row["open"]) == (1, 1) for row in rows)


def test_older_turns_come_page_by_page_and_an_export_has_them_all(chats: Gateway, conversation: str) -> None:
    caller, path = chats.caller("pages"), f"/api/conversations/{conversation}"
    for number in range(7):
        key = {"Idempotency-Key": f"{conversation}.{number}"}
        for repeated in (False, True):
            answer = caller.call("POST", f"{path}/messages", {"text": f"No {number}", "model": "m"}, headers=key)
            assert (answer.status, answer.body["repeated"]) == (202, repeated)
    page = caller.get(f"{path}?limit=3")
    assert page["preferences"] == {"agent_id": None, "skill": None, "model": "m"} and page["more"]
    told = page["turns"]
    while page["next"]:
        page = caller.get(f"{path}?limit=3&cursor={page['next']}")
        told = page["turns"] + told
    assert [turn["text"] for turn in told] == [f"No {n}" for n in range(7)]
    whole = caller.get(f"{path}/export?format=markdown")
    assert [turn["text"] for turn in whole["turns"]] == [f"No {n}" for n in range(7)] and whole["whole"]
    assert whole["markdown"].startswith("# No 0") and "No 6" in whole["markdown"]
    assert caller.call("GET", "/api/conversations/never-said").status == 404
