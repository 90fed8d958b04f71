"""Reads the topics in the order that `processors.verify` needs, and hands over its verdict."""

import time

from confluent_kafka import KafkaException

from gateway import history
from infra import kafka
from infra.settings import Settings
from processors.verify import Account, Verdict

POLL_S = 1.0
MOVED_MARK = "/moved"
"""In the event id of every TaskMoved, and hardly in another message of its topic."""


def verify(settings: Settings, *, wait_s: float = 0.0) -> Verdict:
    """The verdict as of now, or the first one with nothing open within `wait_s`, through a restart of the broker."""
    until = time.monotonic() + wait_s
    while True:
        try:
            history.reach(settings, until - time.monotonic())
            verdict = _account(settings).verdict()
            if not verdict.open or not verdict.holds or time.monotonic() > until:
                return verdict
        except (kafka.KafkaUnreachable, KafkaException):
            if time.monotonic() > until:
                raise
        time.sleep(POLL_S)


def _account(settings: Settings) -> Account:
    account = Account()
    for record in history.read(settings, "tasks.submitted"):
        if record.name == "TaskSubmitted":
            account.add_submitted(record.event["task_id"], record.partition, record.offset)
    _read_positions(settings, "routing.log", account)
    history.settle(settings, "dead.letters")
    for record in history.read(settings, "dead.letters", containing="tasks.submitted"):
        if record.event["topic"] == "tasks.submitted":
            account.rejected.add((record.event["partition"], record.event["offset"]))
    history.settle(settings, "routing.decisions")
    for record in history.read(settings, "routing.decisions"):
        account.add_decision(record.event["task_id"], record.partition, record.offset)
    _read_positions(settings, "dispatch.log", account)
    history.settle(settings, "task.commands")
    for record in history.read(settings, "task.commands", containing=MOVED_MARK):
        if record.name == "TaskMoved":
            account.add_move(record.event["task_id"], record.partition, record.offset)
    history.settle(settings, "tasks.outcomes")
    for record in history.read(settings, "tasks.outcomes"):
        account.add_outcome(record.event["task_id"], record.event["status"])
    return account


def _read_positions(settings: Settings, topic: str, account: Account) -> None:
    """A transaction becomes visible partition by partition, so each topic is settled before it is read: what a position
    seen here says was done must be seen in the topics after it."""
    history.settle(settings, topic)
    for message in kafka.read_all(settings, topic, **history.QUIET):
        if message.value() is None:  # deleted, because nobody needs to remember the task any more
            account.add_phase(message.key().decode(), message.partition(), "done")
            continue
        record = history.record_of(message)
        if record is not None and record.name == "StreamPosition":
            account.add_position(record.event["topic"], record.event["partition"], record.event["next_offset"])
        elif record is not None and record.name == "DispatchRecord":
            account.add_phase(record.event["task_id"], record.partition, record.event["phase"])
