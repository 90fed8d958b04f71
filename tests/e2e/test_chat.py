"""The chat on a whole line: a model that streams, people who reload and reconnect, and what may never happen twice."""

import asyncio
import dataclasses
import uuid
from collections.abc import Iterator

import pytest

from infra.settings import Settings
from lab.own_line import OwnLine
from tests.support.chat import Chat, chatting
from tests.support.gateway import Gateway, running_gateway
from tests.support.messages_api import Behaviour, MessagesApi
from tests.support.running import running_line, settings_in

pytestmark = pytest.mark.e2e

AGENT = "quick-helper"
WORDS = "One after the other the ships leave the harbour, and the last of them carries the letters home. "
SLOW = Behaviour(text=WORDS * 2, piece_s=0.1)


@pytest.fixture(scope="module")
def api() -> Iterator[MessagesApi]:
    with MessagesApi().serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def line(api: MessagesApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    over = {"anthropic_api_key": "test-key", "anthropic_base_url": api.url, "requests_per_min": 1000}
    settings = settings_in(tmp_path_factory.mktemp("chat"), tokens_per_min=10**7, redos_max=0, **over)
    with running_line(settings) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(line: Settings) -> Iterator[Gateway]:
    with running_gateway(dataclasses.replace(line, gateway_connections_user_max=50), with_live=True) as gateway:
        yield gateway


@pytest.fixture
def conversation() -> str:
    return f"c-{uuid.uuid4().hex[:8]}"


def asked(api: MessagesApi, word: str) -> list[list[dict[str, str]]]:
    """The messages of each request that holds the word."""
    return [request["messages"] for request in api.requests if word in str(request["messages"])]


async def until_pieces(chat: Chat, count: int) -> None:
    for _ in range(count):
        await chat.hear("progress_update", kind="text")


async def test_a_message_is_answered_piece_by_piece_and_the_answer_is_whole(gateway, conversation, api):
    async with chatting(gateway, conversation) as chat:
        shown = await chat.open()
        assert shown["data"]["turns"] == [] and shown["token"]
        api.script.append(SLOW)
        task_id = await chat.message("Tell me of ships", agent_id=AGENT)
        end = await chat.answered(task_id)
        assert end["event"] == "task_completed" and end["data"]["output"] == SLOW.text
        assert chat.turns[task_id]["streamed"] == SLOW.text
        told = [message["event"] for message in chat.heard if message["data"].get("task_id") == task_id]
        order = ["accepted", "task_submitted", "task_queued", "agent_assigned", "task_started", "progress_update"]
        assert [name for name in dict.fromkeys(told) if name in order[1:]] == order[1:]


async def test_who_reloads_in_mid_answer_sees_it_so_far_and_the_rest_and_nothing_is_bought_again(
    gateway, conversation, api
):
    word = uuid.uuid4().hex
    api.script.append(SLOW)
    async with chatting(gateway, conversation) as chat:
        await chat.open()
        task_id = await chat.message(f"Tell me of {word}", agent_id=AGENT)
        await until_pieces(chat, 3)
        part = chat.turns[task_id]["answer"]
    async with chatting(gateway, conversation) as chat:
        shown = (await chat.open())["data"]["turns"]
        assert [turn["task_id"] for turn in shown] == [task_id]
        assert shown[0]["answer"].startswith(part) and shown[0]["answer_whole"] and shown[0]["state"] == "running"
        await chat.answered(task_id)
        assert chat.turns[task_id]["streamed"] == SLOW.text
    assert len(asked(api, word)) == 1


async def test_who_reconnects_with_a_token_is_told_exactly_the_rest_also_by_another_gateway(
    gateway, line, conversation, api
):
    word = uuid.uuid4().hex
    api.script.append(SLOW)
    async with chatting(gateway, conversation) as first:
        await first.open()
        task_id = await first.message(f"Tell me of {word}", agent_id=AGENT)
        await until_pieces(first, 2)
    with running_gateway(line, with_live=True) as other:
        async with chatting(other, conversation, other.token()) as second:
            second.turns, heard = first.turns, len(first.heard)
            assert (await second.open(first.token))["event"] == "resumed"
            await second.answered(task_id)
            assert second.turns[task_id]["streamed"] == SLOW.text
            assert heard
    assert len(asked(api, word)) == 1


async def test_the_same_message_sent_again_is_one_message_that_is_asked_once(gateway, conversation, api):
    word, key = uuid.uuid4().hex, uuid.uuid4().hex
    async with chatting(gateway, conversation) as chat:
        await chat.open()
        task_id = await chat.message(f"Say {word}", key=key, agent_id=AGENT)
        await chat.answered(task_id)
        assert await chat.message(f"Say {word}", key=key, agent_id=AGENT) == task_id
        assert chat.heard[-1]["data"]["repeated"]
    async with chatting(gateway, conversation) as chat:
        shown = (await chat.open())["data"]
        assert [turn["task_id"] for turn in shown["turns"]] == [task_id]
    assert len(asked(api, word)) == 1


async def test_the_model_is_told_what_was_said_before_also_when_the_next_message_follows_at_once(
    gateway, conversation, api
):
    word = uuid.uuid4().hex
    async with chatting(gateway, conversation) as chat:
        await chat.open()
        api.script.extend([Behaviour(text="Ann it is."), Behaviour(text="So you are Ann.")])
        first = await chat.message(f"My name is Ann {word}", agent_id=AGENT)
        await chat.answered(first)
        await chat.answered(await chat.message("What is my name?", agent_id=AGENT))
        told = asked(api, word)[-1]
        assert told == [
            {"role": "user", "content": f"My name is Ann {word}"},
            {"role": "assistant", "content": "Ann it is."},
            {"role": "user", "content": "What is my name?"},
        ]


async def test_stop_ends_the_answer_and_what_was_said_stays_and_is_remembered(gateway, conversation, api):
    word = uuid.uuid4().hex
    api.script.append(SLOW)
    async with chatting(gateway, conversation) as chat:
        await chat.open()
        task_id = await chat.message(f"Tell me of {word}", agent_id=AGENT)
        await until_pieces(chat, 2)
        await chat.say("stop", task_id=task_id)
        assert (await chat.answered(task_id))["event"] == "task_cancelled"
        said = chat.turns[task_id]["answer"]
        assert said and SLOW.text.startswith(said)
        await chat.say("stop", task_id=task_id, ref="r")
        assert "nothing is left to stop" in await chat.refused()
        await chat.answered(await chat.message("And then?", agent_id=AGENT))
        told = asked(api, word)[-1]
        assert told[1]["role"] == "assistant" and SLOW.text.startswith(told[1]["content"]) and told[1]["content"]
    async with chatting(gateway, conversation) as chat:
        turn = (await chat.open())["data"]["turns"][0]
        assert turn["state"] == "cancelled" and turn["answer"].startswith(said)


async def test_a_conversation_over_http_is_the_same_conversation(gateway, conversation, api):
    caller = gateway.caller()
    path = f"/api/conversations/{conversation}"
    answer = caller.call("POST", f"{path}/messages", {"text": "Name a port", "agent_id": AGENT})
    assert answer.status == 202
    task_id = answer.body["task_id"]
    assert caller.get(f"/api/tasks/{task_id}/wait?timeout=20")["ended"]
    caller.call("POST", f"{path}/messages", {"text": "Another one"})
    told = caller.get(path)
    assert [turn["text"] for turn in told["turns"]] == ["Name a port", "Another one"]
    assert told["preferences"]["agent_id"] is None and told["turns"][0]["by"] == "submitter of default"
    assert asked(api, "Another one")[-1:] == [] or asked(api, "Another one")[-1][0]["content"] == "Name a port"


async def test_feedback_reaches_everybody_in_the_conversation_and_the_task(gateway, conversation, line, api):
    async with chatting(gateway, conversation) as ann, chatting(gateway, conversation) as ben:
        await ann.open()
        await ben.open()
        task_id = await ann.message("Rate me", agent_id=AGENT)
        await ann.answered(task_id)
        await ann.say("feedback", task_id=task_id, kind="negative", score=0.25, comment="too short")
        for person in (ann, ben):
            told = (await person.hear("feedback_received"))["data"]
            assert (told["kind"], told["score"], told["comment"]) == ("negative", 0.25, "too short")
    caller = gateway.caller()
    assert caller.call("POST", f"/api/tasks/{task_id}/feedback", {"kind": "positive"}).status == 202
    for _ in range(100):
        if len([e for e in caller.get(f"/api/tasks/{task_id}")["timeline"] if e["event"] == "FeedbackGiven"]) == 2:
            break
        await asyncio.sleep(0.02)
    turn = caller.get(f"/api/conversations/{conversation}")["turns"][0]
    assert turn["feedback"]["kind"] == "positive" and turn["feedback"]["score"] is None


async def test_feedback_given_by_hand_is_in_the_story_of_the_task(gateway, line):
    task_id = gateway.caller().submit("Rate me by hand", agent_id=AGENT)
    assert gateway.caller().get(f"/api/tasks/{task_id}/wait?timeout=20")["ended"]
    own = OwnLine(line)
    given = await asyncio.to_thread(own.headway, "feedback", task_id, "neutral", "--score", "0.5", "--comment", "fair")
    assert given.returncode == 0, given.stderr
    told = await asyncio.to_thread(own.headway, "task", task_id)
    assert "neutral feedback by" in told.stdout and "score 0.50" in told.stdout and "fair" in told.stdout
    assert (await asyncio.to_thread(own.headway, "feedback", "no-such-task", "positive")).returncode == 1


async def test_a_task_handed_in_otherwise_may_bring_its_own_conversation(gateway, api):
    said = [{"role": "user", "text": "x" * 20_000}, {"role": "assistant", "text": "y" * 20_000}]
    task_id = gateway.caller().submit("And now?", agent_id=AGENT, conversation=said)
    assert gateway.caller().get(f"/api/tasks/{task_id}/wait?timeout=20")["ended"]
    (told,) = asked(api, "x" * 20_000)
    assert [message["role"] for message in told] == ["user", "assistant", "user"]
