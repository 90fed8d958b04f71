"""The lab by HTTP: scenarios before a start, runs that are started once, watched and stopped, and refusals in words."""

import uuid

import pytest

from gateway.lab import FULL, NOBODY
from infra import kafka
from processors.lab_runs import WAITING_MAX
from tests.gateway.server.test_api import as_declared
from tests.support.gateway import Caller, Gateway
from tests.support.lab import YAML, forget, lab_process, new_id, run, write
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

RUNS, ONE = "/api/lab/runs", "/api/lab/runs/{run_id}"
SHORT = {"scenario": "burst", "minutes": 2, "seed": 3}


@pytest.fixture
def admin(gateway: Gateway) -> Caller:
    return gateway.caller("acme", "admin")


def await_nobody(gateway: Gateway) -> None:
    until(lambda: kafka.members(gateway.services.settings, kafka.LAB_GROUP) == 0, 30, "nobody is in the lab")
    until(lambda: gateway.steady.get(RUNS)["processes"] == 0, 30, "which is known")


def await_open(gateway: Gateway) -> None:
    until(lambda: gateway.steady.get("/api/lab/scenarios")["processes"] == 1, 30, "somebody is in the lab")
    until(lambda: len(gateway.services.registry.lab_scenarios) == 5, 30, "the scenarios are known")


def test_a_run_is_started_once_watched_and_reported(gateway: Gateway, admin: Caller) -> None:
    key = {"Idempotency-Key": uuid.uuid4().hex}
    with lab_process(gateway.services.settings):
        await_open(gateway)
        told = as_declared("GET", "/api/lab/scenarios", gateway.steady.get("/api/lab/scenarios"))
        burst = next(one for one in told["scenarios"] if one["scenario"] == "burst")
        assert [phase["per_minute"] for phase in burst["plan"]["load"]] == [500, 1500, 500] * 3
        chaos = next(one for one in told["scenarios"] if one["scenario"] == "chaos")
        assert {fault["kind"] for fault in chaos["plan"]["faults"]} == {"kill", "delay", "failover"}
        made = admin.call("POST", RUNS, SHORT, headers=key)
        assert (made.status, as_declared("POST", RUNS, made.body)["asked"]["agents"]) == (202, 200)
        run_id, path = made.body["run_id"], made.headers["location"]
        assert path == f"{RUNS}/{run_id}"
        assert admin.call("POST", RUNS, SHORT, headers=key).body["run_id"] == run_id
        other = admin.call("POST", RUNS, SHORT | {"seed": 4}, headers=key)
        assert (other.status, "used for another run" in other.body["detail"]) == (409, True)
        until(lambda: gateway.steady.get(path)["state"] == "ended", 40, "it has ended")
    shown = as_declared("GET", ONE, gateway.steady.get(path))
    assert shown["report"]["handed_in"] == shown["handed_in"] > 900
    assert shown["asked_by"] == "admin of acme"
    row = as_declared("GET", RUNS, gateway.steady.get(RUNS))["runs"][0]
    assert (row["run_id"], row["minutes"], row["own"]) == (run_id, 2, False)
    assert row["targets"] == len(shown["report"]["targets"]) > row["targets_held"] > 0
    text = gateway.steady.get(f"{path}/markdown")
    assert text.startswith("# burst in the lab\n") and "| lost ≤ 0 | 0 | PASS |" in text
    assert told["pace"]["tasks_per_s"] > 0
    over = admin.call("POST", f"{path}/stop")
    assert (over.status, "nothing is left to stop" in over.body["detail"]) == (409, True)


def test_one_that_runs_and_one_that_waits_are_stopped(gateway: Gateway, admin: Caller) -> None:
    with lab_process(gateway.services.settings):
        await_open(gateway)
        long, next_one = (admin.call("POST", RUNS, {"scenario": "soak"}).body["run_id"] for _ in range(2))
        until(lambda: gateway.steady.get(f"{RUNS}/{long}")["simulated_minutes"] > 0, 30, "it gets on")
        assert gateway.steady.get(f"{RUNS}/{next_one}")["state"] == "waiting"
        for run_id in (next_one, long):
            stopped = admin.call("POST", f"{RUNS}/{run_id}/stop")
            assert as_declared("POST", ONE + "/stop", stopped.body)["state"] == "stopped"
            assert stopped.body["reason"] == "Stopped by admin of acme."


def test_a_scenario_of_ones_own_is_checked_before_and_run(gateway: Gateway, admin: Caller) -> None:
    checked = as_declared("POST", "/api/lab/check", admin.call("POST", "/api/lab/check", {"yaml": YAML}).body)
    assert (checked["plan"]["minutes"], checked["problems"]) == (2.0, [])
    bad = admin.call("POST", "/api/lab/check", {"yaml": YAML + "speed: 2\n"}).body
    assert (bad["plan"], bad["problems"][0]["line"]) == (None, 6)
    assert "unknown key `speed`" in bad["problems"][0]["said"]
    refused = admin.call("POST", RUNS, {"yaml": YAML + "speed: 2\n"})
    assert (refused.status, refused.body["detail"][:27]) == (400, "mine:6: unknown key `speed`")
    assert admin.call("POST", RUNS, {"yaml": YAML, "scenario": "<b>x</b>"}).status == 400
    with lab_process(gateway.services.settings):
        await_open(gateway)
        made = admin.call("POST", RUNS, {"yaml": YAML, "scenario": "a-try", "agents": 20, "scaling": False})
        assert made.status == 202, made
        path = made.headers["location"]
        until(lambda: gateway.steady.get(path)["state"] == "ended", 40, "it has ended")
    assert gateway.steady.get(path)["plan"]["about"] == "a short try"
    assert gateway.steady.get(f"{RUNS}?scenario=a-try")["runs"][0]["own"] is True


def test_nobody_in_the_lab_is_told_instead_of_a_run_that_waits_for_ever(gateway: Gateway, admin: Caller) -> None:
    await_nobody(gateway)
    refused = admin.call("POST", RUNS, {"yaml": YAML})
    assert (refused.status, refused.body["detail"]) == (503, NOBODY)
    told = as_declared("GET", RUNS, gateway.steady.get(RUNS))
    assert told["advice"] == NOBODY
    waits = run(state="waiting", report=None, over_at=None, started_at=None)
    write(gateway.services.settings, waits)
    until(lambda: waits["run_id"] in gateway.services.registry.lab_runs, 10, "one waits")
    assert admin.call("POST", f"{RUNS}/{waits['run_id']}/stop").status == 503
    forget(gateway.services.settings, waits["run_id"])


def test_a_full_lab_refuses_and_says_what_to_do(gateway: Gateway, admin: Caller) -> None:
    with lab_process(gateway.services.settings):
        await_open(gateway)
        ids = [admin.call("POST", RUNS, {"scenario": "soak", "seed": n}).body["run_id"] for n in range(WAITING_MAX + 1)]
        until(lambda: gateway.steady.get(f"{RUNS}/{ids[0]}")["state"] == "running", 30, "the first runs")
        full = admin.call("POST", RUNS, SHORT)
        assert (full.status, full.body["detail"]) == (429, FULL)
        assert full.headers["retry-after"] == "30"
        for run_id in reversed(ids):
            assert admin.call("POST", f"{RUNS}/{run_id}/stop").body["state"] == "stopped"


def test_runs_come_in_pages_newest_first(gateway: Gateway) -> None:
    runs = [run(asked_at=2_000_000_000_000_000 + n) for n in range(5)]
    write(gateway.services.settings, *runs)
    ids = [one["run_id"] for one in runs]
    until(lambda: set(ids) <= gateway.services.registry.lab_runs.keys(), 10, "they are known")
    found, cursor = [], ""
    while len(found) < 5:
        page = gateway.steady.get(f"{RUNS}?limit=2{cursor}")
        found += [row["run_id"] for row in page["runs"]]
        cursor = f"&cursor={page['next']}"
    assert found[:5] == ids[::-1]
    assert gateway.steady.call("GET", f"{RUNS}?cursor=x").status == 400
    forget(gateway.services.settings, *ids)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Say which `scenario`"),
        ({"scenario": "storm"}, "There is no scenario storm; there are"),
        ({"scenario": "burst", "agents": 19}, "agents must be at least 20"),
        ({"scenario": "burst", "agents": 10_001}, "agents must be at most 10000"),
        ({"scenario": "burst", "minutes": 0}, "minutes must be at least 0.1"),
        ({"scenario": "burst", "balancer": "dice"}, "balancer must be one of"),
        ({"scenario": "burst", "speed": 2}, "speed is not known"),
        ({"yaml": "x" * 20_001}, "yaml has 20001 characters"),
    ],
)
def test_what_cannot_be_run_is_refused_in_words(
    gateway: Gateway, admin: Caller, body: dict[str, object], said: str
) -> None:
    refused = admin.call("POST", RUNS, body)
    assert (refused.status, said in refused.body["detail"]) == (400, True), refused.body


def test_only_admins_start_check_and_stop(gateway: Gateway, admin: Caller) -> None:
    for method, path in (("POST", RUNS), ("POST", "/api/lab/check"), ("POST", f"{RUNS}/x/stop")):
        assert gateway.caller("acme", "submitter").call(method, path, {}).status == 403
    assert gateway.caller("acme", "viewer").call("GET", RUNS).status == 200
    for method, path in (("GET", f"{RUNS}/x"), ("GET", f"{RUNS}/x/markdown"), ("POST", f"{RUNS}/{new_id()}/stop")):
        assert admin.call(method, path).status == 404
