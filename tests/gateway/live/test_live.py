"""Live progress over real sockets from a real broker: what a client sees, and what one that misbehaves does not do."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import psutil
import pytest

from gateway.live import limits
from gateway.live.connections import Connection
from infra import kafka
from infra.settings import Settings
from schemas.codec import encode
from tests.gateway.live.serving import Door, Teller, Who, connected, serving

pytestmark = pytest.mark.e2e

LIFE = [
    "task_submitted",
    "task_queued",
    "agent_assigned",
    "task_started",
    "progress_update",
    "progress_update",
    "attempt_ended",
    "task_evaluated",
    "task_completed",
]


@pytest.fixture
async def door(broker: Settings) -> AsyncIterator[Door]:
    async with serving(broker) as door:
        yield door


@pytest.fixture
def teller(broker: Settings) -> Teller:
    return Teller(broker)


def about(messages: list[dict[str, Any]], task_id: str) -> list[str]:
    return [message["event"] for message in messages if message["data"].get("task_id") == task_id]


async def test_a_subscriber_is_shown_what_is_and_then_told_what_happens(door: Door, teller: Teller) -> None:
    task = teller.begin().on(4)
    async with connected(door) as socket:
        assert (await socket.hear())["event"] == "welcome"
        await socket.say(action="subscribe", session_id=teller.session, ref="1")
        assert (await socket.hear())["data"] == {"to": [{"session_id": teller.session}], "ref": "1"}
        # The topics are read a moment after they are written: what the snapshot does not have comes after it.
        snapshot = await socket.hear()
        assert snapshot["event"] == "snapshot" and snapshot["data"]["of"] == {"session_id": teller.session}
        task.to_the_end()
        heard = await socket.hear_until("task_completed")
        shown = len(LIFE) - len(about(heard, task.task_id))
        assert about(heard, task.task_id) == LIFE[shown:] and shown <= 4
        if shown == 4:
            assert snapshot["data"]["tasks"][0]["state"] == "running"
        assert heard[-1]["progress"] == 1.0 and heard[-1]["data"]["output"] == "done"
        told = [message for message in heard if "task_id" in message["data"]]
        assert all(message["token"] and message["session_id"] == teller.session for message in told)


async def test_a_client_that_comes_back_hears_what_it_missed_and_nothing_twice(door: Door, teller: Teller) -> None:
    task = teller.begin()
    async with connected(door) as socket:
        await socket.say(action="subscribe", session_id=teller.session)
        await socket.hear("snapshot")
        task.on(3)
        token = (await socket.hear("agent_assigned"))["token"]
    task.on(4)
    async with connected(door) as socket:
        await socket.say(action="subscribe", session_id=teller.session, token=token)
        missed = await socket.hear_until("resumed")
        task.to_the_end()
        rest = await socket.hear_until("task_completed")
    assert about(missed + rest, task.task_id) == LIFE[3:]


async def test_a_gateway_that_was_not_there_goes_on_with_another_ones_token(broker: Settings, teller: Teller) -> None:
    """From Kafka: its ring has room for nothing."""
    task = teller.begin()
    async with serving(broker) as first, connected(first) as socket:
        await socket.say(action="subscribe", task_id=task.task_id)
        await socket.hear("snapshot")
        task.on(3)
        token = (await socket.hear("agent_assigned"))["token"]
    task.to_the_end()
    async with serving(broker, gateway_ring_mb=0) as second, connected(second) as socket:
        await socket.say(action="subscribe", task_id=task.task_id, token=token)
        assert about(await socket.hear_until("resumed"), task.task_id) == LIFE[3:]


async def test_more_than_anybody_reads_at_once_is_told_all_the_same(broker: Settings, teller: Teller) -> None:
    """Only what Kafka no longer has is a gap, not what is much."""
    task, count = teller.begin(), 25_000
    async with serving(broker) as first, connected(first) as socket:
        await socket.say(action="subscribe", task_id=task.task_id)
        await socket.hear("snapshot")
        task.on(4)
        token = (await socket.hear("task_started"))["token"]
    (topic, name, event), *_ = task.left
    producer = kafka.producer(broker)
    for sequence in range(10, 10 + count):
        told = event | {"sequence": sequence, "event_id": f"{task.task_id}/{sequence}"}
        producer.produce(topic, encode(name, told), event["session_id"])
        producer.poll(0)
    await asyncio.to_thread(producer.flush, 30)
    async with serving(broker, gateway_ring_mb=0) as second, connected(second) as socket:
        await socket.say(action="subscribe", task_id=task.task_id, token=token)
        heard = await socket.hear_until("resumed")
    told = [message["data"].get("sequence") for message in heard if message["event"] == "progress_update"]
    assert told == list(range(10, 10 + count)) and not [m for m in heard if m["event"] == "gap"]


async def test_a_token_that_cannot_be_used_is_a_gap_and_then_a_snapshot(door: Door, teller: Teller) -> None:
    async with connected(door) as socket:
        await socket.say(action="subscribe", session_id=teller.session, token="nonsense")
        gap = await socket.hear("gap")
        assert "token" in gap["data"]["reason"] and gap["data"]["to"] == [{"session_id": teller.session}]
        assert (await socket.hear())["event"] == "snapshot"


async def test_an_event_whose_predecessors_were_never_written_is_told_all_the_same(door: Door, teller: Teller) -> None:
    task = teller.begin()
    task.left = task.left[2:]
    async with connected(door) as socket:
        await socket.say(action="subscribe", task_id=task.task_id)
        await socket.hear("snapshot")
        task.to_the_end()
        assert about(await socket.hear_until("task_completed"), task.task_id) == LIFE[2:]


async def test_nothing_is_told_before_what_a_transaction_under_way_has_written(
    broker: Settings, door: Door, teller: Teller
) -> None:
    """Its marks come to its partitions one after another: the end of a task may be read before the judgement of it."""
    task = teller.begin()
    producer = kafka.producer(broker, transactional_id=f"judge-{teller.session}")
    await asyncio.to_thread(producer.init_transactions, 20)
    async with connected(door) as socket:
        await socket.say(action="subscribe", task_id=task.task_id)
        await socket.hear("snapshot")
        task.on(7)
        await socket.hear("attempt_ended")
        producer.begin_transaction()
        topic, name, event = task.left.pop(0)
        producer.produce(topic, encode(name, event), task.task_id)
        await asyncio.to_thread(producer.flush, 10)
        task.to_the_end()
        with pytest.raises(TimeoutError):
            await socket.hear("task_completed", timeout_s=0.4)
        await asyncio.to_thread(producer.commit_transaction, 10)
        assert about(await socket.hear_until("task_completed"), task.task_id) == ["task_evaluated", "task_completed"]


async def test_a_stream_whose_client_went_away_does_not_hold_up_the_end_of_the_gateway(
    broker: Settings, teller: Teller
) -> None:
    async with serving(broker) as door, aiohttp.ClientSession() as http:
        async with http.get(f"{door.url}/events", params={"session_id": teller.session}) as answer:
            await _event(answer, "snapshot")
        (stream,) = door.live._connections
        await _until(stream.transport.is_closing)
        began = time.monotonic()
    assert time.monotonic() - began < 10


async def test_a_stream_of_server_sent_events_says_the_same(door: Door, teller: Teller) -> None:
    task = teller.begin()
    task.on(2)
    async with aiohttp.ClientSession() as http:
        async with http.get(f"{door.url}/events", params={"task_id": task.task_id}) as answer:
            assert answer.content_type == "text/event-stream"
            await _event(answer, "snapshot")
            task.on(3)
            token = (await _event(answer, "progress_update"))["token"]
        task.to_the_end()
        headers = {"Last-Event-ID": token}
        async with http.get(f"{door.url}/events", params={"task_id": task.task_id}, headers=headers) as answer:
            heard = [await _event(answer)]
            while heard[-1]["event"] != "task_completed":
                heard.append(await _event(answer))
    assert about(heard, task.task_id) == LIFE[5:]


async def test_a_stream_of_nothing_is_refused_in_words(door: Door) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{door.url}/events") as answer:
        said = await answer.text()
        assert answer.status == 400 and "in the query" in said and "session_id" in said and "fleet=true" in said


async def test_who_comes_to_a_socket_without_one_is_told_what_is_there(door: Door) -> None:
    async with aiohttp.ClientSession() as http, http.get(f"{door.url}/ws") as answer:
        assert answer.status == 400 and (await answer.text()).startswith("A WebSocket is here")


async def _event(answer: aiohttp.ClientResponse, name: str | None = None) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            line = await answer.content.readline()
            assert line
            if line.startswith(b"data: "):
                message: dict[str, Any] = json.loads(line[6:])
                if name in (None, message["event"]):
                    return message


async def test_nobody_hears_of_another_tenants_tasks(door: Door, teller: Teller) -> None:
    """The same session, the same agent; and a name of a task is no key to it."""
    theirs = teller.begin("other").on(2)
    async with connected(door, Who(tenant="acme")) as socket:
        to = [
            {"session_id": teller.session},
            {"task_id": theirs.task_id},
            {"agent_id": "writer"},
            {"tenant_id": "acme"},
        ]
        await socket.say(action="subscribe", to=to)
        shown = [await socket.hear("snapshot") for _ in to]
        theirs.to_the_end()
        ours = teller.begin("acme").to_the_end()
        heard = await socket.hear_until("task_completed")
        token = heard[-1]["token"]
        await socket.say(action="subscribe", tenant_id="other")
        assert "tenant acme only" in (await socket.hear("error"))["data"]["reason"]
    async with connected(door, Who(tenant="acme")) as socket:
        await socket.say(action="subscribe", to=to, token=shown[-1]["token"])
        again = await socket.hear_until("resumed")
    assert about(heard, ours.task_id) == LIFE and token
    for message in [*shown, *heard, *again]:
        assert theirs.task_id not in json.dumps([message["data"].get("tasks"), message["data"].get("task_id")])
        assert message["data"].get("tenant_id") in (None, "acme")


async def test_the_fleet_is_shown_each_second(door: Door) -> None:
    async with connected(door) as socket:
        await socket.say(action="subscribe", fleet=True)
        snapshot = await socket.hear("snapshot")
        assert snapshot["data"]["history"]["columns"][0] == "at"
        boards = [await socket.hear("board") for _ in range(2)]
        assert 0.5 < (boards[1]["timestamp"] - boards[0]["timestamp"]) / 1e6 < 3.0
        assert {"waiting", "ended_per_s", "wait_ms", "instances", "machine"} <= boards[0]["data"].keys()


async def test_people_of_a_session_see_who_is_there(door: Door, teller: Teller) -> None:
    async with connected(door, Who(name="ann", tenant="acme")) as ann:
        await ann.say(action="subscribe", session_id=teller.session)
        await ann.say(action="presence", session_id=teller.session, state="reading")
        assert (await ann.hear("presence"))["data"]["here"] == [{"name": "ann", "state": "reading"}]
        async with connected(door, Who(name="eve", tenant="other")) as eve:
            await eve.say(action="subscribe", session_id=teller.session)
            await eve.say(action="presence", session_id=teller.session, state="typing")
            assert (await eve.hear("presence"))["data"]["here"] == [{"name": "eve", "state": "typing"}]
        await ann.say(action="presence", session_id=teller.session, state=None)
        assert (await ann.hear("presence"))["data"]["here"] == []


# --- who misbehaves ----------------------------------------------------------------------------------------------


async def test_a_message_that_is_too_big_ends_the_connection(door: Door) -> None:
    async with connected(door) as socket:
        await socket.say(action="subscribe", session_id="s")
        token = (await socket.hear("snapshot"))["token"]
        await socket.raw("x" * 70_000)
        closing = await socket.hear("closing")
        assert (closing["data"]["code"], closing["token"]) == (limits.TOO_BIG.code, token)
        assert await socket.end() == tuple(limits.TOO_BIG)


@pytest.mark.parametrize("data", ["hello", b"\x00\x01", "[]", "[" * 60_000])
async def test_what_is_no_message_ends_the_connection(door: Door, data: str | bytes) -> None:
    async with connected(door) as socket:
        await socket.raw(data)
        assert await socket.end() == tuple(limits.MALFORMED)


async def test_broken_frames_end_the_connection_and_harm_nobody(door: Door) -> None:
    """Bytes that are no frames, and a message without its mask, straight onto the socket."""
    port = int(door.url.rpartition(":")[2])
    async with connected(door) as other:
        await other.hear("welcome")
        for junk in (b"\xff" * 64, b"\x81\x05hello", b"\x83\x80\x00\x00\x00\x00", b"\x81\xff" + b"\xff" * 8):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(
                b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            writer.write(junk)
            async with asyncio.timeout(15):
                # An unmasked message may be read as one; it is none of this protocol.
                while await reader.read(1000):
                    pass
            writer.close()
        await other.say(action="ping")
        await other.hear("pong")


async def test_ten_thousand_subscriptions_end_the_connection(door: Door) -> None:
    async with connected(door) as socket:
        for first in range(0, 10_000, 1_000):
            await socket.say(action="subscribe", to=[{"session_id": f"{n}"} for n in range(first, first + 1_000)])
        assert await socket.end() == tuple(limits.TOO_MANY_SUBSCRIPTIONS)


async def test_too_many_messages_end_the_connection(door: Door) -> None:
    async with connected(door) as socket:
        for _ in range(200):
            await socket.say(action="ping")
        assert await socket.end() == tuple(limits.TOO_MANY_MESSAGES)


async def test_connections_beyond_the_limit_are_told_why(broker: Settings) -> None:
    async with serving(broker, gateway_connections_max=3, gateway_connections_user_max=2) as door:
        async with (
            connected(door, Who("a")) as one,
            connected(door, Who("a")) as two,
            connected(door, Who("b")) as three,
        ):
            for socket in (one, two, three):
                await socket.hear("welcome")
            async with connected(door, Who("c")) as fourth:
                assert await fourth.end() == tuple(limits.TOO_MANY_CONNECTIONS)
            await three.close()
            await _until(lambda: door.live.connections == 2)
            async with connected(door, Who("a")) as third_of_a:
                assert await third_of_a.end() == tuple(limits.TOO_MANY_OF_USER)
        await _until(lambda: door.live.connections == 0)
        async with connected(door, Who("a")) as again:
            await again.hear("welcome")


async def test_whoever_works_on_this_machine_may_have_half_of_all_connections(broker: Settings) -> None:
    async with serving(broker, gateway_connections_max=6, gateway_connections_user_max=1) as door:
        me = Who("local", is_local=True)
        async with connected(door, me) as one, connected(door, me) as two, connected(door, me) as three:
            for socket in (one, two, three):
                await socket.hear("welcome")
            async with connected(door, me) as fourth:
                assert await fourth.end() == tuple(limits.TOO_MANY_OF_USER)
            async with connected(door, Who("another")) as other:
                await other.hear("welcome")


async def test_access_that_ends_closes_what_is_open(broker: Settings, monkeypatch: Any) -> None:
    good = {"revoked", "expires"}
    async with serving(broker, lambda who, _now: who.token_id in good) as door:
        an_hour_on = time.time_ns() // 1000 + 3_600_000_000
        expires = Who("expires", expires_at=an_hour_on)
        async with connected(door, Who("revoked")) as revoked, connected(door, expires) as short:
            await revoked.hear("welcome")
            await short.hear("welcome")
            good.discard("revoked")
            assert await revoked.end() == tuple(limits.TOKEN_OVER)
            monkeypatch.setattr("gateway.live.live._now_us", lambda: an_hour_on)
            assert await short.end() == tuple(limits.TOKEN_OVER)


async def test_who_sends_a_frame_drop_by_drop_is_closed_for_its_silence(door: Door, monkeypatch: Any) -> None:
    monkeypatch.setattr("gateway.live.protocol.PING_S", 1.0)
    monkeypatch.setattr("gateway.live.protocol.PONG_S", 1.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.url.rpartition(":")[2]))
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    writer.write(b"\x81\xfe\xff\x00" + bytes(4))
    got = b""
    async with asyncio.timeout(20):
        while not got.endswith(limits.NO_PONG.reason.encode()):
            writer.write(b"x")
            with_timeout = asyncio.wait_for(reader.read(10_000), 0.2)
            try:
                got += (piece := await with_timeout)
            except TimeoutError:
                continue
            assert piece, got[-200:]
    writer.close()


async def test_clients_that_never_read_cost_a_bounded_memory_and_delay_nobody(broker: Settings, teller: Teller) -> None:
    stuck_count = 200
    async with serving(broker, gateway_outbox_kb=16) as door:
        stuck = []
        for _ in range(stuck_count):
            reader, writer = await unread(door)
            writer.write(masked(action="subscribe", session_id=teller.session))
            stuck.append((reader, writer))
        async with connected(door) as healthy:
            await healthy.say(action="subscribe", session_id=teller.session)
            await healthy.hear("snapshot")
            sizes = []
            for _ in range(3):
                tasks = [teller.begin(attempts=20) for _ in range(10)]
                for task in tasks:
                    await asyncio.to_thread(task.to_the_end)
                    heard = await healthy.hear_until("task_completed")
                    assert about(heard, task.task_id)[-1] == "task_completed"
                    assert (time.time_ns() // 1000 - heard[-1]["timestamp"]) / 1e6 < 2.0
                sizes.append(psutil.Process().memory_info().rss)
            # What was told to each of them since the first look is some 100 MB.
            assert sizes[-1] - sizes[0] < 25e6, sizes
        for _, writer in stuck:
            writer.transport.abort()
        await _until(lambda: door.live.connections == 0)


@pytest.mark.parametrize("action", ["subscribe", "unsubscribe", "ping"])
async def test_clients_that_ask_and_never_read_cost_a_bounded_memory_and_are_closed(
    broker: Settings, action: str
) -> None:
    """However they ask: they are never silent, and nothing happens that would have to be told to them."""
    names = [{"session_id": f"{n}".ljust(240, "s")} for n in range(90)]
    asked = {"action": action, "ref": "r" * 60} | ({} if action == "ping" else {"to": names})
    async with serving(broker, gateway_outbox_kb=4, gateway_messages_per_s=100_000) as door:
        await _until(lambda: door.live.is_ready)
        stuck = [await unread(door) for _ in range(4)]
        await _until(lambda: door.live.connections == len(stuck))
        clients = list(door.live._connections)
        held = 0
        async with asyncio.timeout(60):
            while not all(client.is_closing for client in clients):
                for _, writer in stuck:
                    writer.write(masked(**asked) * (50 if action == "ping" else 1))
                await asyncio.sleep(0)
                held = max(held, *(_held(client) for client in clients))
        assert [client.closed_with for client in clients] == [limits.TOO_SLOW] * len(stuck)
        # The socket's 16 KB, answers of four times 4 KB and one more, and what a snapshot of 90 names is.
        assert 10_000 < held < 150_000
        await _until(lambda: door.live.connections == 0)
        for _, writer in stuck:
            writer.transport.abort()


async def unread(door: Door) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A WebSocket whose client takes nothing from it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", int(door.url.rpartition(":")[2]), limit=1024)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    return reader, writer


def masked(**message: Any) -> bytes:
    """A message as a client's frame, masked with zeros."""
    body = json.dumps(message).encode()
    size = bytes((0x80 | len(body),)) if len(body) < 126 else b"\xfe" + len(body).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + body


def _held(client: Connection) -> int:
    """Bytes in memory for one client, and as much for what it is still to be shown."""
    waiting = sum(len(str(group)) for group in client.joining.fresh)
    return client.transport.get_write_buffer_size() + (client.outbox.size if client.outbox else 0) + waiting


async def test_a_slow_client_that_reads_again_hears_every_end(broker: Settings, teller: Teller) -> None:
    """Progress may be left out, ends never; and nothing comes twice or out of order."""
    async with serving(broker, gateway_outbox_kb=4) as door, connected(door) as socket:
        await socket.say(action="subscribe", session_id=teller.session)
        await socket.hear("snapshot")
        client = next(iter(door.live._connections))
        real = type(client)._takes.fget
        slow = True
        try:
            type(client)._takes = property(lambda self: not slow and real(self))  # type: ignore[method-assign,assignment]
            tasks = [teller.begin(attempts=3).to_the_end() for _ in range(10)]
            await _until(lambda: door.live.hub is not None and client.joining.resume is not None)
            slow = False
            heard = [await socket.hear()]
            while sum(message["event"] == "task_completed" for message in heard) < len(tasks):
                heard.append(await socket.hear())
        finally:
            type(client)._takes = property(real)  # type: ignore[method-assign,assignment]
    for task in tasks:
        events = about(heard, task.task_id)
        assert [e for e in events if e != "progress_update"] == [
            e for e in [*LIFE[:2], *(LIFE[2:7] * 3), *LIFE[7:]] if e != "progress_update"
        ]


async def _until(condition: Any, timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 (a condition of several parts, without an event of its own)
            await asyncio.sleep(0.02)
