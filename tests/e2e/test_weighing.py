"""Weights on a real line: people's words of a day become a weight, once, and the router counts with it."""

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import headway
from infra import kafka, registry
from infra.registry import WEIGHTS
from infra.settings import Settings, as_env
from processors.weighing.day import Day, over
from schemas.codec import decode_as, encode
from schemas.events import AgentWeight
from streams.weighing import SAMPLES, SETTLE_US, Weighing
from tests.support.running import running_line, running_service, settings_in
from tests.support.samples import feedback, sample
from tests.support.waiting import until
from tests.support.weighing import weight
from tests.support.world import submission

pytestmark = pytest.mark.e2e

TASKS = 40
DAY_US = 86_400_000_000
NONSENSE = b"nonsense"
AGENT = """---
description: {name} weighs letters.
capabilities: [letter_weighing]
instances: 2
---
Weigh the letter.
"""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A line with two agents that do the same work equally well."""
    folder = tmp_path_factory.mktemp("weights")
    agents = folder / "agents"
    agents.mkdir()
    for name in ("scales-a", "scales-b"):
        (agents / f"{name}.md").write_text(AGENT.format(name=name))
    made = settings_in(folder / "state", joiners=1, explore=0.0, sim_failure_rate=0.0, agents_dir=str(agents))
    with running_line(made) as settings:
        yield settings


def events(settings: Settings, topic: str, event: str) -> list[Any]:
    values = [message.value() for message in kafka.read_all(settings, topic)]
    return [decode_as(event, value) for value in values if value != NONSENSE]


def hand_in(settings: Settings, count: int = TASKS) -> str:
    """The session of the tasks."""
    session, producer = uuid.uuid4().hex[:8], kafka.producer(settings)
    for number in range(count):
        task = submission(f"{session}-{number}", session_id=session, skill="letter_weighing", text="Weigh this letter")
        producer.produce("tasks.submitted", encode("TaskSubmitted", task), session.encode())
    assert producer.flush(10) == 0
    return session


def decisions(settings: Settings, session: str, count: int = TASKS) -> list[Any]:
    def there() -> Sequence[Any]:
        found = events(settings, "routing.decisions", "RoutingDecision")
        mine = [one for one in found if one["session_id"] == session]
        return mine if len(mine) == count else []

    return list(until(there, 60, "all are decided"))


def samples(settings: Settings, session: str, revision: int, count: int = TASKS) -> list[Any]:
    def there() -> Sequence[Any]:
        found = events(settings, "training.samples", "TrainingSample")
        mine = [one for one in found if one["session_id"] == session and one["revision"] == revision]
        return mine if len(mine) == count else []

    return list(until(there, 60, f"all samples of revision {revision} are there"))


def share(decided: Sequence[Any]) -> float:
    return Counter(one["agent_id"] for one in decided)["scales-a"] / len(decided)


def chance(decided: Sequence[Any]) -> float:
    """How likely such tasks were to go to scales-a, by the propensities told."""
    mine = [one["propensity"] if one["agent_id"] == "scales-a" else 1 - one["propensity"] for one in decided]
    return sum(mine) / len(mine)


def command(settings: Settings, *arguments: str) -> str:
    done = CliRunner().invoke(headway, arguments, env=as_env(settings) | {"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    return done.output


def all_weights(settings: Settings, who: str) -> list[AgentWeight]:
    return [one for one in events(settings, WEIGHTS, "AgentWeight") if one["agent_id"].startswith(who)]


def test_the_monitor_reckons_the_day_before_when_it_starts(own: Settings) -> None:
    yesterday, producer = Day(over(time.time_ns() // 1000 - SETTLE_US)), kafka.producer(own)
    for number in range(20):
        over_all: Any = {"agent_id": f"past-{'ab'[number % 2]}", "at": yesterday.span[0] + number}
        said = sample(f"past-{number}", feedback=("negative", "positive")[number % 2], **over_all)
        producer.produce(SAMPLES, encode("TrainingSample", said), said["task_id"].encode())
    producer.produce(SAMPLES, NONSENSE, b"nonsense")
    assert producer.flush(10) == 0
    with running_service(own, "monitor", 7):
        written = until(lambda: all_weights(own, "past"), 30, "the weights are there")
    assert [(one["agent_id"], one["weight"] < 1) for one in written] == [("past-a", True), ("past-b", False)]
    assert {one["day"] for one in written} == {yesterday.day.isoformat()}


def test_what_people_say_moves_the_weight_once_after_midnight_and_the_router_counts_with_it(own: Settings) -> None:
    session = hand_in(own)
    first, producer = decisions(own, session), kafka.producer(own)
    before = share(first)
    assert 0.2 < before < 0.8 and chance(first) == pytest.approx(0.5), "they share the work"
    for one in samples(own, session, 0):
        kind = "negative" if one["agent_id"] == "scales-a" else "positive"
        said = feedback(one["task_id"], kind, at=time.time_ns() // 1000, session_id=session)
        producer.produce("feedback.given", encode("FeedbackGiven", said), session.encode())
    assert producer.flush(10) == 0
    day = Day(over(samples(own, session, 1)[-1]["at"] + DAY_US))

    settled = day.span[1] + SETTLE_US
    assert not Weighing(own, lambda: settled - 1).look(), "the day is not settled"
    pair, together = [Weighing(own, lambda: settled) for _ in range(2)], Barrier(2)

    def look(one: Weighing) -> Sequence[AgentWeight]:
        together.wait()
        return one.look()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(bool(made) for made in pool.map(look, pair)) == [False, True]
    assert not Weighing(own, lambda: settled + DAY_US // 2).look(), "a new start knows that it is done"
    written = all_weights(own, "scales")
    made = {one["agent_id"]: one for one in written}
    assert len(written) == 2 and {one["day"] for one in written} == {day.day.isoformat()}
    low, high = made["scales-a"], made["scales-b"]
    assert 1 / 1.1 <= low["weight"] < 0.95 and 1.05 < high["weight"] <= 1.1
    assert (low["good"], low["bad"], low["runs"]) == (0, round(before * TASKS), round(before * TASKS))

    def tells() -> Any:
        [one] = decisions(own, hand_in(own, 1), 1)
        return "weight" in one["candidates"][0]["reason"] and one

    reasons = {one["agent_id"]: one["reason"] for one in until(tells, 30, "the router knows")["candidates"]}
    assert f"weight {low['weight']:.2f} (of {low['day']}: people called 0 good, {low['bad']} bad" in reasons["scales-a"]
    of_equals = low["weight"] / (low["weight"] + high["weight"])
    assert chance(decisions(own, hand_in(own))) <= of_equals + 1e-6 < 0.48
    assert f"weight {low['weight']:.2f}" in command(own, "route", "Weigh this", "--skill", "letter_weighing", "--json")
    assert f"{low['weight']:.2f}" in command(own, "agents")
    assert low["reason"] in command(own, "agents", "show", "scales-a", "--json")


def test_a_person_sets_a_weight_and_the_day_is_not_reckoned_again(own: Settings) -> None:
    now = time.time_ns() // 1000
    Weighing(own, lambda: now + 10 * DAY_US).look()
    assert "scales-a weighs 0.80" in command(own, "agents", "weight", "scales-a", "0.8")
    known = registry.newest(own, WEIGHTS)["scales-a"]
    assert (known["weight"], known["reason"][:7]) == (0.8, "Set by ")
    assert not Weighing(own, lambda: now + 10 * DAY_US).look()
    after = Weighing(own, lambda: now + 11 * DAY_US).look()
    assert {one["agent_id"]: one["before"] for one in after}["scales-a"] == 0.8
    for wrong in ("0.4", "2.1", "nan"):
        assert CliRunner().invoke(headway, ["agents", "weight", "scales-a", wrong], env=as_env(own)).exit_code == 2
    assert CliRunner().invoke(headway, ["agents", "weight", "nobody", "1"], env=as_env(own)).exit_code != 0


def test_a_dry_run_is_told_and_not_used_and_off_is_silent(broker: Settings) -> None:
    producer = kafka.producer(broker)
    standing = weight("weighed-dry", 0.6, applied=False, day="2026-01-01")
    producer.produce(WEIGHTS, encode("AgentWeight", standing), b"weighed-dry")
    assert producer.flush(10) == 0
    now = time.time_ns() // 1000
    off = Weighing(replace(broker, weights="off"), lambda: now)
    off.start()
    dry = Weighing(replace(broker, weights="dry_run"), lambda: now)
    made = {one["agent_id"]: one for one in dry.look()}["weighed-dry"]
    assert (made["before"], made["applied"]) == (0.6, False) and 0.6 < made["weight"] <= 0.66
    on = {one["agent_id"]: one for one in Weighing(broker, lambda: now + DAY_US).look()}["weighed-dry"]
    assert (on["before"], on["applied"]) == (1.0, True), "what was only told counts from 1"
