"""How well an agent suits a task, as a score 0–1 with its reasons: the arithmetic of the rules."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from zlib import crc32

from schemas.events import AgentRole, Candidate, PoolStatus

# What a score is made of; the parts add up to 1.
CAPABILITY, KEYWORDS, PERSPECTIVE, EXPERIENCE, ROLE = 0.40, 0.25, 0.10, 0.15, 0.10
KEYWORDS_FULL = 2
"""Keywords that make the full part; one counts half."""
LOAD_PENALTY = 0.10
"""Taken off at a load score of 100: enough that equal agents share, too little to send a task to the wrong one."""
TASK_LOAD = 10
"""What a task adds to the load score; one of complexity c needs more than c times this of capacity (100 − load)."""
PRIOR_RUNS, PRIOR_SUCCESS = 5, 0.8
"""Experience of an agent that has none: as if 4 of 5 runs had succeeded."""

_ROLE_FIT: Mapping[AgentRole, Mapping[str, float]] = {
    "primary": {"high": 1.0, "low": 0.0},
    "automation": {"high": 0.0, "low": 1.0},
}
"""How a role suits a priority; 0.5 where nothing is said."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What scoring needs of a definition."""

    agent_id: str
    role: AgentRole
    capabilities: frozenset[str]
    fallback: bool


@dataclass(frozen=True, slots=True)
class Case:
    """One task as scoring sees it."""

    task_id: str
    priority: int
    skill: str
    complexity: float
    pools: Mapping[str, PoolStatus]


@dataclass(slots=True)
class Score:
    agent: Agent
    value: float
    has_room: bool
    able: bool
    keywords: list[str]
    perspectives: list[str]
    experience: float
    role_fit: float


def experience(status: PoolStatus | None) -> float:
    """Share of runs that succeeded, pulled towards PRIOR_SUCCESS while there are few."""
    done, failed = (status["completed"], status["failed"]) if status else (0, 0)
    return (done + PRIOR_RUNS * PRIOR_SUCCESS) / (done + failed + PRIOR_RUNS)


def score(agent: Agent, case: Case, keywords: list[str], perspectives: list[str]) -> Score:
    status = case.pools.get(agent.agent_id)
    band = "high" if case.priority <= 2 else "low" if case.priority >= 8 else "normal"
    able = case.skill in agent.capabilities
    past = experience(status)
    role_fit = _ROLE_FIT.get(agent.role, {}).get(band, 0.5)
    value = (
        CAPABILITY * able
        + KEYWORDS * min(1.0, len(keywords) / KEYWORDS_FULL)
        + PERSPECTIVE * bool(perspectives)
        + EXPERIENCE * past
        + ROLE * role_fit
    )
    has_room = True
    if status is not None:
        load = min(100.0, max(0.0, status["load_score"]))
        value -= LOAD_PENALTY * load / 100
        queue_takes_it = status["waiting"] < status["waiting_max"] and status["instances"] > 0
        has_room = queue_takes_it and 100 - load > case.complexity * TASK_LOAD
    return Score(agent, round(min(1.0, max(0.0, value)), 2), has_room, able, keywords, perspectives, past, role_fit)


def ranked(scores: Iterable[Score], task_id: str) -> list[Score]:
    """Best first, those with room before those without.

    Equals take turns by a hash of the task, so that a burst between two reports of load does not pile on the first.
    """
    return sorted(
        scores,
        key=lambda s: (not s.has_room, -s.value, crc32(f"{task_id}/{s.agent.agent_id}".encode()), s.agent.agent_id),
    )


def why(score: Score, case: Case) -> str:
    """What the score is made of, in words."""
    parts = [f"can do {case.skill}"] if score.able else []
    if score.keywords:
        parts.append(f"knows {', '.join(score.keywords[:4])}")
    if score.perspectives:
        parts.append(f"looks at {', '.join(score.perspectives[:3])}")
    status = case.pools.get(score.agent.agent_id)
    if status and (runs := status["completed"] + status["failed"]):
        parts.append(f"{status['completed'] / runs:.0%} of {runs} runs succeeded")
    if score.role_fit != 0.5:
        suits = "suits" if score.role_fit > 0.5 else "does not suit"
        parts.append(f"role {score.agent.role} {suits} priority {case.priority}")
    if status:
        parts.append(f"load {status['load_score']:.0f}" + ("" if score.has_room else ", no room"))
    return ", ".join(parts) or "takes what nobody else does"


def candidate(score: Score, case: Case) -> Candidate:
    return {"agent_id": score.agent.agent_id, "score": score.value, "reason": why(score, case)}
