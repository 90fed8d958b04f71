"""Skills: which kind of work a text means where its words do not say so, and which model does it well for its cost.

What a model is worth is told by whoever wrote the skill: the order of its `preferred`. What it costs is its price.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from processors.meaning import Embeds, Likeness, Meanings, said_of_skill
from processors.pricing import PRICES, Price, cost_usd_micros, price_listed
from schemas.events import AgentDefinition, Override, SkillDefinition, TaskSubmitted

ALIKE_MIN = 0.25
"""Likeness below which a text is of no known kind: measured, see docs/skills.md."""
LEAD_MIN = 0.05
"""Lead over the second skill below which a text could be either, and so is of no known kind."""

TYPICAL_TOKENS = 1000, 500
"""Input and output tokens of the call that prices are compared by."""

TRIED = "model_default"
"""The setting whose value an experiment may try: then it, and no skill, names the model."""


class Meant(NamedTuple):
    """A kind of work, recognised by meaning."""

    skill: str
    reason: str


def meant(vector: NDArray[np.float32], skills: Meanings) -> Meant | None:
    """The kind of work that a text means, given the vector of each; null when it is like none, or like two."""
    near = skills.near(vector)
    if not near or near[0].likeness < ALIKE_MIN:
        return None
    second = near[1].likeness if len(near) > 1 else 0.0
    if near[0].likeness - second < LEAD_MIN:
        return None
    return Meant(near[0].name, f"like {near[0].name} in meaning ({near[0].likeness:.2f}; next {second:.2f})")


def skill_meant(embedder: Embeds, skills: Mapping[str, SkillDefinition]) -> Callable[[str], Meant | None]:
    """Tells the skill that a text is like in meaning."""
    likeness = Likeness(embedder)
    meanings = likeness.meanings({name: said_of_skill(skill) for name, skill in skills.items()})
    return lambda text: meant(likeness.vector(text), meanings)


def capable(skill: SkillDefinition, capabilities: Collection[str]) -> bool:
    """Whether an agent with these capabilities does this kind of work."""
    needed = skill["capabilities"]
    return skill["skill"] in capabilities or (bool(needed) and all(name in capabilities for name in needed))


def models_of(skills: Iterable[SkillDefinition]) -> set[str]:
    """Every model that one of them names."""
    return {model for skill in skills for model in (*skill["preferred"], *skill["fallback"])}


class Chosen(NamedTuple):
    """A model for a task; null: the line's own default."""

    model: str | None
    reason: str


def model_for(
    skill: SkillDefinition | None,
    task: TaskSubmitted,
    agent: AgentDefinition | None,
    prices: Mapping[str, Price] = PRICES,
    *,
    settings: Sequence[Override] = (),
    paused: Collection[str] = (),
) -> Chosen:
    """Who names a model goes first: the task, the agent's file, an experiment that tries one, the skill.

    `settings`: what differs for this task. `paused`: models that were overloaded a moment ago.
    """
    if task["model"]:
        return Chosen(task["model"], f"the task asks for {task['model']}")
    if agent is not None and agent["model"]:
        return Chosen(agent["model"], f"the file of {agent['agent_id']} names {agent['model']}")
    tried = next((one["value"] for one in settings if one["name"] == TRIED), None)
    if tried:
        return Chosen(tried, f"an experiment tries {tried}")
    if skill is None:
        return Chosen(None, "no skill is known that names models: the line's default")
    return of_skill(skill, prices, paused)


def of_skill(skill: SkillDefinition, prices: Mapping[str, Price] = PRICES, paused: Collection[str] = ()) -> Chosen:
    """The skill's own choice."""
    preferred, fallback = tuple(dict.fromkeys(skill["preferred"])), tuple(skill["fallback"])
    listed = tuple(price_listed(model, prices) for model in preferred + fallback)
    off = frozenset(paused).intersection(preferred + fallback)
    weights = _Weights(_weight(skill["performance_weight"]), _weight(skill["cost_weight"]))
    return _best(skill["skill"], preferred, fallback, listed, weights, off)


class _Weights(NamedTuple):
    performance: float
    cost: float


@lru_cache(maxsize=1024)  # the same few questions, thousands of times a second
def _best(
    name: str,
    preferred: tuple[str, ...],
    fallback: tuple[str, ...],
    listed: tuple[Price | None, ...],
    weights: _Weights,
    paused: frozenset[str],
) -> Chosen:
    """`listed`: the price of each, first of those preferred."""
    prices = dict(zip(preferred + fallback, listed, strict=True))
    out = {model: why for model, price in prices.items() if (why := _unusable(model, price, paused))}
    worth = _worth(weights, {model: price for model in preferred if (price := prices[model])})
    usable = sorted((model for model in worth if model not in out), key=lambda m: -worth[m].utility)  # stable: by rank
    told = "; ".join(f"{model} {why}" for model, why in out.items())
    if usable:
        best = usable[0]
        second = f"; second: {usable[1]} ({worth[usable[1]].utility:.2f})" if len(usable) > 1 else ""
        reason = f"{best} for {name}: {worth[best].said} = {worth[best].utility:.2f}{second}"
        return Chosen(best, f"{reason}; {told}" if told else reason)
    standing_in = next((model for model in fallback if model not in out), None)
    if standing_in:
        return Chosen(standing_in, f"{standing_in} stands in for {name}: {told or 'no model is preferred'}")
    return Chosen(None, f"{name} has no model that can be used ({told or 'it names none'}): the line's default")


def _unusable(model: str, price: Price | None, paused: Collection[str]) -> str | None:
    if price is None:
        return "has no price (model_prices gives it one)"
    return "is overloaded" if model in paused else None


class _Worth(NamedTuple):
    utility: float
    said: str


def _worth(weights: _Weights, preferred: Mapping[str, Price]) -> dict[str, _Worth]:
    """What each model is worth, whether it can be used now or not, so that a pause changes no other's place."""
    costs = {model: cost_usd_micros(model, *TYPICAL_TOKENS, preferred) for model in preferred}
    dearest = max(costs.values(), default=0) or 1
    found = {}
    for rank, model in enumerate(preferred):
        quality, cost = 1 - rank / len(preferred), costs[model] / dearest
        said = f"{weights.performance:g} × quality {quality:.2f} − {weights.cost:g} × cost {cost:.2f}"
        found[model] = _Worth(weights.performance * quality - weights.cost * cost, said)
    return found


def _weight(value: Any) -> float:
    """A record that no file made may hold any number."""
    return min(1.0, max(0.0, value)) if isfinite(value) else 0.0
