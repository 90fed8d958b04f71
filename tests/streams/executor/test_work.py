"""What an agent is given: durable steps, and progress that does not flood."""

import asyncio
from typing import Any

import pytest

from infra.settings import DEFAULTS, Settings
from schemas.events import Step
from streams.executor.work import Answer, Work
from tests.support.world import submission


class Told:
    """A Reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float | None, str]] = []
        self.steps: list[Step] = []

    def tell(self, work: Work, kind: str, fraction: float | None, message: str) -> None:
        self.told.append((kind, fraction, message))

    async def step_finished(self, work: Work, step: Step) -> None:
        self.steps.append(step)


def work_with(told: Told, steps: list[Any] | None = None, settings: Settings = DEFAULTS) -> Work:
    assigned: Any = {"steps": steps or [], "task_id": "t", "attempt": 1, "skill": "light", "feedback": None}
    definition: Any = {"agent_id": "a"}
    task: Any = submission("t")
    return Work(assigned, task, definition, settings, told)


async def buy() -> Answer:
    return Answer("an answer", "a-model", 10, 20, 30)


async def test_a_step_is_reported_with_its_cost() -> None:
    told = Told()
    work = work_with(told)
    answer = await work.step("answer", buy)
    assert answer == Answer("an answer", "a-model")
    (step,) = told.steps
    assert (step["name"], step["output"], step["cost_usd_micros"]) == ("answer", "an answer", 30)
    assert work.spending.collect() == {"tokens_in": 10, "tokens_out": 20, "cost_usd_micros": 30}
    assert work.spending.collect() == {"tokens_in": 0, "tokens_out": 0, "cost_usd_micros": 0}


async def test_a_step_of_an_earlier_attempt_is_not_bought_again() -> None:
    told = Told()
    work = work_with(told, [{"name": "answer", "output": "paid for", "model": "a-model"}])

    async def never() -> Answer:
        raise AssertionError("bought twice")

    assert await work.step("answer", never) == Answer("paid for", "a-model")
    assert told.steps == [] and work.reused == 1
    assert work.spending.collect()["cost_usd_micros"] == 0


async def test_text_that_comes_fast_travels_together_and_whole() -> None:
    told = Told()
    work = work_with(told)
    pieces = [f"{n} " for n in range(100)]
    loop = asyncio.get_running_loop()
    started = loop.time()
    for piece in pieces:
        await work.text(piece)
        await asyncio.sleep(0.002)
    work.close()
    texts = [message for kind, _, message in told.told if kind == "text"]
    assert "".join(texts) == "".join(pieces)
    assert len(texts) <= (loop.time() - started) / 0.1 + 2


async def test_progress_that_comes_too_often_is_dropped() -> None:
    told = Told()
    work = work_with(told)
    for n in range(50):
        await work.progress(n / 50, "")
    assert len(told.told) == 1


async def test_a_failing_step_is_not_reported() -> None:
    told = Told()

    async def fail() -> Answer:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await work_with(told).step("answer", fail)
    assert told.steps == []


@pytest.mark.parametrize(
    ("task", "decided", "agent", "model"),
    [
        ("by-task", "by-router", "by-file", "by-task"),
        (None, "by-router", "by-file", "by-router"),
        (None, None, "by-file", "by-file"),
        (None, None, None, "by-default"),
    ],
)
def test_the_task_names_its_model_then_the_router_then_the_agents_file_then_the_line(
    task: str | None, decided: str | None, agent: str | None, model: str
) -> None:
    assigned: Any = {"steps": [], "model": decided}
    definition: Any = {"model": agent}
    given: Any = submission("t", model=task)
    assert Work(assigned, given, definition, Settings(model_default="by-default"), Told()).model == model
