"""Which agent gets a task: rules over capabilities, keywords, perspectives, experience, role and load.

The order of the queue, the instance and the moment are left to the dispatcher.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from types import MappingProxyType
from typing import Protocol

import numpy as np

from processors.admission import Limits, objection
from processors.features import (
    GENERAL,
    SKILL_WORDS,
    Lexicon,
    SkillWord,
    Words,
    as_written,
    read,
    skill_lexicon,
    skill_of,
    skill_points,
    task_features,
)
from processors.primary import HIGH_PRIORITY
from processors.reading import Places, Reading, Ruling, in_turn, mentions_of, ranked
from processors.skills import Meant, capable
from processors.standing import Flags, Floats, Standing, experience
from processors.suitability import BANDS, Agent, Score, band, role_fit, values, weighed, why, with_room
from processors.weighing.weights import factor
from schemas.events import (
    AgentDefinition,
    AgentWeight,
    Candidate,
    Decided,
    PoolStatus,
    RoutingStep,
    SkillDefinition,
    TaskSubmitted,
)

ByMeaning = Callable[[str], Meant | None]
"""Tells the skill that a text is like."""

RULES = "rules/2"
CLEAR_LEAD = 0.3
"""Lead over the second at which the choice counts as clear."""
CANDIDATES_MAX = 8
"""Candidates told in a decision: the whole of a large registry would make each decision tens of kilobytes."""

_WORDS_TOLD = 4
"""Words told in the reason of a skill."""


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
    decided: Decided | None = None
    """What was known of the agent, to learn from once the outcome is there; None where no agent was chosen."""
    model: str | None = None
    steps: list[RoutingStep] = field(default_factory=list)
    alternative: str | None = None


class Router(Protocol):
    """What the line needs of a router; a learned one stands behind the same method."""

    def route(self, task: TaskSubmitted, pools: Mapping[str, PoolStatus]) -> Choice: ...


class Index:
    """The rules over one registry, indexed by word and skill. Build a new one when the registry changes."""

    def __init__(
        self,
        registry: Mapping[str, AgentDefinition],
        limits: Limits,
        skills: Mapping[str, SkillDefinition] | None = None,
        meant: ByMeaning = lambda text: None,
        weights: Mapping[str, AgentWeight] = MappingProxyType({}),
    ) -> None:
        """`skills`: those that are defined. `meant`: the skill that a text is like, asked where no word says it.
        `weights`: of those whose weight is not 1."""
        self._limits = limits
        self._meant = meant
        defined = skills or {}
        alive = [a for a in registry.values() if not a["removed"] and a["instances"] > 0]
        alive.sort(key=lambda a: a["agent_id"])
        self.definitions = alive
        self.ids = tuple(a["agent_id"] for a in alive)
        self.places = {agent_id: place for place, agent_id in enumerate(self.ids)}
        self.standing = Standing(self.ids)
        self._agents = [Agent(a["agent_id"], a["role"], _abilities(a, defined), a["fallback"]) for a in alive]
        self._weights = weights
        self._weight: Floats = np.array([factor(weights.get(agent_id)) for agent_id in self.ids], np.float64)
        self.fallbacks: Flags = np.array([a.fallback for a in self._agents], np.bool_)
        self._by_skill: dict[str, Flags] = {}
        for place, agent in enumerate(self._agents):
            for skill in agent.capabilities:
                self._by_skill.setdefault(skill, np.zeros(len(alive), np.bool_))[place] = True
        self._groups: dict[str, Places] = {}
        self._nobody_able: Flags = np.zeros(len(alive), np.bool_)
        self._fit = {name: np.array([role_fit(a.role, name) for a in self._agents]) for name in BANDS}
        self._skills = skill_lexicon(_own_kinds(alive), {name: one["words"] for name, one in defined.items()})
        self._mentions = Lexicon(mentions_of(alive))

    def route(self, task: TaskSubmitted, pools: Mapping[str, PoolStatus]) -> Choice:
        """The choice of the rules alone."""
        (reading,) = self.read([task], pools)
        if isinstance(reading, Choice):
            return reading
        return self.ruled(reading, self.rule(reading))

    def read(self, tasks: Sequence[TaskSubmitted], pools: Mapping[str, PoolStatus]) -> list[Reading | Choice]:
        """What there is to know of each task; the choice itself where none is left to make."""
        self.standing.refresh(pools)
        return [self._read(task, pools) for task in tasks]

    def _read(self, task: TaskSubmitted, pools: Mapping[str, PoolStatus]) -> Reading | Choice:
        refusal = objection(task, self._limits)
        if refusal:
            return _refuse(task["task_id"], GENERAL, 0.0, refusal)
        words = read(task["text"])
        found = self._skills.find(words)
        points = skill_points(found)
        features = task_features(task["text"], len(task["items"]), words, points)
        complexity = features.complexity_score
        skill, skill_reason = self._kind(task, words, found, points)
        asked = task["agent_id"]
        if asked is not None and asked not in self.places:
            return _refuse(task["task_id"], skill, complexity, self._unknown(asked))
        if task["items"]:
            return _join(task, skill, complexity)
        if asked is not None:
            named = Choice(asked, asked, skill, complexity, 1.0, f"{asked} was asked for by name.")
            return replace(named, decided=known(named, pools.get(asked)))
        mentions = self._mentions.find(words)
        able = self._by_skill.get(skill, self._nobody_able)
        counts, looking, matching = np.zeros(len(self.ids)), np.zeros(len(self.ids), np.bool_), able
        for mention in mentions:
            if mention.perspective:
                looking[mention.places] = True
            else:
                counts[mention.places] += 1
        if task["skill"] is None:
            matching = able | looking | (counts > 0)
        if task["priority"] <= HIGH_PRIORITY:
            matching = self._living(matching)
        merits = values(able, counts, looking, self._fit[band(task["priority"])], self.standing)
        scores = weighed(merits, self._weight) if self._weights else merits
        room = with_room(self.standing, complexity)
        weight = self._weight
        return Reading(task, skill, skill_reason, features, merits, weight, scores, room, able, matching, mentions)

    def _kind(
        self, task: TaskSubmitted, words: Words, found: list[SkillWord], points: Mapping[str, int]
    ) -> tuple[str, str]:
        """The kind of work, and what says so."""
        if task["skill"]:
            return skill_name(task["skill"]), "the task asks for it"
        skill = skill_of(points)
        if skill != GENERAL:
            said = list(dict.fromkeys(word.word for word in found if word.skill == skill))[:_WORDS_TOLD]
            return skill, f"said by {', '.join(f'`{as_written(word, words)}`' for word in said)}"
        like = self._meant(task["text"])
        return (like.skill, like.reason) if like else (GENERAL, "no word says what kind of work it is")

    def _living(self, flags: Flags) -> Flags:
        """Those of them that have a live instance, where there is one: work that is urgent joins no dead queue."""
        living = flags & ~self.standing.gone
        return living if living.any() else flags

    def group(self, reading: Reading) -> Places | None:
        """Those who can do the skill, and the fallbacks; None where nobody can. The same object for the same skill."""
        if not reading.able.any():
            return None
        if reading.skill not in self._groups:
            self._groups[reading.skill] = np.flatnonzero(reading.able | self.fallbacks)
        return self._groups[reading.skill]

    def rule(self, reading: Reading) -> Ruling:
        order = ranked(reading, np.flatnonzero(reading.matching))
        if len(order) and reading.room[order[0]]:
            return self._ruling(reading, order)
        return self._fall_back(reading, order)

    def _ruling(self, reading: Reading, order: Places) -> Ruling:
        first = order[0]
        order, equals, shares = in_turn(reading, order)
        best = int(order[0])
        value, others = float(reading.scores[best]), reading.scores[order[1:]]
        # Equals lead nobody; how sure they are must not depend on whose turn it is: the propensity does not tell of it.
        lead = 0.0 if len(equals) > 1 else value - (float(others[0]) if len(others) else 0.0)
        sure = confidence(float(reading.scores[first]), lead / CLEAR_LEAD)
        next_best = f"; second: {self.ids[order[1]]} ({reading.scores[order[1]]:.2f})" if len(order) > 1 else ""
        told = self.why(reading, best)
        reason = f"{self.ids[best]} ({value:.2f}) for {_spoken(reading.skill)}: {told}{next_best}."
        return Ruling(best, equals, shares, order, sure, reason)

    def _fall_back(self, reading: Reading, matches: Places) -> Ruling:
        """Nobody who matches has room: a fallback agent that has, else the best match and its queue. Work of high
        priority whose agents have all failed goes to the primary's queue, as what waited for them does (primary.py).
        """
        others = self.fallbacks & ~reading.matching
        gone = len(matches) > 0 and bool(self.standing.gone[matches[0]])
        takes = reading.room
        if reading.task["priority"] <= HIGH_PRIORITY:
            others = self._living(others)
            if gone:
                takes = self.standing.takes
                others = others & takes if (others & takes).any() else others
        fallbacks = ranked(reading, np.flatnonzero(others))
        if len(matches) and not (len(fallbacks) and takes[fallbacks[0]]):
            return self._ruling(reading, matches)
        if not len(fallbacks):
            return Ruling(None, fallbacks, np.zeros(0), fallbacks, 1.0, self._nobody(reading.skill))
        sure = round(float(reading.scores[fallbacks[0]]) / 2, 3)
        fallbacks, equals, shares = in_turn(reading, fallbacks)
        best = int(fallbacks[0])
        cause = f"no agent matches {_spoken(reading.skill)}"
        if len(matches):
            best_match = self.ids[matches[0]]
            cause = f"no instance of {best_match} is alive" if gone else f"{best_match} has no room"
        reason = f"{self.ids[best]} takes what nobody else can: {cause}."
        order = np.concatenate([fallbacks, matches])
        return Ruling(best, equals, shares, order, sure, reason)

    def ruled(self, reading: Reading, ruling: Ruling) -> Choice:
        """The choice that the rules made."""
        task_id, skill, complexity = reading.task["task_id"], reading.skill, reading.features.complexity_score
        if ruling.place is None:
            return _refuse(task_id, skill, complexity, ruling.reason)
        best = self.ids[ruling.place]
        choice = Choice(
            agent_id=best,
            pool=best,
            skill=skill,
            complexity=complexity,
            confidence=ruling.confidence,
            reason=ruling.reason,
            candidates=[self.candidate(reading, int(place)) for place in ruling.order[:CANDIDATES_MAX]],
            propensity=float(ruling.shares[ruling.equals == ruling.place][0]),
        )
        return replace(choice, decided=known(choice, self.standing.of(ruling.place)))

    def why(self, reading: Reading, place: int) -> str:
        score = Score(
            self._agents[place],
            float(reading.scores[place]),
            bool(reading.room[place]),
            bool(reading.able[place]),
            reading.words(place, perspective=False),
            reading.words(place, perspective=True),
            self._weights.get(self.ids[place]),
        )
        return why(score, reading.skill, reading.task["priority"], self.standing.of(place))

    def candidate(self, reading: Reading, place: int) -> Candidate:
        return {
            "agent_id": self.ids[place],
            "score": float(reading.scores[place]),
            "reason": self.why(reading, place),
            "learned": None,
            "cost_usd_micros": None,
            "wait_ms": None,
            "utility": None,
        }

    def _unknown(self, asked: str) -> str:
        if not self.ids:
            return f"There is no agent {asked!r} at work, nor any other: publish one that has instances."
        near = get_close_matches(asked, self.ids, n=3, cutoff=0.4) or self.ids[:3]
        return f"There is no agent {asked!r} at work. Near it: {', '.join(near)}. Leave it out to let the line choose."

    def _nobody(self, skill: str) -> str:
        known = ", ".join(sorted(self._by_skill)[:8]) or "none"
        return (
            f"No agent matches {_spoken(skill)} and none is a fallback: publish one with that capability or with "
            f"`fallback: true`, or ask for a skill there is (known: {known})."
        )


def known(
    choice: Choice, status: PoolStatus | None, scorer: str | None = None, expected: float | None = None
) -> Decided:
    """What is known at the choice of an agent, whose pool was last in this state. `scorer`: the learned model that was
    asked, and the probability of success that it `expected`; the rules expect nothing.

    The success rate is the one that the rules count with, so that an agent without any run has a likely one.
    """
    return {
        "router": choice.router,
        "propensity": choice.propensity,
        "scorer": scorer,
        "expected": expected,
        "complexity": choice.complexity,
        "past_success_rate": experience(status),
        "recent_task_count": status["completed"] + status["failed"] if status else 0,
        "avg_task_duration_ms": status["mean_response_ms"] if status else 0.0,
    }


def skill_name(text: str) -> str:
    """The one spelling of a skill: `Code Review` and `code-review` are `code_review`."""
    return text.strip().lower().replace("-", "_").replace(" ", "_")


def _abilities(definition: AgentDefinition, defined: Mapping[str, SkillDefinition]) -> frozenset[str]:
    """The skills of an agent: what it names, and what is defined as done by those who can do such things."""
    named = frozenset(map(skill_name, definition["capabilities"]))
    return named | {name for name, skill in defined.items() if capable(skill, named)}


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


def confidence(value: float, lead: float) -> float:
    """How sure a choice is, 0–1: half by how good it is, half by its lead, of which 1 is a clear one."""
    return round(0.5 * value + 0.5 * min(1.0, max(0.0, lead)), 3)


def _join(task: TaskSubmitted, skill: str, complexity: float) -> Choice:
    reason = f"Runs as {len(task['items'])} items, each routed on its own, and joins their results."
    return Choice(None, f"join:{task['task_id']}", skill, complexity, 1.0, reason)


def _refuse(task_id: str, skill: str, complexity: float, refusal: str) -> Choice:
    return Choice(None, f"refused:{task_id}", skill, complexity, 1.0, refusal, refusal=refusal)


def _spoken(skill: str) -> str:
    return "work of no known kind" if skill == GENERAL else skill
