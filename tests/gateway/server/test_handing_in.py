"""What Kafka does not confirm may run all the same: whoever handed it in is told how to send it again safely."""

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import time_of
from gateway.server import outbox
from gateway.server.handing_in import NAMED_MAX, hand_in
from gateway.server.keys import Keys, new_key, task_id_of
from gateway.server.outbox import Outbox
from gateway.server.principal import Principal
from gateway.server.problems import Problem
from gateway.server.recent import Recent
from gateway.server.routes.tasks import _made
from infra.settings import Settings
from lab.ports import free_ports
from processors.admission import Limits

WHO = Principal("1", "a laptop", "acme", "submitter", None)
AT_US = 1_800_000_000_000_000
ASKED = [{"text": f"Summarise page {number}"} for number in range(NAMED_MAX + 2)]


@pytest.fixture
async def nobody_confirms(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Services whose Kafka is not there."""
    monkeypatch.setattr(outbox, "DELIVERY_S", 0.3)
    monkeypatch.setattr(outbox, "_WARM_UP_S", 0.1)
    made = Outbox(dataclasses.replace(Settings(), kafka_bootstrap=f"127.0.0.1:{free_ports(1)}"))
    yield SimpleNamespace(outbox=made, keys=Keys(), recent=Recent(100, 1 << 20))
    made.close()


@pytest.mark.parametrize("key", [None, "order-4711"])
async def test_a_task_that_kafka_did_not_confirm_is_named_and_can_be_sent_again_as_the_same(
    nobody_confirms: Any, key: str | None
) -> None:
    safe_key = key or new_key(AT_US)
    made = _made(WHO, ASKED, safe_key, Limits(), several=True)
    with pytest.raises(Problem) as refused:
        await hand_in(nobody_confirms, made, key, safe_key)
    told = refused.value.document()
    assert told["status"] == 503
    assert told["task_ids"] == [task["task_id"] for task, _ in made]
    assert told["task_ids"][0] in told["detail"]
    assert f"Idempotency-Key: {told['idempotency_key']}" in told["detail"]
    assert key in (None, told["idempotency_key"])
    again = _made(WHO, ASKED, told["idempotency_key"], Limits(), several=True)
    assert [task["task_id"] for task, _ in again] == told["task_ids"]


async def test_what_takes_no_key_is_not_told_to_send_one(nobody_confirms: Any) -> None:
    command: Any = {"event_id": "t/cancel/1", "task_id": "t", "kind": "cancel", "at": 1, "by": "me", "reason": ""}
    with pytest.raises(outbox.Unreachable, match="Send the request again") as refused:
        await nobody_confirms.outbox.command(command)
    assert "Idempotency-Key" not in str(refused.value)


@given(st.text(), st.text(), st.integers(0, 500))
def test_the_id_of_a_task_without_a_key_tells_when_it_was_made_and_is_its_tenants_own(
    tenant: str, other: str, index: int
) -> None:
    key = new_key(AT_US)
    made = task_id_of(tenant, key, index)
    assert time_of(made) == AT_US
    assert task_id_of(tenant, key, index) == made
    assert made != task_id_of(tenant, key, index + 1)
    assert (task_id_of(other, key, index) == made) == (tenant == other)
    assert task_id_of(tenant, new_key(AT_US), index) != made
