"""The autoscaler on a real broker: what it decides gets to the fleet when it is on, and is only told in a dry run."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from confluent_kafka import Producer

from gateway.cli.scaling import decisions, newest
from infra import fleet, kafka, registry
from infra.settings import Settings, as_env
from processors import placing
from processors.scaling.history import STEP_S
from processors.scaling.hosts import FULL
from schemas.codec import encode
from streams import foresight, scaling
from streams.acting import Wish, scale_out
from streams.monitor import Monitor
from tests.support.alerts import alert, outcome
from tests.support.executor import host_settings, running_host
from tests.support.scaling import T0, S, beat, definition, status, wish
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


def write(settings: Settings, topic: str, event: str, key: str, value: Any) -> None:
    producer: Producer = kafka.producer(settings)
    producer.produce(topic, encode(event, value), key.encode())
    assert producer.flush(10) == 0


def introduce(settings: Settings, agent_id: str, count: int, **over: Any) -> None:
    """An agent and its pool, which has far more work than it can do."""
    write(settings, registry.AGENTS, "AgentDefinition", agent_id, definition(agent_id, count))
    busy = {"waiting": 300, "oldest_wait_ms": 90_000, "running": 10, "at": time.time_ns() // 1000} | over
    write(settings, registry.POOLS, "PoolStatus", agent_id, status(agent_id, **busy))


@contextmanager
def monitor(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitor]:
    """In a thread, with ten looks of the autoscaler a second."""
    monkeypatch.setattr(scaling, "PERIOD_S", 0.1)
    monkeypatch.setattr("streams.monitor.LOOK_S", 0.1)
    monkeypatch.setattr("streams.monitor.signal.signal", lambda *_: None)  # a thread may set none
    made = Monitor(settings)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made._stopping.set()
        thread.join()


@pytest.mark.parametrize("mode", ["on", "dry_run"])
def test_a_decision_gets_to_the_fleet_when_the_autoscaler_is_on_and_only_then(
    broker: Settings, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    agent_id = f"scaled-{mode.replace('_', '-')}"
    settings = replace(broker, scaling=mode, zones=("a", "b"), fleet_max=10_000)
    introduce(settings, agent_id, 2)
    for zone in settings.zones:
        one = beat(f"scaled-{zone}", time.time() + 20 - T0, zone=zone, **{agent_id: 0})
        write(settings, "agents.heartbeats", "AgentHeartbeat", agent_id, one)
    with monitor(settings, monkeypatch):
        [decision] = until(lambda: newest(settings, agent_id, 5), 20, "the decision is written")
    assert (decision["before"], decision["applied"]) == (2, mode == "on")
    assert decision["after"] > 2 and decision["reason"]
    if mode == "dry_run":
        assert agent_id not in fleet.desired(settings)
    else:  # a transaction can be read a moment after it is done
        asked = until(lambda: fleet.desired(settings).get(agent_id), 20, "the wish can be read")
        assert (asked["by"], asked["reason"]) == ("autoscaler", decision["reason"])
        of_zones = placing.wanted(definition(agent_id, 2), asked, settings.zones)
        assert placing.total(of_zones) == decision["after"]
        assert max(of_zones.values()) - min(of_zones.values()) <= 1

    said = CliRunner().invoke(decisions, ["--agent", agent_id], env=as_env(settings) | {"COLUMNS": "160"})
    assert said.exit_code == 0 and f"2 → {decision['after']}" in said.stdout
    assert ("no, dry run" in said.stdout) == (mode == "dry_run")
    told = CliRunner().invoke(decisions, ["--agent", agent_id, "--json"], env=as_env(settings))
    assert json.loads(told.stdout)["reason"] == decision["reason"]

    if mode == "on":
        with monitor(settings, monkeypatch) as another:
            agents = another._scaling._scaler._agents
            until(lambda: agent_id in agents and len(agents[agent_id].looks) > 3, 20, "it has looked some times")
        assert len(newest(settings, agent_id, 5)) == 1, "a new one knows of the cool-down"


def test_the_autoscaler_hears_how_busy_the_hosts_of_an_agent_are(
    broker: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As busy as this machine is: where it is full, none is added, and that is said."""
    settings = host_settings(broker, tmp_path, scaling="dry_run", fleet_max=10_000, scale_up_s=1.0)
    introduce(settings, "scaled-cpu", 2)

    def told() -> tuple[dict[str, Any], float] | None:
        with_cpu = (
            (decision, signal["value"])
            for decision in newest(settings, "scaled-cpu", 5)
            for signal in decision["signals"]
            if signal["name"] == "cpu"
        )
        return next(with_cpu, None)

    with running_host(settings), monitor(settings, monkeypatch):
        decision, cpu = until(told, 30, "a decision with the use of the processors")
    assert 0 < cpu <= 1
    assert (decision["after"] > 2) == (cpu < FULL), decision
    assert ("of their processors" in decision["reason"]) == (cpu >= FULL)


def test_the_past_of_the_forecast_is_read_from_what_ended(broker: Settings) -> None:
    now = time.time_ns() // 1000
    step_s = (now // S - 3600) // STEP_S * STEP_S
    for number in range(3):
        ended = (step_s + 100 + 60 * number) * S
        past = outcome(number, ended, agent_id="scaled-past", started_at=ended - 100 * S)
        write(broker, foresight.OUTCOMES, "TaskOutcome", past["session_id"], past)
    history = foresight.Foresight(broker, now)._read_past()
    assert history.loads(["scaled-past"]) == {"scaled-past": {step_s: 0.5}}


def test_what_a_person_asked_for_meanwhile_stays(broker: Settings) -> None:
    introduce(broker, "scaled-meanwhile", 2)
    write(broker, fleet.DESIRED, "AgentDesired", "scaled-meanwhile", wish(5, 0, "scaled-meanwhile", by="ana"))
    assert not scaling.resize(broker, "scaled-meanwhile", 2, 7, by="autoscaler", reason="")
    assert fleet.desired(broker)["scaled-meanwhile"]["by"] == "ana"


def test_instances_that_fell_silent_are_replaced_once_and_only_when_the_autoscaler_is_on(broker: Settings) -> None:
    introduce(broker, "scaled-silent", 900, instances=1)  # nobody lacks more on this broker
    there_are = sum(
        placing.total(placing.wanted(one, fleet.desired(broker).get(name), ("",)))
        for name, one in registry.newest(broker, registry.AGENTS).items()
    )
    settings = replace(broker, instances_max=1_000, fleet_max=there_are + 2)
    fired = Wish(alert("silent"), "scale_out", "")
    assert scale_out(replace(settings, scaling="off"), fired) == "not done: scaling is off"
    assert scale_out(replace(settings, scaling="dry_run"), fired) == "would have asked for scaled-silent 900 → 902"
    assert "scaled-silent" not in fleet.desired(settings)
    assert scale_out(replace(settings, scaling="on"), fired) == "asked for scaled-silent 900 → 902"
    asked = until(lambda: fleet.desired(settings).get("scaled-silent"), 20, "the wish can be read")
    assert placing.total(placing.wanted(definition("scaled-silent"), asked, ("",))) == 902
    assert fired.alert["alert_id"] in asked["reason"]
    again = replace(settings, scaling="on", fleet_max=settings.fleet_max + 2)
    assert "scaled-silent" not in scale_out(again, fired), "what was asked for a moment ago is still to come"
