"""What the line would do with a task now: the router's own decision, made here from the same registries.

Nothing is handed in, and no router need be running.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra import models
from infra.embedding import Embedder
from infra.per_task import PerTask
from infra.settings import ROUTING_LEARNED, Settings
from processors.admission import Limits
from processors.experiments.assignment import Assignment
from processors.learning.hybrid import Asked, Decision, Hybrid, Terms
from processors.learning.learned import Embed, Learned, made
from processors.learning.utility import Costs, Units
from processors.pricing import with_own
from processors.routing import Index
from processors.skills import skill_meant
from processors.weighing.weights import counted
from schemas.codec import BadMessage
from schemas.events import (
    AgentDefinition,
    AgentWeight,
    Experiment,
    Exposure,
    Override,
    PoolStatus,
    RoutingModel,
    SkillDefinition,
    TaskSubmitted,
)

NAME = "route"
"""Task and session, when none is named: the same each time, so that the same is drawn each time."""
IN_USE = ("name", "kind", "promoted_at", "samples", "embedder", "features")
"""What is told of the learned model in use."""


@dataclass(frozen=True)
class Registries:
    """What the topics say, by key; without what was removed."""

    agents: Mapping[str, AgentDefinition]
    pools: Mapping[str, PoolStatus]
    skills: Mapping[str, SkillDefinition]
    models: Mapping[str, RoutingModel]
    experiments: Mapping[str, Experiment]
    weights: Mapping[str, AgentWeight]


@dataclass(frozen=True)
class Told:
    """A decision with what it rests on."""

    decision: Decision
    exposures: list[Exposure]
    settings: list[Override]
    model: RoutingModel | None
    """The learned model in use; None where the rules route alone."""


def decide(settings: Settings, known: Registries, task: TaskSubmitted, embedder: Embedder) -> Told:
    exposures, overrides = Assignment(known.experiments.values()).of(task)
    limits = Limits(settings.text_bytes_max, settings.items_max)
    weights = counted(known.weights, settings.weights)
    index = Index(known.agents, limits, known.skills, skill_meant(embedder, known.skills), weights)
    used = models.champion(known.models)
    scorer, why_none = _scorer(used, index.definitions, embedder.name, embedder.embed)
    prices = with_own(settings.model_prices)
    costs = Costs(index.definitions, prices, settings.model_default, bool(settings.anthropic_api_key))
    hybrid = Hybrid(index, scorer, known.skills, costs, prices, why_none)
    compared = any(known.experiments[one["experiment"]]["parameter"] == "routing" for one in exposures)
    asked = Asked(task, PerTask(settings, _terms).of(overrides), overrides, compared)
    try:
        decision = hybrid.decide(asked, known.pools)
    except Exception as error:  # whatever a model does: the router's rules would answer for it
        why_none = f"{used['name'] if used else 'the model'} had no answer: {type(error).__name__}: {error}"
        plain = Hybrid(index, None, known.skills, costs, prices, why_none)
        decision = plain.decide(asked, known.pools)
    return Told(decision, exposures, overrides, used)


def _terms(settings: Settings) -> Terms:
    units = Units(settings.cost_unit_usd, settings.wait_unit_s)
    return Terms(settings.routing == ROUTING_LEARNED, settings.explore, units)


def _scorer(
    used: RoutingModel | None, agents: list[AgentDefinition], embedder: str, embed: Embed
) -> tuple[Learned | None, str]:
    """The model in use beside these agents; where it cannot be used, why."""
    if used is None or used["name"] == models.RULES:
        return None, "no model is in use" if used is None else "the rules alone are in use"
    try:
        arrays, notes = models.from_bytes(used["weights"])
        model = made(used, arrays, notes, embedder)
    except (BadMessage, ValueError) as error:
        return None, f"{used['name']} cannot be used: {error}"
    return Learned(model, embed, agents, embed([agent["description"] for agent in agents])), ""


def as_fields(told: Told) -> dict[str, Any]:
    """For programs."""
    choice, used = told.decision.choice, told.model
    return {
        "agent_id": choice.agent_id,
        "refusal": choice.refusal,
        "reason": choice.reason,
        "skill": choice.skill,
        "complexity": choice.complexity,
        "router": choice.router,
        "confidence": choice.confidence,
        "propensity": choice.propensity,
        "alternative": choice.alternative,
        "scorer": None if choice.decided is None else choice.decided["scorer"],
        "expected": None if choice.decided is None else choice.decided["expected"],
        "model": choice.model,
        "steps": choice.steps,
        "candidates": [{**one, "propensity": told.decision.propensity(one["agent_id"])} for one in choice.candidates],
        "exposures": told.exposures,
        "settings": told.settings,
        "in_use": None if used is None else {name: used[name] for name in IN_USE},  # type: ignore[literal-required]
    }
