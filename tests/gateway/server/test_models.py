"""Models by HTTP: listed without weights, put to use and taken back by admins only, each change with who and why."""

import uuid

import pytest

from infra import models
from tests.gateway.server.test_api import as_declared
from tests.support.gateway import Caller, Gateway
from tests.support.learning import model

pytestmark = pytest.mark.e2e


@pytest.fixture
def admin(gateway: Gateway) -> Caller:
    return gateway.caller("acme", "admin")


@pytest.fixture
def name(gateway: Gateway) -> str:
    """Of a candidate."""
    name = f"table-{uuid.uuid4().hex[:8]}"
    models.write(gateway.services.settings, model(name, created_at=2, metrics={"auc": 0.81, "gain": 0.07}))
    return name


def test_a_model_is_promoted_and_taken_back_and_tells_who_and_why(gateway: Gateway, admin: Caller, name: str) -> None:
    path = f"/api/models/{name}"
    made = admin.call("POST", f"{path}/promote", {"reason": "as agreed"})
    assert made.status == 200, made
    assert as_declared("POST", "/api/models/{name}/promote", made.body)["in_use"] is True
    told = as_declared("GET", "/api/models", admin.get("/api/models"))
    assert told["in_use"] == name
    row = next(row for row in told["models"] if row["name"] == name)
    assert (row["status"], row["reason"], row["metrics"]) == ("promoted", "as agreed", {"auc": 0.81, "gain": 0.07})
    assert "weights" not in row
    assert told["models"][-1]["name"] == "rules"
    assert admin.call("POST", f"{path}/promote").status == 409
    back = as_declared("POST", "/api/models/rollback", admin.call("POST", "/api/models/rollback").body)
    assert back["name"] == admin.get("/api/models")["in_use"] != name
    one = as_declared("GET", "/api/models/{name}", admin.get(path))
    assert one["model"]["status"] == "candidate"
    assert one["model"]["reason"].startswith("Taken back")
    assert one["again"].startswith("headway train ")


def test_a_rejected_one_takes_force_and_a_reason(gateway: Gateway, admin: Caller) -> None:
    name = f"bad-{uuid.uuid4().hex[:8]}"
    models.write(gateway.services.settings, model(name, status="rejected", reason="It knows nothing."))
    for body in ({}, {"force": True}, {"reason": "I know better"}):
        refused = admin.call("POST", f"/api/models/{name}/promote", body)
        assert refused.status == 409
        assert "It knows nothing" in refused.body["detail"]
    assert admin.call("POST", f"/api/models/{name}/promote", {"force": True, "reason": "a trial"}).status == 200
    assert admin.call("POST", "/api/models/rules/promote").status == 200
    assert admin.get("/api/models")["in_use"] == "rules"


def test_only_admins_see_and_change_models(gateway: Gateway, admin: Caller, name: str) -> None:
    for method, path in (
        ("GET", "/api/models"),
        ("GET", f"/api/models/{name}"),
        ("POST", f"/api/models/{name}/promote"),
        ("POST", "/api/models/rollback"),
    ):
        assert gateway.steady.call(method, path).status == 403
    assert admin.call("GET", "/api/models/nobody").status == 404
    assert admin.call("POST", "/api/models/nobody/promote").status == 404
