"""How well an agent suits a task, as a score 0–1 with its reasons: the arithmetic of the rules."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from processors.primary import HIGH_PRIORITY
from processors.standing import Flags, Floats, Standing
from processors.weighing.weights import told
from schemas.events import AgentRole, AgentWeight, PoolStatus

# What a score is made of; the parts add up to 1.
CAPABILITY, KEYWORDS, PERSPECTIVE, EXPERIENCE, ROLE = 0.40, 0.25, 0.10, 0.15, 0.10
KEYWORDS_FULL = 2
"""Keywords that make the full part; one counts half."""
LOAD_PENALTY = 0.10
"""Taken off at a load score of 100: enough that equal agents share, too little to send a task to the wrong one."""
TASK_LOAD = 10
"""What a task adds to the load score; one of complexity c needs more than c times this of capacity (100 − load)."""

_ROLE_FIT: Mapping[AgentRole, Mapping[str, float]] = {
    "primary": {"high": 1.0, "low": 0.0},
    "automation": {"high": 0.0, "low": 1.0},
}
"""How a role suits a priority; 0.5 where nothing is said."""
BANDS = ("high", "normal", "low")


@dataclass(frozen=True, slots=True)
class Agent:
    """What scoring needs of a definition."""

    agent_id: str
    role: AgentRole
    capabilities: frozenset[str]
    fallback: bool


@dataclass(slots=True)
class Score:
    """One agent's, when it is told."""

    agent: Agent
    value: float
    has_room: bool
    able: bool
    keywords: list[str]
    perspectives: list[str]
    weight: AgentWeight | None
    """Where it is not 1."""


def band(priority: int) -> str:
    return "high" if priority <= HIGH_PRIORITY else "low" if priority >= 8 else "normal"


def role_fit(role: AgentRole, of_band: str) -> float:
    return _ROLE_FIT.get(role, {}).get(of_band, 0.5)


def values(able: Flags, keywords: Floats, perspectives: Flags, fit: Floats, standing: Standing) -> Floats:
    """The scores of all agents, not weighed yet; each argument has one entry an agent, `keywords` counts them."""
    found = (
        CAPABILITY * able
        + KEYWORDS / KEYWORDS_FULL * np.minimum(KEYWORDS_FULL, keywords)
        + PERSPECTIVE * perspectives
        + EXPERIENCE * standing.experience
        + ROLE * fit
        - LOAD_PENALTY / 100 * standing.load
    )
    return np.asarray(np.round(np.clip(found, 0.0, 1.0), 2), np.float64)


def weighed(merits: Floats, weight: Floats) -> Floats:
    return np.asarray(np.round(np.minimum(merits * weight, 1.0), 4), np.float64)


def with_room(standing: Standing, complexity: float) -> Flags:
    return standing.takes & (100 - standing.load > complexity * TASK_LOAD)


def why(score: Score, skill: str, priority: int, status: PoolStatus | None) -> str:
    """What the score is made of, in words."""
    parts = [f"can do {skill}"] if score.able else []
    if score.keywords:
        parts.append(f"knows {', '.join(score.keywords[:4])}")
    if score.perspectives:
        parts.append(f"looks at {', '.join(score.perspectives[:3])}")
    if status and (runs := status["completed"] + status["failed"]):
        parts.append(f"{status['completed'] / runs:.0%} of {runs} runs succeeded")
    fit = role_fit(score.agent.role, band(priority))
    if fit != 0.5:
        suits = "suits" if fit > 0.5 else "does not suit"
        parts.append(f"role {score.agent.role} {suits} priority {priority}")
    if status:
        parts.append(f"load {status['load_score']:.0f}" + ("" if score.has_room else ", no room"))
    if score.weight:
        parts.append(told(score.weight))
    return ", ".join(parts) or "takes what nobody else does"
