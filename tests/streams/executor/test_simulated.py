"""The simulated agent: the experiment's mix of times, seeded spread and failures."""

import asyncio
import time
from typing import Any

import pytest

from infra.settings import Settings
from streams.executor.agents.simulated import SECONDS, Simulated
from streams.executor.work import Permanent, Retryable
from tests.streams.executor.test_work import Told, work_with

QUICK: dict[str, Any] = {"sim_speed": 1e9, "sim_failure_rate": 0.0}


async def test_it_quotes_the_task_at_once_when_speed_is_no_matter() -> None:
    told = Told()
    answer = await Simulated().run(work_with(told, settings=Settings(**QUICK)))
    assert "Write a haiku about queues" in answer.output
    assert answer.cost_usd_micros == 0
    assert told.told == []


async def test_the_mix_of_times_within_its_spread(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    for skill, seconds in [*SECONDS.items(), ("light", 5.0), ("anything", 5.0)]:
        slept.clear()
        work = work_with(Told(), settings=Settings(sim_speed=1.0, sim_failure_rate=0.0))
        work.assigned["skill"] = skill
        await Simulated().run(work)
        assert 0.8 * seconds <= sum(slept) <= 1.2 * seconds


async def test_longer_work_tells_how_far_it_is() -> None:
    told = Told()
    started = time.monotonic()
    await Simulated().run(work_with(told, settings=Settings(sim_speed=8.0, sim_failure_rate=0.0)))
    assert time.monotonic() - started > 0.4
    assert [kind for kind, _, _ in told.told] == ["progress"] * 4
    fractions = [fraction or 0 for _, fraction, _ in told.told]
    assert fractions == sorted(fractions)


async def test_failures_are_seeded_and_mostly_retryable() -> None:
    settings = Settings(sim_speed=1e9, sim_failure_rate=0.3, sim_seed=3)
    first, second = [await failures(settings), await failures(settings)]
    assert first == second
    assert 0.2 < len(first) / 1000 < 0.4
    assert 0.02 < list(first.values()).count(Permanent) / len(first) < 0.2
    assert first != await failures(Settings(sim_speed=1e9, sim_failure_rate=0.3, sim_seed=4))


async def failures(settings: Settings) -> dict[str, type[Exception]]:
    agent, found = Simulated(), {}
    for n in range(1000):
        work = work_with(Told(), settings=settings)
        work.assigned["task_id"] = f"task-{n}"
        try:
            await agent.run(work)
        except (Retryable, Permanent) as error:
            found[f"task-{n}"] = type(error)
    return found


async def test_who_can_do_what_is_as_the_settings_say_and_stays_so_for_a_task() -> None:
    settings, agent = (
        Settings(**QUICK, sim_success={"quick-helper/haiku": 0.3, "somebody-else/haiku": 0.0001}),
        Simulated(),
    )
    able = 0
    for n in range(1000):
        said = []
        for attempt in (1, 2):
            work = work_with(Told(), settings=settings)
            work.assigned["task_id"], work.assigned["attempt"] = f"t-{n}", attempt
            work.assigned["agent_id"] = "quick-helper"
            try:
                await agent.run(work)
                said.append(True)
            except Permanent:
                said.append(False)
        assert said[0] == said[1]
        able += said[0]
    assert 0.25 < able / 1000 < 0.35
