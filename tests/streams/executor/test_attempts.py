"""The attempts in hand, without a broker: what is started, refused, stopped, told, and when an offset is done."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from infra.settings import Settings
from schemas.codec import encode
from streams.executor.attempts import Attempts
from streams.executor.clock import now_us
from streams.executor.intake import Start
from streams.executor.reports import Identity
from streams.executor.work import Answer, Permanent, Retryable, Work
from tests.support.world import submission


class FakeMessage:
    def __init__(self, offset: int, value: bytes | None, partition: int = 0) -> None:
        self._offset, self._value, self._partition = offset, value, partition

    def partition(self) -> int:
        return self._partition

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes:
        return b"key"

    def value(self) -> bytes | None:
        return self._value


class FakeOutbox:
    """Holds reports until the test lets the broker have them."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []
        self.told: list[dict[str, Any]] = []
        self._waiting: list[Callable[[], None]] = []

    def send(self, topic: str, key: str, event: str, value: Any, trace: Any, delivered: Callable[[], None]) -> None:
        encode(event, value)
        self.sent.append((topic, value))
        self._waiting.append(delivered)

    def tell(self, topic: str, key: str, event: str, value: Any, trace: Any = None) -> None:
        encode(event, value)
        self.told.append(value)

    def deliver(self) -> None:
        waiting, self._waiting = self._waiting, []
        for delivered in waiting:
            delivered()

    def kinds(self) -> list[str]:
        return [value["kind"] for topic, value in self.sent if topic == "tasks.results"]


class FakeRegistry:
    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {"a": {"agent_id": "a", "runner": "simulated"}}
        self.definitions["x"] = {"agent_id": "x", "runner": "external"}

    async def find(self, agent_id: str, wait_s: float) -> Any:
        return self.definitions.get(agent_id)


class Scripted:
    """An agent that does what the test wants: waits for `go`, then answers or raises."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.error: Exception | None = None
        self.output = "done"
        self.started = 0

    async def run(self, work: Work) -> Answer:
        self.started += 1
        await self.go.wait()
        if self.error is not None:
            raise self.error
        return Answer(self.output, "model", 1, 2, 3)

    def of(self, definition: Any) -> "Scripted":
        return self


class Scene:
    def __init__(self, **settings: Any) -> None:
        self.outbox, self.agent = FakeOutbox(), Scripted()
        self.moves: list[dict[int, int]] = []
        self.attempts = Attempts(
            Settings(**settings),
            Identity("host-0", "life"),
            self.outbox,  # type: ignore[arg-type]
            FakeRegistry(),  # type: ignore[arg-type]
            self.agent,  # type: ignore[arg-type]
            self.moves.append,
        )
        self.attempts.assigned({0: Start(0, 0, 0, closed=False)})

    def take(self, offset: int, task_id: str, **over: Any) -> None:
        self.attempts.take([FakeMessage(offset, encode("TaskAssigned", assignment(task_id, **over)))])

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    @property
    def position(self) -> int:
        return self.attempts.watermarks[0].position


def assignment(task_id: str, **over: Any) -> dict[str, Any]:
    return {
        "event_id": f"{task_id}/1/run",
        "task_id": task_id,
        "session_id": "s",
        "tenant_id": "t",
        "kind": "run",
        "attempt": 1,
        "instance_id": "a-0",
        "agent_id": "a",
        "pool": "a",
        "skill": "light",
        "assigned_at": now_us(),
        "timeout_ms": 60_000,
        "task": encode("TaskSubmitted", submission(task_id)),
    } | over


async def test_an_offset_is_done_only_when_the_broker_has_the_result() -> None:
    scene = Scene()
    scene.take(0, "one")
    scene.agent.go.set()
    await scene.settle()
    assert scene.outbox.kinds() == ["completed"]
    assert scene.position == 0 and scene.attempts.in_hand
    scene.outbox.deliver()
    assert scene.position == 1 and not scene.attempts.in_hand


async def test_a_repeat_is_ignored_and_its_offset_done_with_the_run() -> None:
    scene = Scene()
    scene.take(0, "one")
    scene.take(1, "one")
    await scene.settle()
    assert scene.agent.started == 1 and scene.position == 0
    scene.agent.go.set()
    await scene.settle()
    scene.outbox.deliver()
    assert scene.outbox.kinds() == ["completed"] and scene.position == 2
    assert scene.attempts.settled == 2


async def test_what_an_earlier_life_had_read_is_told_as_lost() -> None:
    scene = Scene()
    scene.attempts.assigned({0: Start(5, 5, 8, closed=False)})
    scene.take(5, "old")
    scene.take(7, "old-cancel", kind="cancel")
    scene.take(8, "new")
    await scene.settle()
    assert scene.outbox.kinds() == ["lost"] and scene.agent.started == 1


async def test_after_an_orderly_end_what_waited_is_run_unless_its_lease_is_over() -> None:
    scene = Scene(lease_s=10.0)
    scene.attempts.assigned({0: Start(5, 5, 8, closed=True)})
    scene.take(5, "fresh")
    scene.take(6, "stale", assigned_at=now_us() - 11_000_000)
    await scene.settle()
    assert scene.outbox.kinds() == ["lost"] and scene.agent.started == 1


async def test_a_partition_that_comes_back_finds_its_work_in_hand() -> None:
    scene = Scene()
    scene.take(0, "one")
    await scene.settle()
    scene.attempts.revoked({0: 1})
    scene.attempts.assigned({0: Start(0, 0, 1, closed=False)})
    scene.take(0, "one")
    await scene.settle()
    assert scene.agent.started == 1 and scene.outbox.kinds() == []
    scene.agent.go.set()
    await scene.settle()
    scene.outbox.deliver()
    assert scene.position == 1 and scene.attempts.settled == 2


async def test_after_an_outage_the_watermark_still_waits_for_what_is_in_hand() -> None:
    """Nobody had the partition since: reading goes on where it was, and the offset of the run is still open."""
    scene = Scene()
    scene.take(0, "quick")
    scene.take(1, "slow")
    await scene.settle()
    scene.attempts.revoked({0: 2})
    scene.attempts.assigned({0: Start(2, 0, 3, closed=True)})
    scene.take(2, "next")
    assert scene.position == 0
    scene.agent.go.set()
    await scene.settle()
    scene.outbox.deliver()
    assert scene.outbox.kinds() == ["completed"] * 3 and scene.position == 3


async def test_a_cancel_stops_the_run_in_hand() -> None:
    scene = Scene()
    scene.take(0, "one")
    await scene.settle()
    scene.take(1, "one", kind="cancel", reason="changed my mind")
    await scene.settle()
    (_, result), *_ = scene.outbox.sent
    assert (result["kind"], result["error"]) == ("cancelled", "changed my mind")


async def test_a_cancel_before_the_first_step_stops_it_too() -> None:
    scene = Scene()
    scene.take(0, "one")
    scene.take(1, "one", kind="cancel")
    await scene.settle()
    assert scene.outbox.kinds() == ["cancelled"] and scene.agent.started == 0


async def test_a_full_host_holds_runs_back_and_hears_their_cancel() -> None:
    scene = Scene(in_hand_max=1)
    for n in range(3):
        scene.take(n, f"task-{n}")
    scene.take(3, "task-1", kind="cancel")
    await scene.settle()
    assert scene.agent.started == 1 and scene.outbox.kinds() == ["cancelled"]
    scene.agent.go.set()
    await scene.settle()
    assert scene.agent.started == 2 and scene.outbox.kinds() == ["cancelled", "completed", "completed"]


async def test_time_is_up() -> None:
    scene = Scene()
    scene.take(0, "late", deadline_at=now_us() - 1)
    scene.take(1, "long", timeout_ms=1)
    await asyncio.wait_for(asyncio.gather(*[a.task for a in scene.attempts.in_hand.values() if a.task]), 5)
    assert scene.outbox.kinds() == ["expired", "failed"]
    assert scene.outbox.sent[1][1]["error"] == "timed out after 0.001 s"


@pytest.mark.parametrize(
    ("error", "retryable", "retry_after_ms"),
    [(Retryable("later", 500), True, 500), (Permanent("never"), False, None), (ValueError("a bug"), True, None)],
)
async def test_errors_say_whether_to_try_again(error: Exception, retryable: bool, retry_after_ms: int | None) -> None:
    scene = Scene()
    scene.agent.error = error
    scene.agent.go.set()
    scene.take(0, "one")
    await scene.settle()
    (_, result), *_ = scene.outbox.sent
    assert result["kind"] == "failed" and str(error) in result["error"]
    assert (result["retryable"], result["retry_after_ms"]) == (retryable, retry_after_ms)


async def test_an_answer_that_is_no_text_or_too_long_still_leaves() -> None:
    scene = Scene(text_bytes_max=300)
    scene.agent.output = "broken \ud800 half" + "é" * 1000
    scene.agent.go.set()
    scene.take(0, "one")
    await scene.settle()
    (_, result), *_ = scene.outbox.sent
    assert result["kind"] == "completed" and len(result["output"].encode()) <= 300


async def test_external_agents_and_unknown_ones() -> None:
    scene = Scene()
    scene.take(0, "outside", agent_id="x")
    assert scene.position == 1 and not scene.attempts.in_hand
    scene.take(1, "unknown", agent_id="nobody")
    await scene.settle()
    (_, result), *_ = scene.outbox.sent
    assert "not in the registry" in result["error"] and result["retryable"]


@pytest.mark.parametrize(
    "value", [None, b"", b"\x00\x00\x00\x00\x03\xff\xff", b"x" * 50, encode("TaskSubmitted", submission("t"))]
)
async def test_bad_messages_are_set_aside_whole(value: bytes | None) -> None:
    scene = Scene()
    scene.attempts.take([FakeMessage(0, value)])
    (topic, letter), *_ = scene.outbox.sent
    assert (topic, letter["payload"], letter["offset"]) == ("dead.letters", value or b"", 0)
    assert scene.position == 0
    scene.outbox.deliver()
    assert scene.position == 1


async def test_a_draining_host_starts_nothing_and_tells_the_rest_as_lost() -> None:
    scene = Scene()
    scene.take(0, "in hand")
    await scene.settle()
    scene.attempts.draining = True
    scene.take(1, "too late")
    assert scene.outbox.kinds() == ["lost"]
    scene.attempts.cancel_rest()
    await scene.settle()
    assert scene.outbox.kinds() == ["lost", "lost"]
