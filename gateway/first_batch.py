"""The tasks that `headway demo` hands in: an ordinary mix of work, and a few that end in other ways. Pure."""

from itertools import cycle, islice
from typing import Any

from gateway.submission import task_from
from processors.admission import Limits
from schemas.events import TaskSubmitted

SHARES: dict[str, tuple[int, tuple[str, ...]]] = {
    "code generation": (
        18,
        (
            "Implement a retry with exponential backoff for the payment client",
            "Write a function that parses ISO 8601 durations",
            "Add pagination to the orders endpoint",
            "Implement a bounded cache with expiry",
            "Write a command that exports invoices as CSV",
            "Refactor the session store to use one connection pool",
        ),
    ),
    "test run": (
        15,
        (
            "Run the unit tests of the billing module and report the failures",
            "Run the integration tests against the staging database",
            "Test the login form with expired and revoked sessions",
            "Run the load test of the search service for a minute",
            "Test the importer with empty, huge and broken files",
        ),
    ),
    "code review": (
        12,
        (
            "Review the pull request that changes the tax rounding",
            "Review the login module for security problems",
            "Review the new database migration for locks",
            "Review the error handling of the webhook receiver",
        ),
    ),
    "documentation": (
        9,
        (
            "Document the public functions of the scheduler",
            "Write a README for the deployment scripts",
            "Write the release notes of version 2.4",
        ),
    ),
    "light work": (
        6,
        (
            "Summarise yesterday's incident in two sentences",
            "Translate the welcome message into French",
            "Give this function a better name: do_it2",
        ),
    ),
}
"""Kind of work → how many tasks of it (30, 25, 20, 15 and 10 % of 60), and their texts."""

TENANTS = ("acme", "acme", "globex", "initech", "default")
PRIORITIES = (5, 5, 3, 5, 8, 1, 5, 10, 5, 2)
SESSIONS = 12


def first_batch(now_us: int) -> list[TaskSubmitted]:
    ordinary: list[dict[str, Any]] = []
    for count, texts in SHARES.values():
        ordinary += [{"text": text} for text in islice(cycle(texts), count)]
    for number, fields in enumerate(ordinary):
        # A stride with no divisor in common with the lists mixes kinds, tenants and priorities.
        fields["tenant_id"] = TENANTS[number * 7 % len(TENANTS)]
        fields["priority"] = PRIORITIES[number * 3 % len(PRIORITIES)]
        fields["session_id"] = f"demo-{now_us}-{number % SESSIONS}"
    special: list[dict[str, Any]] = [
        {
            "text": "Write a haiku about each of these",
            "items": ["a queue at dawn", "the patient broker", "a task that came home"],
        },
        {"text": "Send the newsletter of last Monday", "deadline_at": now_us - 60_000_000},
        {"text": "Paint the office door", "agent_id": "house-painter"},
    ]
    return [task_from(fields, now_us, limits=Limits()) for fields in mixed(ordinary) + special]


def mixed(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same tasks in an order in which kinds alternate."""
    stride = 7
    return [tasks[start] for offset in range(stride) for start in range(offset, len(tasks), stride)]
