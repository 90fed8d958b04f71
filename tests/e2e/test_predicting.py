"""Predictions on a real broker: from what ended to what is expected, the alert before the load, and the suggestion."""

import time
from dataclasses import replace
from typing import Any

import pytest

from gateway.history import newest_by_key, read
from infra import kafka, registry, rule_file
from infra.settings import Settings
from processors.scaling.history import DAY_S
from schemas.codec import encode
from streams import predicting
from streams.foresight import DAYS, OUTCOMES
from tests.e2e.test_scaling import monitor, write
from tests.support.alerts import outcome
from tests.support.scaling import S, definition, status
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

AGENT = "foreseen"
QUARTER_S = 6 * 3600


def three_days(settings: Settings, tasks: int, agent_id: str = AGENT) -> None:
    """Tasks of six hours, so many at a time, that ended up to now."""
    producer, now_s = kafka.producer(settings), time.time_ns() // 1_000_000_000
    for number in range(12 * tasks):
        ended_s = now_s - 60 - number // tasks * QUARTER_S
        began, name = (ended_s - QUARTER_S) * S, f"{agent_id}-{number}"
        one = outcome(number, ended_s * S, agent_id=agent_id, started_at=began, task_id=name)
        producer.produce(OUTCOMES, encode("TaskOutcome", one), one["session_id"].encode())
    assert producer.flush(20) == 0


def test_a_load_that_comes_every_hour_is_told_before_it_is_there(
    broker: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predicting, "PERIOD_S", 0.3)
    three_days(broker, tasks=36)
    write(broker, registry.AGENTS, "AgentDefinition", AGENT, definition(AGENT, 4, capabilities=["foreseeing"]))
    quiet = status(AGENT, running=10, slots=40, instances=4, load_score=25.0, at=time.time_ns() // 1000)
    write(broker, registry.POOLS, "PoolStatus", AGENT, quiet)
    [rule] = [rule_file.FORM.parse(path) for path in rule_file.SHIPPED.glob("busy-soon.md")]
    write(broker, registry.RULES, "AlertRule", rule["rule"], {**rule, "for_s": 0.0, "actions": []})

    def told() -> dict[str, Any] | None:
        found = (record.event for record in read(broker, predicting.PREDICTIONS))
        return next((one for one in found if one["agent_id"] == AGENT and one["expected"] is not None), None)

    def alert() -> dict[str, Any] | None:
        return newest_by_key(broker, registry.ALERTS).get(f"busy-soon/pool/{AGENT}".encode())

    with monitor(replace(broker, scaling="off"), monkeypatch):
        made = until(told, 40, "the load is predicted")
        fired = until(alert, 20, "the alert fires")
    write(broker, registry.RULES, "AlertRule", rule["rule"], {**rule, "removed": True})
    assert made["load"] == 25.0
    assert made["expected"] == pytest.approx(90.0, abs=2.0) and made["low"] <= made["expected"] <= made["high"]
    assert made["at"] < made["expected_at"] + 600 * S < made["until_at"] + 600 * S
    assert f"`headway fleet scale {AGENT} 6`" in made["suggestion"]
    assert (fired["state"], fired["severity"]) == ("firing", "info")
    assert made["suggestion"] in fired["evidence"] and "at most 85" in fired["evidence"]


def test_days_are_told_once_and_known_after_a_restart(broker: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    agent_id, now = f"{AGENT}-by-days", time.time_ns() // 1000
    three_days(broker, 2, agent_id)
    write(broker, registry.AGENTS, "AgentDefinition", agent_id, definition(agent_id, 1))

    def told() -> list[dict[str, Any]]:
        events = [record.event for record in read(broker, DAYS)]
        return [event for event in events if event["agent_id"] == agent_id]

    with monitor(replace(broker, scaling="off"), monkeypatch):
        first = until(told, 30, "days that are over are told")
    assert max(first[-1]["peaks"]) == pytest.approx(2.0) and len(first[-1]["peaks"]) * first[-1]["step_s"] == DAY_S
    long_ago = (now // (DAY_S * S) - 15) * DAY_S
    write(broker, DAYS, "LoadDay", agent_id, first[-1] | {"day_at": long_ago * S})
    with monitor(replace(broker, scaling="off"), monkeypatch) as another:
        known = another._foresight._history
        until(lambda: long_ago in known.peaks([agent_id])[agent_id], 30, "the day is known")
        until(lambda: another._foresight._days_due > now, 10, "it has told what was to be told")
    assert len(told()) == len(first) + 1, "no day twice"
