"""Alerts by HTTP: seen by all without the tasks of others, taken on and silenced by admins; and rules."""

import time
import uuid

import pytest

from infra import definitions
from infra.definitions import RULE
from tests.gateway.server.test_api import as_declared
from tests.support.alerts import S, alert, following, write
from tests.support.gateway import Caller, Gateway
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


@pytest.fixture
def admin(gateway: Gateway) -> Caller:
    definitions.publish(RULE, gateway.services.settings)
    until(lambda: "errors" in gateway.services.registry.rules, 10, "the shipped rules")
    return gateway.caller("acme", "admin")


@pytest.fixture
def name() -> str:
    return f"r-{uuid.uuid4().hex[:8]}"


def test_who_may_not_see_a_task_sees_the_alert_without_it(gateway: Gateway, name: str) -> None:
    tasks = [{"task_id": "t-1", "tenant_id": "acme"}, {"task_id": "t-2", "tenant_id": "other"}]
    write(gateway.services.settings, alert(name, "pool/coder", tasks=tasks))
    until(lambda: f"{name}/pool/coder" in gateway.services.registry.alerts, 10, "the alert")
    path = f"/api/alerts/{name}%2Fpool%2Fcoder"
    for role, seen in (("viewer", tasks[1:]), ("admin", tasks)):
        caller = gateway.caller("other", role)  # type: ignore[arg-type]
        told = as_declared("GET", "/api/alerts/{alert_id}", caller.get(path))
        assert told["alert"]["tasks"] == seen
        rows = as_declared("GET", "/api/alerts", caller.get("/api/alerts?state=firing"))["alerts"]
        assert [row["tasks"] for row in rows if row["rule"] == name] == [seen]
    assert gateway.steady.call("GET", "/api/alerts/none%2Fline").status == 404


def test_an_alert_is_taken_on_and_silenced_by_admins(gateway: Gateway, admin: Caller, name: str) -> None:
    now = time.time_ns() // 1000
    settings, path = gateway.services.settings, f"/api/alerts/{name}%2Fline"
    for what, body in (("ack", {}), ("silence", {"for_s": 60})):
        assert gateway.caller("acme", "submitter").call("POST", f"{path}/{what}", body).status == 403
    with following(settings, alert(name, since_at=now - S, value=0.5, at=now)):
        until(lambda: f"{name}/line" in gateway.services.registry.alerts, 10, "the alert")
        taken = admin.call("POST", f"{path}/ack", {"comment": "looking"})
        assert as_declared("POST", "/api/alerts/{alert_id}/ack", taken.body)["comment"] == "looking"
        quiet = admin.call("POST", f"{path}/silence", {"for_s": 3600})
        assert as_declared("POST", "/api/alerts/{alert_id}/silence", quiet.body)["target"] == f"{name}/line"
        one = admin.get(path)["alert"]
        assert (one["acknowledged_by"], one["silenced_until_at"]) == ("admin of acme", quiet.body["until_at"])
    assert admin.call("POST", f"{path}/silence", {"for_s": 8 * 86_400}).status == 400
    assert admin.call("POST", "/api/alerts/nothing/silence", {"for_s": 60}).status == 404
    write(settings, alert(name, state="resolved", until_at=now))
    until(lambda: gateway.services.registry.alerts[f"{name}/line"]["state"] == "resolved", 10, "it is resolved")
    refused = admin.call("POST", f"{path}/ack", {})
    assert (refused.status, "nothing to take on" in refused.body["detail"]) == (409, True)


def test_a_silence_of_a_rule_is_listed_at_once_also_while_nothing_fires_until_it_is_ended(
    gateway: Gateway, admin: Caller
) -> None:
    def silent() -> list[tuple[str, str, str]]:
        told = as_declared("GET", "/api/alerts", gateway.caller("other", "viewer").get("/api/alerts"))["silences"]
        return [(one["target"], one["by"], one["comment"]) for one in told if one["target"] == "full-queue"]

    path = "/api/alerts/full-queue/silence"
    assert admin.call("POST", path, {"for_s": 3600, "comment": "a load test"}).status == 200
    assert silent() == [("full-queue", "admin of acme", "a load test")]
    assert admin.call("POST", path, {"for_s": 0}).status == 200
    assert silent() == []


def test_a_rule_is_made_and_taken_out(gateway: Gateway, admin: Caller, name: str) -> None:
    path = f"/api/rules/{name}"
    body = {"description": "Many wait.", "measure": "queue_share", "above": 0.5, "severity": "info", "advice": "Look."}
    made = as_declared("PUT", "/api/rules/{rule}", admin.call("PUT", path, body).body)
    assert (made["above"], made["below"], made["advice"]) == (0.5, None, "Look.")
    shown = as_declared("GET", "/api/rules/{rule}", admin.get(path))
    assert (shown["definition"], shown["stays"]) == (made, None)
    assert "Look." in admin.get(f"{path}/markdown")
    assert name in [rule["rule"] for rule in as_declared("GET", "/api/rules", admin.get("/api/rules"))["rules"]]
    assert admin.call("DELETE", path).body == {"rule": name, "definition": None}
    assert admin.call("DELETE", "/api/rules/errors").status == 409
