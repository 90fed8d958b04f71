"""`headway fleet predict`: every agent with its load now and within the hour, and what to do, the worst first."""

import json
import time
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli import headway
from gateway.cli.fleet.predict import NEW_US, rows_of
from infra import kafka, registry
from infra.settings import Settings, as_env
from schemas.codec import encode
from schemas.examples import examples
from tests.support.scaling import definition, status


def prediction(agent_id: str, **over: Any) -> dict[str, Any]:
    return examples("load_prediction", 1)[0] | {"agent_id": agent_id} | over


def test_the_worst_comes_first_and_who_has_no_prediction_is_there_as_well():
    agents = [dict(definition(name)) for name in ("idle", "busy", "soon")] + [dict(definition("gone", removed=True))]
    pools = [dict(status("busy", load_score=80.0)), dict(status("soon", load_score=20.0))]
    told = [prediction("soon", expected=10.0), prediction("soon", expected=91.0), prediction("gone")]
    found = rows_of(agents, pools, told)
    assert [(row.agent_id, row.load, row.expected) for row in found] == [
        ("soon", 20.0, 91.0),
        ("busy", 80.0, None),
        ("idle", None, None),
    ]


@pytest.mark.e2e
def test_what_is_on_the_topic_is_a_table_and_json(broker: Settings) -> None:
    now, producer = time.time_ns() // 1000, kafka.producer(broker)
    old = prediction("predicted-b", at=now - 2 * NEW_US, event_id="old")
    new = prediction("predicted-a", at=now, expected_at=(now // 86_400_000_000 * 86_400 + 9 * 3600) * 1_000_000)
    for agent_id in ("predicted-a", "predicted-b"):
        producer.produce(registry.AGENTS, encode("AgentDefinition", definition(agent_id)), agent_id.encode())
    for one in (old, new):
        producer.produce("load.predictions", encode("LoadPrediction", one), one["agent_id"].encode())
    assert producer.flush(10) == 0
    runner = CliRunner(env=as_env(broker) | {"COLUMNS": "200"})
    said = runner.invoke(headway, ["fleet", "predict"])
    assert said.exit_code == 0, said.output
    [line] = [line for line in said.stdout.splitlines() if line.startswith("predicted-a")]
    assert "91" in line and "84–98" in line and "09:00 UTC" in line and "Move 5 tasks" in line
    told = [json.loads(line) for line in runner.invoke(headway, ["fleet", "predict", "--json"]).stdout.splitlines()]
    found = {one["agent_id"]: one["expected"] for one in told}
    assert (found["predicted-a"], found["predicted-b"]) == (91.2, None)
