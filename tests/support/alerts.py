"""Rules and events that alerts are made of, as small as a test wants them; and somebody who follows commands."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from gateway.history import Follower
from infra import kafka
from infra.settings import Settings
from processors.alerts.machine import Alerts
from processors.alerts.measures import Reading
from schemas.codec import encode
from schemas.events import AgentHeartbeat, Alert, AlertCommand, AlertRule, TaskOutcome
from schemas.examples import examples

S = 1_000_000
T0 = 1_790_000_000 * S


def rule(name: str = "errors", **over: Any) -> AlertRule:
    made = examples("alert_rule", 1)[0] | {"rule": name, "actions": ["notify"], "for_s": 5.0, "window_s": 60.0}
    return cast(AlertRule, made | over)


def outcome(
    number: int, at: int, status: str = "completed", agent_id: str | None = "coder", **over: Any
) -> TaskOutcome:
    started = {"submitted_at": at - 2 * S, "started_at": at - S, "finished_at": at}
    made = examples("task_outcome", 2)[0] | {"task_id": f"t-{number}", "tenant_id": "acme", "status": status}
    return cast(TaskOutcome, made | started | {"agent_id": agent_id} | over)


def heartbeat(
    at: int, *instances: str, pool: str = "coder", host: str = "h-0", draining: bool = False
) -> AgentHeartbeat:
    named = [{"instance_id": name, "running": []} for name in instances]
    made = examples("agent_heartbeat", 1)[0] | {"pool": pool, "agent_id": pool, "host_id": host, "at": at}
    return cast(AgentHeartbeat, made | {"draining": draining, "instances": named})


def command(kind: str, target: str, at: int, until_at: int | None = None) -> AlertCommand:
    made = {"event_id": f"c-{at}", "target": target, "kind": kind, "until_at": until_at}
    return cast(AlertCommand, made | {"at": at, "by": "ana", "comment": json.dumps(kind)})


def alert(name: str, subject: str = "line", **over: Any) -> Alert:
    """One that fires and that nobody has said anything to."""
    said: dict[str, Any] = {"acknowledged_by": None, "acknowledged_at": None, "comment": "", "fired": 1}
    said |= {"silenced_until_at": None, "silenced_by": None, "alert_id": f"{name}/{subject}"}
    return cast(Alert, examples("alert", 1)[0] | said | {"rule": name, "subject": subject} | over)


def write(settings: Settings, *alerts: Alert) -> None:
    producer = kafka.producer(settings)
    for one in alerts:
        producer.produce("alerts", encode("Alert", one), one["alert_id"].encode())
    assert producer.flush(10) == 0


@contextmanager
def following(settings: Settings, *alerts: Alert) -> Iterator[Alerts]:
    """Writes these, and follows commands to them as the monitor does."""
    machine, stopping = Alerts(alerts), threading.Event()
    rules = {one["rule"]: rule(one["rule"]) for one in alerts}
    seen = {one["rule"]: {one["subject"]: Reading(one["value"], "It fails", [])} for one in alerts}
    write(settings, *alerts)
    with Follower(settings, ["alert.commands"]) as commands:

        def follow() -> None:
            while not stopping.is_set():
                for record in commands.poll(0.05):
                    changed = machine.obey(cast(AlertCommand, record.event))
                    write(settings, *changed, *machine.look(rules, seen, time.time_ns() // 1000))

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            yield machine
        finally:
            stopping.set()
            thread.join()
