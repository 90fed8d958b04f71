"""Schedules by HTTP: made, run, seen with their runs and taken out by admins; seen by nobody else."""

import uuid

import pytest

from infra import kafka
from processors.scheduling.machine import session_of
from schemas.codec import decode_as
from tests.gateway.server.test_api import as_declared
from tests.support.gateway import Gateway
from tests.support.waiting import until

pytestmark = pytest.mark.e2e


def test_a_schedule_is_made_run_by_hand_and_taken_out(gateway: Gateway) -> None:
    name, admin = f"s-{uuid.uuid4().hex[:8]}", gateway.caller("acme", "admin")
    path = f"/api/schedules/{name}"
    body = {"description": "d", "cron": "@daily", "tenant": "acme", "enabled": False, "text": "Of {schedule}."}
    made = as_declared("PUT", "/api/schedules/{schedule}", admin.call("PUT", path, body).body)
    assert (made["cron"], made["every"], made["missed"]) == ("@daily", None, "last")
    refused = admin.call("PUT", path, body | {"cron": "61 * * * *"})
    assert (refused.status, "0 to 59" in refused.body["detail"]) == (400, True)

    answer = admin.call("POST", f"{path}/run")
    assert answer.status == 202
    task_id = as_declared("POST", "/api/schedules/{schedule}/run", answer.body)["task_id"]
    until(lambda: name in gateway.services.registry.schedule_runs, 10, "the run")
    shown = as_declared("GET", "/api/schedules/{schedule}", admin.get(path))
    assert [(run["task_id"], run["by"]) for run in shown["runs"]] == [(task_id, "admin of acme")]
    assert shown["next_due_at"] is None
    rows = as_declared("GET", "/api/schedules", admin.get("/api/schedules"))["schedules"]
    assert [row["runs"] for row in rows if row["definition"]["schedule"] == name] == [shown["runs"]]
    key = session_of(name).encode()
    (record,) = (m for m in kafka.read_all(gateway.services.settings, "tasks.submitted") if m.key() == key)
    task = decode_as("TaskSubmitted", record.value())
    assert (task["task_id"], task["tenant_id"], task["text"]) == (task_id, "acme", f"Of {name}.")

    for act, enabled in (("resume", True), ("resume", True), ("pause", False)):
        now = as_declared("POST", f"/api/schedules/{{schedule}}/{act}", admin.call("POST", f"{path}/{act}").body)
        assert (now["definition"]["enabled"], now["next_due_at"] is not None) == (enabled, enabled)

    closed = [("GET", path), ("GET", "/api/schedules"), *(("POST", f"{path}/{act}") for act in ("run", "pause"))]
    for role in ("viewer", "submitter"):
        other = gateway.caller("acme", role)  # type: ignore[arg-type]
        for method, address in closed:
            assert other.call(method, address).status == 403
    assert admin.call("DELETE", path).status == 200
    assert admin.call("POST", f"{path}/run").status == 404
