"""The tasks of a round, from a seed alone: every kind of work and wish that the line promises to handle. Pure."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.events import TaskSubmitted

TENANTS = ("acme", "birch", "cedar", "default")
TEXTS = (
    "Write a function that parses a CSV file with quoted fields",
    "Review the login module for security problems",
    "Run the tests of the payment service and report what fails",
    "Write the documentation of the export command",
    "Translate this sentence to German: the line is moving",
    "Compare three ways to store time series and recommend one",
    "Plan a small launch party, with an order of steps",
)
SESSIONS = 60
SHARES = {"items": 0.02, "tight deadline": 0.03, "deadline": 0.05, "timeout": 0.02, "no retries": 0.03}
"""Share of tasks with such a wish; the others ask for nothing special."""
CANCELLED_SHARE = 0.05
REPEATED_SHARE = 0.02
"""Handed in twice under one id, as a producer does that had no answer."""
NAMED_SHARE = 0.5
"""Ask for an agent by name, so that every agent has work at all times."""


@dataclass(frozen=True)
class Plan:
    """One task, and what its submitter does about it afterwards."""

    task: TaskSubmitted
    """`submitted_at` and `deadline_at` count from the moment it is handed in; `due` makes them absolute."""
    cancel_after_s: float | None
    repeat: bool

    def due(self, now_us: int) -> TaskSubmitted:
        deadline = self.task["deadline_at"]
        return {**self.task, "submitted_at": now_us, "deadline_at": None if deadline is None else now_us + deadline}


def tasks(seed: int, number: int, agents: Sequence[str]) -> Iterator[Plan]:
    """Endless; the same seed and round give the same tasks."""
    chooser = random.Random(f"load/{seed}/{number}")
    count = 0
    while True:
        count += 1
        yield Plan(
            _task(chooser, f"chaos-{seed}-{number}-{count:05d}", agents),
            cancel_after_s=chooser.uniform(0.0, 3.0) if chooser.random() < CANCELLED_SHARE else None,
            repeat=chooser.random() < REPEATED_SHARE,
        )


def _task(chooser: random.Random, task_id: str, agents: Sequence[str]) -> TaskSubmitted:
    wish = chooser.choices([*SHARES, ""], [*SHARES.values(), 1 - sum(SHARES.values())])[0]
    deadlines_us = {"tight deadline": chooser.randrange(100_000, 1_500_000), "deadline": 120_000_000}
    return {
        "task_id": task_id,
        "session_id": f"session-{chooser.randrange(SESSIONS)}",
        "tenant_id": chooser.choice(TENANTS),
        "text": chooser.choice(TEXTS),
        "submitted_at": 0,
        "priority": chooser.randint(1, 10),
        "agent_id": chooser.choice(agents) if chooser.random() < NAMED_SHARE else None,
        "skill": None,
        "model": None,
        "deadline_at": deadlines_us.get(wish),
        "timeout_ms": 300 if wish == "timeout" else None,
        "retries_max": 0 if wish == "no retries" else None,
        "redos_max": None,
        "items": [f"part {n + 1}" for n in range(chooser.randint(2, 6))] if wish == "items" else [],
        "parent_id": None,
        "item_index": None,
        "redrive_of": None,
        "conversation": [],
        "by": None,
    }
