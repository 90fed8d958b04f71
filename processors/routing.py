"""Which agent gets a task: rules over capabilities, keywords, perspectives, experience, role and load.

The order of the queue, the instance and the moment are left to the dispatcher.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Protocol

from processors.admission import Limits, objection
from processors.features import (
    GENERAL,
    SKILL_WORDS,
    Lexicon,
    Words,
    canonical,
    read,
    skill_lexicon,
    skill_of,
    skill_points,
    task_features,
)
from processors.suitability import Agent, Case, Score, candidate, ranked, score
from schemas.events import AgentDefinition, Candidate, PoolStatus, TaskSubmitted

RULES = "rules/2"
CLEAR_LEAD = 0.3
"""Lead over the second at which the choice counts as clear."""
CANDIDATES_MAX = 16
"""Candidates told in a decision: the whole of a large registry would make each decision tens of kilobytes."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The fields of a RoutingDecision that are the router's to decide.

    The pool of a task with items is `join:<task_id>`, that of a refused one `refused:<task_id>`; both have no agent.
    """

    agent_id: str | None
    pool: str
    skill: str
    complexity: float
    confidence: float
    reason: str
    candidates: list[Candidate] = field(default_factory=list)
    refusal: str | None = None
    router: str = RULES
    propensity: float = 1.0


class Router(Protocol):
    """What the line needs of a router; a learned one stands behind the same method."""

    def route(self, task: TaskSubmitted, pools: Mapping[str, PoolStatus]) -> Choice: ...


@dataclass(frozen=True, slots=True)
class _Mention:
    """A word that is a keyword or perspective of an agent."""

    agent: Agent
    word: str
    perspective: bool


class Index:
    """The rules over one registry, indexed by word and skill. Build a new one when the registry changes."""

    def __init__(self, registry: Mapping[str, AgentDefinition], limits: Limits) -> None:
        self._limits = limits
        alive = [a for a in registry.values() if not a["removed"] and a["instances"] > 0]
        alive.sort(key=lambda a: a["agent_id"])
        self._agents = {
            a["agent_id"]: Agent(a["agent_id"], a["role"], frozenset(map(skill_name, a["capabilities"])), a["fallback"])
            for a in alive
        }
        self._fallbacks = [a for a in self._agents.values() if a.fallback]
        self._by_skill: dict[str, list[Agent]] = {}
        for agent in self._agents.values():
            for skill in agent.capabilities:
                self._by_skill.setdefault(skill, []).append(agent)
        self._skills = skill_lexicon(_own_kinds(alive))
        self._mentions = Lexicon(self._mentions_of(alive))

    def _mentions_of(self, alive: Iterable[AgentDefinition]) -> Iterable[tuple[str, _Mention]]:
        for definition in alive:
            agent = self._agents[definition["agent_id"]]
            # Two spellings that one word of a text would match are one keyword.
            for word in {canonical(word): word for word in reversed(definition["keywords"])}.values():
                yield word, _Mention(agent, word, perspective=False)
            for word in dict.fromkeys(definition["perspectives"]):
                yield word.replace("_", " "), _Mention(agent, word, perspective=True)

    def route(self, task: TaskSubmitted, pools: Mapping[str, PoolStatus]) -> Choice:
        refusal = objection(task, self._limits)
        if refusal:
            return _refuse(task["task_id"], GENERAL, 0.0, refusal)
        words = read(task["text"])
        points = skill_points(self._skills.find(words))
        complexity = task_features(task["text"], len(task["items"]), words, points).complexity_score
        skill = skill_name(task["skill"]) if task["skill"] else skill_of(points)
        asked = task["agent_id"]
        if asked is not None and asked not in self._agents:
            return _refuse(task["task_id"], skill, complexity, self._unknown(asked))
        if task["items"]:
            return _join(task, skill, complexity)
        if asked is not None:
            return Choice(asked, asked, skill, complexity, 1.0, f"{asked} was asked for by name.")
        case = Case(task["task_id"], task["priority"], skill, complexity, pools)
        matches = self._matches(case, words, skill_asked=task["skill"] is not None)
        if matches and matches[0].has_room:
            return _choose(matches, case)
        return self._fall_back(matches, case)

    def _matches(self, case: Case, words: Words, skill_asked: bool) -> list[Score]:
        """Agents with the skill, or with a word in common unless the skill was asked for; best first."""
        matching = {agent.agent_id: agent for agent in self._by_skill.get(case.skill, ())}
        keywords: dict[str, list[str]] = {}
        perspectives: dict[str, list[str]] = {}
        for mention in self._mentions.find(words):
            agent_id = mention.agent.agent_id
            (perspectives if mention.perspective else keywords).setdefault(agent_id, []).append(mention.word)
            if not skill_asked:
                matching[agent_id] = mention.agent
        scores = (score(a, case, keywords.get(i, []), perspectives.get(i, [])) for i, a in matching.items())
        return ranked(scores, case.task_id)

    def _fall_back(self, matches: list[Score], case: Case) -> Choice:
        """Nobody who matches has room: a fallback agent that has, else the best match and its queue."""
        known = {match.agent.agent_id for match in matches}
        fallbacks = ranked(
            (score(a, case, [], []) for a in self._fallbacks if a.agent_id not in known),
            case.task_id,
        )
        if matches and not (fallbacks and fallbacks[0].has_room):
            return _choose(matches, case)
        if not fallbacks:
            return _refuse(case.task_id, case.skill, case.complexity, self._nobody(case.skill))
        chosen = fallbacks[0].agent.agent_id
        cause = f"{matches[0].agent.agent_id} has no room" if matches else f"no agent matches {_spoken(case.skill)}"
        return Choice(
            agent_id=chosen,
            pool=chosen,
            skill=case.skill,
            complexity=case.complexity,
            confidence=round(fallbacks[0].value / 2, 3),
            reason=f"{chosen} takes what nobody else can: {cause}.",
            candidates=[candidate(s, case) for s in (fallbacks + matches)[:CANDIDATES_MAX]],
        )

    def _unknown(self, asked: str) -> str:
        if not self._agents:
            return f"There is no agent {asked!r} at work, nor any other: publish one that has instances."
        near = get_close_matches(asked, self._agents, n=3, cutoff=0.4) or list(self._agents)[:3]
        return f"There is no agent {asked!r} at work. Near it: {', '.join(near)}. Leave it out to let the line choose."

    def _nobody(self, skill: str) -> str:
        known = ", ".join(sorted(self._by_skill)[:8]) or "none"
        return (
            f"No agent matches {_spoken(skill)} and none is a fallback: publish one with that capability or with "
            f"`fallback: true`, or ask for a skill there is (known: {known})."
        )


def skill_name(text: str) -> str:
    """The one spelling of a skill: `Code Review` and `code-review` are `code_review`."""
    return text.strip().lower().replace("-", "_").replace(" ", "_")


def _own_kinds(alive: Iterable[AgentDefinition]) -> dict[str, list[str]]:
    """Kinds of work that are an agent's own, each with the keywords that stand for it.

    Where an agent can also do a kind that the rules know, its keywords may be about that, so they stand for neither.
    """
    kinds: dict[str, list[str]] = {}
    for definition in alive:
        own = {skill_name(name) for name in definition["capabilities"]}
        for skill in own - SKILL_WORDS.keys():
            kinds.setdefault(skill, []).extend(definition["keywords"] if own.isdisjoint(SKILL_WORDS) else [])
    return kinds


def _choose(matches: list[Score], case: Case) -> Choice:
    best, value = matches[0].agent.agent_id, matches[0].value
    second = matches[1] if len(matches) > 1 else None
    lead = value - (second.value if second else 0.0)
    told = [candidate(match, case) for match in matches[:CANDIDATES_MAX]]
    next_best = f"; second: {second.agent.agent_id} ({second.value:.2f})" if second else ""
    return Choice(
        agent_id=best,
        pool=best,
        skill=case.skill,
        complexity=case.complexity,
        confidence=round(0.5 * value + 0.5 * min(1.0, max(0.0, lead) / CLEAR_LEAD), 3),
        reason=f"{best} ({value:.2f}) for {_spoken(case.skill)}: {told[0]['reason']}{next_best}.",
        candidates=told,
    )


def _join(task: TaskSubmitted, skill: str, complexity: float) -> Choice:
    reason = f"Runs as {len(task['items'])} items, each routed on its own, and joins their results."
    return Choice(None, f"join:{task['task_id']}", skill, complexity, 1.0, reason)


def _refuse(task_id: str, skill: str, complexity: float, refusal: str) -> Choice:
    return Choice(None, f"refused:{task_id}", skill, complexity, 1.0, refusal, refusal=refusal)


def _spoken(skill: str) -> str:
    return "work of no known kind" if skill == GENERAL else skill
