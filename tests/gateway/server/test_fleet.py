"""The fleet by HTTP: its hosts, and what the autoscaler decided."""

import uuid

import pytest

from gateway.server.following import DECISIONS_MAX
from infra import kafka
from schemas.codec import encode
from tests.gateway.events import example
from tests.gateway.server.test_api import as_declared
from tests.support.gateway import Gateway
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


def test_decisions_are_told_newest_first_as_many_as_are_wanted(gateway: Gateway) -> None:
    agent, other = f"a-{uuid.uuid4().hex[:8]}", f"b-{uuid.uuid4().hex[:8]}"
    producer = kafka.producer(gateway.services.settings)
    for number, name in enumerate((agent, other, agent)):
        decision = example("ScalingDecision", event_id=f"{agent}-{number}", agent_id=name, before=number)
        producer.produce("scaling.decisions", encode("ScalingDecision", decision), name)
    assert producer.flush(10) == 0
    caller = gateway.caller("acme", "viewer")
    path = "/api/fleet/decisions"
    until(lambda: len(caller.get(f"{path}?agent={agent}")["decisions"]) == 2, 10, "the decisions are read")
    told = as_declared("GET", path, caller.get(f"{path}?agent={agent}"))
    assert [one["before"] for one in told["decisions"]] == [2, 0]
    assert told["mode"] == gateway.services.settings.scaling
    assert [one["before"] for one in caller.get(f"{path}?limit=2")["decisions"]] == [2, 1]
    for limit in (0, DECISIONS_MAX + 1):
        assert caller.call("GET", f"{path}?limit={limit}").status == 400


def test_hosts_are_told_as_in_the_fleet(gateway: Gateway) -> None:
    caller = gateway.caller("acme", "viewer")
    told = as_declared("GET", "/api/hosts", caller.get("/api/hosts"))
    fleet = caller.get("/api/fleet")
    assert {"hosts": told["hosts"], "zones": told["zones"]} == {name: fleet[name] for name in ("hosts", "zones")}
