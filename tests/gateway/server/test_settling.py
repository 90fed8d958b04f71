"""Who is told of a message by the live side finds it in the conversation, though memory reads by itself."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.live.order import Read
from gateway.live.tasks import Tasks
from gateway.server import conversations
from gateway.server.keys import LastSaid
from gateway.server.recent import Recent
from tests.gateway.live.log import story
from tests.gateway.server.test_recent import fed

SUBMITTED_AT = 7
EVENTS = [
    (topic, name, event | ({"submitted_at": SUBMITTED_AT} if "submitted_at" in event else {}))
    for topic, name, event in story("t-1", "talk", "acme", 1)
]


@pytest.fixture
def hub() -> Any:
    return SimpleNamespace(tasks=Tasks(100))


@pytest.fixture
def services() -> Any:
    following = SimpleNamespace(freshness=SimpleNamespace(caught_up=True))
    return SimpleNamespace(recent=Recent(100, 1 << 20), following=following, said=LastSaid())


def tell(hub: Any, count: int) -> None:
    for n, (_, name, event) in enumerate(EVENTS[:count]):
        hub.tasks.see(Read(0, n, 0, name, event))


def read(services: Any, first: int, last: int) -> None:
    for topic, name, event in EVENTS[first:last]:
        fed(services.recent, name, topic, **event)


async def settles(services: Any, hub: Any, within_s: float) -> bool:
    settling = asyncio.ensure_future(conversations.settle(services, hub, "acme", "talk"))
    done, _ = await asyncio.wait([settling], timeout=within_s)
    settling.cancel()
    return bool(done)


AT_ONCE_S = conversations.SETTLE_S / 2


async def test_a_message_that_was_told_is_waited_for_until_it_is_read(services: Any, hub: Any) -> None:
    tell(hub, 1)
    assert not await settles(services, hub, 0.05)
    read(services, 0, 1)
    assert await settles(services, hub, AT_ONCE_S)


async def test_an_end_that_was_told_is_waited_for_until_it_is_read(services: Any, hub: Any) -> None:
    tell(hub, len(EVENTS))
    read(services, 0, 1)
    assert not await settles(services, hub, 0.05)
    read(services, 1, len(EVENTS))
    assert await settles(services, hub, AT_ONCE_S)


async def test_a_message_that_is_older_than_memory_is_not_waited_for(services: Any, hub: Any) -> None:
    tell(hub, len(EVENTS))
    services.recent.floor = SUBMITTED_AT
    assert await settles(services, hub, AT_ONCE_S)
