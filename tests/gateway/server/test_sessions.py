"""Sessions counted from the tasks in memory: each once whatever the page, and each tenant's its own."""

import asyncio
from collections import UserDict
from types import SimpleNamespace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.listing import STATUSES
from gateway.server import conversations, sessions
from gateway.server.recent import Check, Recent
from tests.gateway.server.test_recent import fed

TENANTS = ("acme", "globex")
MADE = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(TENANTS), st.integers(0, 5), st.booleans(), st.integers(0, 3)),
    max_size=40,
)


def remembered(made: list[tuple[int, str, int, bool, int]]) -> Recent:
    """Tasks handed in at a time, by a tenant, in a session, ended or not, with so many items."""
    recent = Recent(1000, 1 << 20)
    for number, (at, tenant, session, ends, items) in enumerate(made):
        own = {
            "task_id": f"t-{number}",
            "tenant_id": tenant,
            "session_id": f"s-{session}" if session else f"t-{number}",
        }
        fed(recent, "TaskSubmitted", **own, submitted_at=at)
        for item in range(items):
            fed(recent, "TaskSubmitted", **own | {"task_id": f"t-{number}.{item}"}, parent_id=f"t-{number}")
        if ends:
            fed(recent, "TaskOutcome", **own, cost_usd_micros=7, started_at=at + 1, finished_at=at + 2)
    return recent


@given(MADE, st.integers(1, 5), st.sampled_from([None, *TENANTS]), st.sampled_from([None, "open"]))
@settings(max_examples=100, deadline=None)
def test_each_session_is_on_one_page_and_they_are_by_their_newest_task(
    made: list[tuple[int, str, int, bool, int]], count: int, tenant: str | None, state: str | None
) -> None:
    recent = remembered(made)
    checks: list[Check] = [lambda task: tenant in (None, task.tenant_id)]
    if state:
        checks.append(lambda task: not task.ended)
    wanted = {
        number for number, (_, of, _, ends, _) in enumerate(made) if tenant in (None, of) and not (state and ends)
    }
    newest: dict[tuple[str, str], tuple[int, str]] = {}
    for number in wanted:
        at, of, session, _, _ = made[number]
        key = (of, f"s-{session}" if session else f"t-{number}")
        newest[key] = max(newest.get(key, (-1, "")), (at, f"t-{number}"))
    seen, place = [], None
    while True:
        rows, place = asyncio.run(sessions.page(recent, place, checks, count))
        assert len(rows) <= count
        seen += [(row["tenant_id"], row["session_id"]) for row in rows]
        if place is None:
            break
    assert seen == sorted(newest, key=lambda key: newest[key], reverse=True)


@given(MADE)
@settings(max_examples=50, deadline=None)
def test_a_session_counts_its_own_tasks_without_their_items(made: list[tuple[int, str, int, bool, int]]) -> None:
    recent = remembered(made)
    for tenant in TENANTS:
        for session in range(1, 6):
            own = [one for one in made if one[1] == tenant and one[2] == session]
            told = sessions.summary(recent, (tenant, f"s-{session}"))
            if not own:
                assert told is None
                continue
            assert told is not None
            ended = [at for at, _, _, ends, _ in own if ends]
            assert (told["tasks"], told["open"]) == (len(own), len(own) - len(ended))
            assert sum(told["states"].values()) == len(own)
            assert told["cost_usd_micros"] == 7 * len(ended)
            assert told["started_at"] == min(at for at, *_ in own)
            assert told["newest_at"] == max([at for at, *_ in own] + [at + 2 for at in ended])
            assert tenant in sessions.tenants_of(recent, f"s-{session}")


def test_a_task_without_a_session_of_its_own_is_one() -> None:
    recent = remembered([(5, "acme", 0, False, 2)])
    rows, end = asyncio.run(sessions.page(recent, None, [], 10))
    assert [(row["session_id"], row["tasks"]) for row in rows] == [("t-0", 1)]
    assert end is None
    assert sessions.tenants_of(recent, "t-0") == {"acme"}


SAID = st.tuples(st.integers(0, 60), st.sampled_from(TENANTS), st.integers(0, 4), st.booleans(), st.booleans())


@given(st.lists(SAID, max_size=60), st.integers(2, 60))
@settings(max_examples=150, deadline=None)
def test_what_is_kept_of_sessions_as_tasks_come_and_go_is_what_counting_them_would_tell(
    made: list[tuple[int, str, int, bool, bool]], tasks_max: int
) -> None:
    recent = Recent(tasks_max, 1 << 20)
    for number, (at, tenant, session, is_said, ends) in enumerate(made):
        # The tasks of some sessions are named as the session is, whichever of them comes first.
        name = f"chat-{session}" if is_said else f"s-{session}"
        task_id = name if number % 7 == 0 else f"t-{number}"
        if task_id in recent.tasks:
            continue
        own = {"task_id": task_id, "tenant_id": tenant, "session_id": name}
        fed(recent, "TaskSubmitted", **own, submitted_at=at)
        fed(recent, "RoutingDecision", **own, agent_id=f"agent-{number % 3}")
        if ends:
            fed(recent, "TaskOutcome", **own, agent_id=f"agent-{number % 2}", started_at=at, finished_at=at + 1)
        recent.clear_up()
    for tenant in TENANTS:
        talks = {}
        for key in {(task.tenant_id, task.session_id) for task in recent.tasks.values() if task.tenant_id == tenant}:
            own_tasks = [task for task in recent.tasks.values() if (task.tenant_id, task.session_id) == key]
            told = sessions.summary(recent, key)
            assert told is not None
            assert told["tasks"] == len(own_tasks) == len(list(recent.of_session(*key)))
            assert told["open"] == sum(task.state not in STATUSES for task in own_tasks)
            assert told["agents"] == sorted({task.agent_id for task in own_tasks if task.agent_id is not None})
            assert told["started_at"] == min(task.submitted_at for task in own_tasks)
            if recent.sessions.find(*key) and any(task.in_talk for task in own_tasks):
                talks[key[1]] = max(task.submitted_at for task in own_tasks)
        found = list(recent.sessions.talks(tenant, None))
        assert found == sorted(((at, name) for name, at in talks.items()), reverse=True)


class Watched(UserDict[str, Any]):
    """Counts how often something in it is looked at."""

    looks = 0

    def __getitem__(self, key: str) -> Any:
        self.looks += 1
        return super().__getitem__(key)


async def test_a_page_of_conversations_costs_the_same_however_many_tasks_are_in_memory() -> None:
    recent = Recent(10_000, 1 << 30)
    for number in range(3_000):
        own = {"task_id": f"t-{number}", "tenant_id": "acme", "session_id": f"chat-{number % 300}"}
        fed(recent, "TaskSubmitted", **own, submitted_at=number + 1)
    watched = Watched(recent.tasks)
    recent.tasks = watched  # type: ignore[assignment]
    services: Any = SimpleNamespace(recent=recent, older=SimpleNamespace(there=False))
    seen, cursor = [], None
    while True:
        watched.looks = 0
        rows, cursor = await conversations.listed(services, "acme", cursor, 50)
        assert watched.looks <= 50
        assert {row["turns"] for row in rows} == {10}
        seen += [row["conversation_id"] for row in rows]
        if cursor is None:
            break
    assert sorted(seen) == sorted(f"chat-{number}" for number in range(300))
