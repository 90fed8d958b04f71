"""The work that comes: kinds of tasks with their share, time and price, their priorities, and what attempts take.

Shares and times are those of the 200-agent experiment; an attempt takes what a simulated agent of the line would take.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import accumulate
from struct import Struct
from typing import NamedTuple

from infra.scenario_file import Phase as Phase
from processors.pricing import cost_usd_micros
from schemas.codec import encode

SECOND = 1_000_000
SPREAD = 0.2
"""An attempt takes up to so much more or less than usual, as a simulated agent does."""
PERMANENT_SHARE = 0.1
"""Of failures, those that no retry helps."""
PRIORITIES = {2: 0.1, 5: 0.7, 8: 0.2}
"""Share of tasks by priority: some that are urgent, some that have time. The experiment leaves it open."""
URGENT = 3
"""Up to this priority a task counts as urgent."""
TENANTS = 4
_SESSIONS = 1000
_DRAWS = Struct(">4I")


@dataclass(frozen=True)
class Kind:
    """One sort of work, done by one agent."""

    skill: str
    agent_id: str
    share: float
    seconds: float
    model: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    """What one attempt buys. The experiment leaves it open: what such tasks take of the shipped agents' prompts."""

    @property
    def cost_usd_micros(self) -> int:
        return cost_usd_micros(self.model, self.tokens_in, self.tokens_out) if self.model else 0


MIX = (
    Kind("code_generation", "code-writer", 0.30, 45.0, "claude-sonnet-5-5", 2_000, 1_500),
    Kind("code_review", "code-reviewer", 0.20, 30.0, "claude-opus-5-5", 3_000, 800),
    Kind("test_run", "test-runner", 0.25, 60.0, "claude-haiku-5-5", 3_000, 500),
    Kind("documentation", "doc-writer", 0.15, 20.0, "claude-sonnet-5-5", 1_500, 1_200),
    Kind("light", "quick-helper", 0.10, 5.0, "claude-haiku-5-5", 400, 150),
)
"""Models are those that the skills of the line prefer."""


class Arrival(NamedTuple):
    """A task that is handed in."""

    at: int
    task_id: str
    kind: Kind
    priority: int
    tenant: str
    session: str


def arrivals(
    phases: Sequence[Phase], mix: Sequence[Kind], begin: int, seed: int, passed_us: Callable[[], int] = lambda: 0
) -> Iterator[Arrival]:
    """Tasks that come at random at the rates of the phases, one after the other. `passed_us`: how much of the phases
    was passed over so far; what is left of them comes so much earlier."""
    chance = random.Random(f"arrivals/{seed}")
    kinds = list(accumulate(kind.share for kind in mix))
    urgency, levels = list(accumulate(PRIORITIES.values())), list(PRIORITIES)
    number, opens = 0, float(begin)
    for phase in phases:
        at, closes = opens - passed_us(), opens + phase.minutes * 60 * SECOND
        while phase.per_minute:
            at += chance.expovariate(phase.per_minute / 60) * SECOND
            if at >= closes - passed_us():
                break
            (kind,) = chance.choices(mix, cum_weights=kinds)
            (priority,) = chance.choices(levels, cum_weights=urgency)
            tenant, session = f"tenant-{number % TENANTS}", f"s{number % _SESSIONS}"
            yield Arrival(int(at), f"t{number}", kind, priority, tenant, session)
            number += 1
        opens = closes


class Attempt(NamedTuple):
    """What one attempt at a task comes to."""

    takes_us: int
    fails: bool
    retryable: bool


def attempt(kind: Kind, task_id: str, number: int, seed: int, failures: float, speed: float = 1.0) -> Attempt:
    """The same attempt always comes to the same, as with the line's simulated agents and their seed."""
    drawn = blake2b(f"{seed}/{task_id}/{number}".encode(), digest_size=_DRAWS.size).digest()
    spread, fails, how, when = (n / 2**32 for n in _DRAWS.unpack(drawn))
    seconds = kind.seconds / speed * (1 + SPREAD * (2 * spread - 1))
    failed = fails < failures
    return Attempt(int(seconds * (when if failed else 1.0) * SECOND), failed, how >= PERMANENT_SHARE)


def submission(arrival: Arrival) -> bytes:
    """The message that hands it in."""
    return encode(
        "TaskSubmitted",
        {
            "task_id": arrival.task_id,
            "session_id": arrival.session,
            "tenant_id": arrival.tenant,
            "text": "Write what was asked for",
            "submitted_at": arrival.at,
            "priority": arrival.priority,
        },
    )


def divided(total: int, mix: Sequence[Kind]) -> dict[str, int]:
    """Instances by agent, in proportion to the work that comes for each; one at the least."""
    work = {kind.agent_id: kind.share * kind.seconds for kind in mix}
    due = {agent_id: total * part / sum(work.values()) for agent_id, part in work.items()}
    sizes = {agent_id: max(1, int(size)) for agent_id, size in due.items()}
    by_rest = sorted(due, key=lambda agent_id: (sizes[agent_id] - due[agent_id], agent_id))
    for agent_id in by_rest[: max(0, total - sum(sizes.values()))]:
        sizes[agent_id] += 1
    return sizes
