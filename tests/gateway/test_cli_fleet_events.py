"""`headway fleet events`: the steps of a recovery, in the order in which they happened."""

import json
import time

import pytest
from click.testing import CliRunner

from gateway.cli import headway
from infra import kafka
from infra.settings import Settings, as_env
from schemas.codec import encode
from schemas.examples import examples

STEPS = ("ping", "ejected", "restarted", "verified", "well")


@pytest.mark.e2e
def test_a_recovery_is_told_step_by_step_in_the_order_of_time(broker: Settings) -> None:
    now, producer = time.time_ns() // 1000, kafka.producer(broker)
    usual = examples("fleet_event", 3)[0]
    for n, what in enumerate(STEPS):
        for pool in ("mended", "other"):
            event = usual | {
                "event_id": f"{pool}/{n}",
                "what": what,
                "pool": pool,
                "subject": f"{pool}-0",
                "at": now + n,
            }
            producer.produce("fleet.events", encode("FleetEvent", event), f"{pool}{n}".encode())  # any partition
    assert producer.flush(10) == 0
    runner = CliRunner(env=as_env(broker) | {"COLUMNS": "200"})
    said = runner.invoke(headway, ["fleet", "events", "--agent", "mended"])
    assert said.exit_code == 0, said.output
    rows = [line.split() for line in said.stdout.splitlines()[1:]]
    assert [(row[1], row[3]) for row in rows] == [("mended-0", what) for what in STEPS]
    newest = runner.invoke(headway, ["fleet", "events", "--limit", "3", "--json"]).stdout.splitlines()
    assert [json.loads(line)["what"] for line in newest] == ["verified", "well", "well"]
    none = runner.invoke(headway, ["fleet", "events", "--agent", "nobody"])
    assert "Nothing has happened to instances of nobody" in none.stdout
