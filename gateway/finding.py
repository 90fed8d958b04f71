"""Finding the agent for some work, in words: by the rules that route tasks, and by meaning where no word is shared.

How well an agent fits is the rules' score, or half its likeness in meaning where that is more: what shares a word or a
kind of work goes before what only sounds alike, and what only sounds alike is still found.
"""

from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple

from gateway.sending import now_us
from gateway.submission import task_from
from infra import embedding
from infra.settings import Settings
from processors.admission import Limits
from processors.meaning import Likeness, said_of_agent
from processors.routing import Choice, Index
from processors.skills import skill_meant
from processors.weighing.weights import counted
from schemas.events import AgentDefinition, AgentWeight, PoolStatus, SkillDefinition

ALIKE_WORTH = 0.5
TOLD_FROM = 0.2
"""Likeness below which nothing is said of it: any two texts have some."""


class Fit(NamedTuple):
    agent_id: str
    fit: float
    """0–1"""
    likeness: float
    """In meaning, 0–1."""
    why: str


class Found(NamedTuple):
    choice: Choice
    """What the router's rules would do with a task of these words."""
    agents: list[Fit]
    """Every agent at work or not, the best first."""


class Finder:
    """Remembers the vectors of agents; may be asked by several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._likeness: Likeness | None = None
        self._lock = Lock()

    def find(
        self,
        words: str,
        agents: Mapping[str, AgentDefinition],
        pools: Mapping[str, PoolStatus],
        skills: Mapping[str, SkillDefinition],
        weights: Mapping[str, AgentWeight],
    ) -> Found:
        limits = Limits(self._settings.text_bytes_max, self._settings.items_max)
        task = task_from({"text": words, "task_id": "find"}, now_us(), limits=limits)
        with self._lock:
            embedder = embedding.load(self._settings.embedder)
            likeness = self._likeness = self._likeness or Likeness(embedder)
            meanings = likeness.meanings({name: said_of_agent(agent) for name, agent in agents.items()})
            near = dict(meanings.near(likeness.vector(words)))
            counting = counted(weights, self._settings.weights)
            choice = Index(agents, limits, skills, skill_meant(embedder, skills), counting).route(task, pools)
        return ranked(choice, near)


def ranked(choice: Choice, near: Mapping[str, float]) -> Found:
    """Of equals the one that the rules choose goes first."""
    by_rules = {one["agent_id"]: one for one in choice.candidates}
    fits = []
    for agent_id, likeness in near.items():
        score, reason = (by_rules[agent_id]["score"], by_rules[agent_id]["reason"]) if agent_id in by_rules else (0, "")
        parts = [reason] if reason else []
        parts += [f"like it in meaning ({likeness:.2f})"] if likeness >= TOLD_FROM else []
        fit = max(score, round(ALIKE_WORTH * likeness, 3) if likeness >= TOLD_FROM else 0.0)
        fits.append(Fit(agent_id, fit, likeness, "; ".join(parts) or "nothing of it is its own"))
    fits.sort(key=lambda one: (-one.fit, one.agent_id != choice.agent_id, one.agent_id))
    return Found(choice, fits)
