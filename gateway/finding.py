"""Finding the agent or the skill for some work, in words: by the rules that route tasks, and by meaning.

How well an agent fits is the rules' score, or half its likeness in meaning where that is more: what shares a word or a
kind of work goes before what only sounds alike, and what only sounds alike is still found. Skills are by likeness,
behind the one that the rules take the words for.
"""

from collections.abc import Mapping
from threading import Lock
from typing import NamedTuple

from gateway.sending import now_us
from gateway.submission import task_from
from infra import embedding
from infra.settings import Settings
from processors.admission import Limits
from processors.meaning import Likeness, said_of_agent, said_of_skill
from processors.routing import Choice, Index
from processors.skills import skill_meant
from processors.weighing.weights import counted
from schemas.events import AgentDefinition, AgentWeight, PoolStatus, SkillDefinition

ALIKE_WORTH = 0.5
FAINT_BELOW = 0.2
"""Likeness that says little: any two texts have some."""


class Fit(NamedTuple):
    agent_id: str
    fit: float
    """0–1"""
    likeness: float
    """In meaning, 0–1."""
    weak: bool
    """Whether there is no more than a faint likeness."""
    why: str


class SkillFit(NamedTuple):
    skill: str
    likeness: float
    """In meaning, 0–1."""
    weak: bool
    why: str


class Found(NamedTuple):
    choice: Choice
    """What the router's rules would do with a task of these words."""
    agents: list[Fit]
    """Every agent at work or not, the best first."""
    skills: list[SkillFit]
    """Every skill that is defined, the best first."""


class Finder:
    """Remembers the vectors of agents and skills; may be asked by several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._agents: Likeness | None = None
        self._skills: Likeness | None = None
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
            self._agents, self._skills = self._agents or Likeness(embedder), self._skills or Likeness(embedder)
            vector = self._agents.vector(words)
            of_agents = self._agents.meanings({name: said_of_agent(agent) for name, agent in agents.items()})
            of_skills = self._skills.meanings({name: said_of_skill(skill) for name, skill in skills.items()})
            counting = counted(weights, self._settings.weights)
            choice = Index(agents, limits, skills, skill_meant(embedder, skills), counting).route(task, pools)
        return ranked(choice, dict(of_agents.near(vector)), dict(of_skills.near(vector)))


def ranked(choice: Choice, near: Mapping[str, float], near_skills: Mapping[str, float]) -> Found:
    """By likeness of agents and of skills. Of equal agents the one that the rules choose goes first."""
    by_rules = {one["agent_id"]: one for one in choice.candidates}
    fits = []
    for agent_id, likeness in near.items():
        score, reason = (by_rules[agent_id]["score"], by_rules[agent_id]["reason"]) if agent_id in by_rules else (0, "")
        parts = [part for part in (reason, _said(likeness)) if part]
        fit = max(score, round(ALIKE_WORTH * likeness, 3))
        is_weak = not score and likeness < FAINT_BELOW
        fits.append(Fit(agent_id, fit, likeness, is_weak, "; ".join(parts) or "nothing of it is its own"))
    fits.sort(key=lambda one: (-one.fit, one.agent_id != choice.agent_id, one.agent_id))
    kinds = [_kind(skill, likeness, skill == choice.skill) for skill, likeness in near_skills.items()]
    kinds.sort(key=lambda one: (one.skill != choice.skill, -one.likeness, one.skill))
    return Found(choice, fits, kinds)


def _kind(skill: str, likeness: float, is_taken: bool) -> SkillFit:
    parts = [part for part in ("the router takes such a task for it" if is_taken else "", _said(likeness)) if part]
    is_weak = not is_taken and likeness < FAINT_BELOW
    return SkillFit(skill, likeness, is_weak, "; ".join(parts) or "nothing of it is its own")


def _said(likeness: float) -> str:
    if likeness >= FAINT_BELOW:
        return f"like it in meaning ({likeness:.2f})"
    return f"only faintly like it in meaning ({likeness:.2f})" if round(likeness, 2) > 0 else ""
