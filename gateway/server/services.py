"""What the handlers work with, made once for a process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.finding import Finder
from gateway.knowing import Knowledge
from gateway.server.codes import Codes
from gateway.server.following import Following
from gateway.server.keys import Keys, LastSaid
from gateway.server.limits import Limiter
from gateway.server.members import Members
from gateway.server.older import Older
from gateway.server.outbox import Outbox
from gateway.server.recent import Recent
from gateway.server.shapes import Schema
from gateway.server.slow import Slow
from gateway.server.tokens import Tokens
from gateway.server.waiting import Waiting
from infra.registry import (
    AGENTS,
    ALERTS,
    DESIRED,
    EXPERIMENTS,
    HOSTS,
    LAB_RUNS,
    LAB_SCENARIOS,
    MODELS,
    NOTES,
    POOLS,
    RULES,
    RUNS,
    SCHEDULES,
    SILENCES,
    SKILLS,
    WEIGHTS,
    Registry,
)
from infra.settings import Settings

_FOLLOWED = (
    *(AGENTS, POOLS, EXPERIMENTS, SKILLS, MODELS, NOTES, RULES, ALERTS, SILENCES, SCHEDULES, RUNS, DESIRED, HOSTS),
    *(WEIGHTS, LAB_SCENARIOS, LAB_RUNS),
)


@dataclass(frozen=True)
class Services:
    settings: Settings
    tokens: Tokens
    codes: Codes
    limiter: Limiter
    parts: Mapping[str, Schema]
    """Schemas that the declarations of routes refer to."""
    recent: Recent
    following: Following
    older: Older
    outbox: Outbox
    waiting: Waiting
    keys: Keys
    registry: Registry
    finder: Finder
    knowledge: Knowledge
    slow: Slow
    said: LastSaid
    lab: Members


@asynccontextmanager
async def running(settings: Settings, parts: Mapping[str, Schema]) -> AsyncIterator[Services]:
    """Everything started, and stopped again in order."""
    recent = Recent(settings.gateway_tasks_max, settings.gateway_memory_mb << 20)
    waiting = Waiting()
    following = Following(settings, recent, waiting.tell)
    slow = Slow()
    services = Services(
        settings=settings,
        tokens=Tokens(settings),
        codes=Codes(),
        limiter=Limiter(settings.gateway_requests_per_s),
        parts=parts,
        recent=recent,
        following=following,
        older=Older(settings),
        outbox=Outbox(settings),
        waiting=waiting,
        keys=Keys(),
        registry=Registry(settings, _FOLLOWED),
        finder=Finder(settings),
        knowledge=Knowledge(settings),
        slow=slow,
        said=LastSaid(),
        lab=Members(settings, slow),
    )
    following.start()
    services.knowledge.start()
    try:
        yield services
    finally:
        for part in (services.slow, services.outbox, following, services.knowledge, services.registry, services.older):
            await asyncio.to_thread(part.close)
