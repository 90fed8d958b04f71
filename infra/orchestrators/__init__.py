"""Several orchestrators: who works, who holds which session and partition, and how others are told, all in Redis.

Nothing of the line waits for it: Kafka says who handles a partition, and this says it to whoever wants to know
(docs/orchestrators.md, docs/decisions/0015-redis-tells-who-owns-what.md).
"""

from infra.orchestrators.locks import SESSION_TTL_S, Lock, Locks, of_partition, of_session
from infra.orchestrators.registry import (
    ACTIVE,
    DEGRADED,
    DIED,
    HEALTHY,
    SLEEPING,
    TERMINATED,
    UNHEALTHY,
    Beat,
    Claim,
    Orchestrator,
    Orchestrators,
    availability,
)
from infra.orchestrators.store import Held, Lost, OrchestratorError, StillAlive, Store, StoreDown, Superseded
from infra.orchestrators.watch import Change, Watch

__all__ = [
    "ACTIVE",
    "DEGRADED",
    "DIED",
    "HEALTHY",
    "SESSION_TTL_S",
    "SLEEPING",
    "TERMINATED",
    "UNHEALTHY",
    "Beat",
    "Change",
    "Claim",
    "Held",
    "Lock",
    "Locks",
    "Lost",
    "Orchestrator",
    "OrchestratorError",
    "Orchestrators",
    "StillAlive",
    "Store",
    "StoreDown",
    "Superseded",
    "Watch",
    "availability",
    "of_partition",
    "of_session",
]
