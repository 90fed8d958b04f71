"""The model in use, kept ready beside the router: a thread loads it and reads the agents' descriptions, tries it out,
and hands it over whole, so that no task waits for a promotion, nor for a model that is slow or broken.

Whatever is wrong with a model, the rules answer; a metric and the log say why. One that fails or is slow three times in
a row is not asked again before it has answered well here, beside the work.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from infra import embedding, metrics, models
from processors.learning.learned import Learned, Made, Opinion, made
from processors.reading import Places
from processors.routing import ByMeaning
from processors.skills import skill_meant
from processors.standing import Standing
from schemas.codec import BadMessage, decode_as, encode
from schemas.events import AgentDefinition, RoutingModel, SkillDefinition, TaskSubmitted

LOOK_S = 0.5
"""How often it looks whether anything has changed: a promotion is in use within a second."""
BUDGET_S = 0.05
"""Longest an opinion may take."""
TROUBLES_MAX = 3
"""Failures or slow opinions in a row after which a model is not asked any more."""
RETRY_S = 5.0
TEXTS_KEPT = 1024

Vector = NDArray[np.float32]
log = structlog.get_logger()


class Known(Protocol):
    """What it needs of the registry: each is a new dict after a change."""

    @property
    def agents(self) -> Mapping[str, AgentDefinition]: ...
    @property
    def skills(self) -> Mapping[str, SkillDefinition]: ...
    @property
    def models(self) -> Mapping[str, RoutingModel]: ...


class Remembering:
    """An embedder that knows the newest texts by heart: rules and model both ask for the vector of a task."""

    def __init__(self, embedder: embedding.Embedder) -> None:
        self._embedder = embedder
        self.name = embedder.name
        self.size = embedder.size
        self._known: dict[str, Vector] = {}

    def embed(self, texts: Sequence[str]) -> Vector:
        if len(self._known) >= TEXTS_KEPT:
            self._known.clear()
        known = {text: vector for text in texts if (vector := self._known.get(text)) is not None}
        if new := [text for text in dict.fromkeys(texts) if text not in known]:
            made = dict(zip(new, self._embedder.embed(new), strict=True))
            self._known |= made
            known |= made
        return np.array([known[text] for text in texts], np.float32).reshape(len(texts), self.size)


class Guarded:
    """A model that is asked only as long as it answers, and in time."""

    def __init__(self, made: Made, embedder: Remembering, vectors: Mapping[str, Vector]) -> None:
        self.name = made.name
        self.made = made
        self._embedder = embedder
        self.vectors = vectors
        """Of the agents' descriptions, by agent."""
        self._learned: Learned | None = None
        self._troubles = 0
        self._out = ""
        """Why it is not asked; empty while it is."""

    def beside(self, agents: Sequence[AgentDefinition]) -> "Guarded":
        """Asked about these agents from now on. One whose description is not read yet has none for now."""
        self._learned = self._of(agents, self.made)
        return self

    def ask(
        self, tasks: Sequence[TaskSubmitted], standing: Standing, places: Places | None = None
    ) -> Sequence[Opinion] | str:
        assert self._learned is not None
        if self._out:
            return self._out
        began = time.perf_counter()
        try:
            opinions = self._learned.ask(tasks, standing, places)
        except Exception as error:  # whatever a model does, the task goes on
            return self._trouble("failed", f"{type(error).__name__}: {error}")
        took = (time.perf_counter() - began) / len(tasks)
        for _ in tasks:
            metrics.MODEL_OPINION.observe(took)
        if took > BUDGET_S:
            self._trouble("slow", f"{took * 1000:.0f} ms for an opinion, of {BUDGET_S * 1000:.0f}")
        else:
            self._troubles = 0
        return opinions

    def _trouble(self, kind: str, said: str) -> str:
        metrics.MODEL_TROUBLES.labels(kind).inc()
        self._troubles += 1
        if self._troubles >= TROUBLES_MAX and not self._out:
            self._out = f"{self.name} is out of service: {said}"
            log.warning("the rules answer for the model until it is well", model=self.name, trouble=kind, said=said)
        return f"{self.name} had no answer: {said}"

    @property
    def is_out(self) -> bool:
        return bool(self._out)

    def try_out(self, agents: Sequence[AgentDefinition]) -> str:
        """Asks it beside the work; what is wrong with it, empty when nothing is."""
        learned = self._of(agents, self.made._replace(inputs=None))  # no task of the line's
        standing = Standing([agent["agent_id"] for agent in agents])
        took = []
        try:
            for number in range(TROUBLES_MAX):
                began = time.perf_counter()
                learned.ask([_trial(number)], standing)
                took.append(time.perf_counter() - began)
        except Exception as error:  # as above
            return f"{type(error).__name__}: {error}"
        return "" if min(took) <= BUDGET_S else f"{min(took) * 1000:.0f} ms for an opinion"

    def recover(self, agents: Sequence[AgentDefinition]) -> None:
        if self._out and not self.try_out(agents):
            self._troubles, self._out = 0, ""
            log.info("the model is well again", model=self.name)

    def _of(self, agents: Sequence[AgentDefinition], made: Made) -> Learned:
        nothing = np.zeros(self._embedder.size, np.float32)
        rows = [self.vectors.get(agent["agent_id"], nothing) for agent in agents]
        vectors = np.stack(rows) if rows else np.zeros((0, self._embedder.size), np.float32)
        return Learned(made, self._embedder.embed, agents, vectors)


def usable(record: RoutingModel, embedder: str) -> Made:
    """The model of a record. Raises BadModel or BadMessage."""
    arrays, notes = models.from_bytes(record["weights"])
    return made(record, arrays, notes, embedder)


@dataclass(frozen=True, slots=True)
class Ready:
    """What the router works with until the next one is ready."""

    scorer: Guarded | None = None
    no_scorer: str = "what was learned is still being loaded"
    meant: ByMeaning | None = None
    """Tells the skill that a text means where no word says it."""


class Promoted:
    """Makes the newest `ready`. Start it once; it ends with the process, or when it is closed."""

    def __init__(
        self,
        registry: Known,
        load: Callable[[], embedding.Embedder],
        make: Callable[[RoutingModel, str], Made] = usable,
    ) -> None:
        """`load`: gives the embedder, which may take its time; `make`: the model of a record, for this embedder."""
        self.ready = Ready()
        self._registry = registry
        self._load_embedder = load
        self._make = make
        self._embedder: Remembering | None = None
        self._made: Made | None = None
        self._vectors: dict[str, Vector] = {}
        """By description."""
        self._agents: Mapping[str, AgentDefinition] | None = None
        self._skills: Mapping[str, SkillDefinition] | None = None
        self._models: Mapping[str, RoutingModel] | None = None
        self._used: RoutingModel | None = None
        self._no_model = ""
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="promoted", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        recover_at = 0.0
        while not self._stopping.wait(LOOK_S):
            try:
                self.look()
                scorer = self.ready.scorer
                if scorer is not None and scorer.is_out and time.monotonic() >= recover_at:
                    recover_at = time.monotonic() + RETRY_S
                    scorer.recover(list(self._registry.agents.values()))
            except Exception as error:  # the rules go on, and so does the next look
                metrics.MODEL_TROUBLES.labels("unusable").inc()
                log.exception("what was learned could not be made ready, the rules answer")
                self.ready = Ready(no_scorer=f"what was learned could not be made ready: {error}")
                self._stopping.wait(RETRY_S)

    def look(self) -> None:
        """Makes ready what has changed."""
        agents, skills, known = self._registry.agents, self._registry.skills, self._registry.models
        same = agents is self._agents and skills is self._skills and known is self._models
        if not same:
            embedder = self._embedder = self._embedder or Remembering(self._load_embedder())
            if known is not self._models:
                self._load(models.champion(known), embedder)
            meant = self.ready.meant
            if skills is not self._skills:
                meant = skill_meant(embedder, skills) if skills else None
            if agents is not self._agents or known is not self._models:
                self.ready = Ready(self._scorer(agents, embedder), self._no_model, meant)
            else:
                self.ready = Ready(self.ready.scorer, self._no_model, meant)
            self._agents, self._skills, self._models = agents, skills, known
        if self._made is not None and self._made.inputs is not None:
            for feature, psi in self._made.inputs.psi().items():
                metrics.DRIFT_PSI.labels(feature).set(psi)

    def _load(self, used: RoutingModel | None, embedder: Remembering) -> None:
        """The model of the record that is in use; where it cannot be used, why."""
        if used == self._used and used is not None:
            return
        self._used, self._made = used, None
        if used is None or used["name"] == models.RULES:
            self._no_model = "no model is in use" if used is None else "the rules alone are in use"
            return
        try:
            self._made = self._make(used, embedder.name)
        except (BadMessage, ValueError) as error:
            self._unusable(used["name"], str(error))

    def _unusable(self, name: str, why: str) -> None:
        self._made = None
        self._no_model = f"{name} cannot be used: {why}"
        metrics.MODEL_TROUBLES.labels("unusable").inc()
        log.warning("the model in use cannot be used, the rules answer", model=name, error=why)

    def _scorer(self, agents: Mapping[str, AgentDefinition], embedder: Remembering) -> Guarded | None:
        if self._made is not None:
            self._read({agent["description"] for agent in agents.values()}, embedder)
            vectors = {name: self._vectors[agent["description"]] for name, agent in agents.items()}
            scorer = Guarded(self._made, embedder, vectors)
            wrong = scorer.try_out(list(agents.values()))
            if not wrong:
                if self.ready.scorer is None or self.ready.scorer.made is not self._made:
                    log.info("model in use", model=scorer.name)
                _show(scorer.name)
                return scorer
            self._unusable(scorer.name, wrong)
        _show(None)
        return None

    def _read(self, texts: set[str], embedder: Remembering) -> None:
        """Each description is embedded once, however often the registry changes."""
        self._vectors = {text: vector for text, vector in self._vectors.items() if text in texts}
        if new := sorted(texts - self._vectors.keys()):
            self._vectors |= zip(new, embedder.embed(new), strict=True)


def _show(name: str | None) -> None:
    metrics.MODEL_IN_USE.clear()
    if name is not None:
        metrics.MODEL_IN_USE.labels(name).set(1)


def _trial(number: int) -> TaskSubmitted:
    """A task as any other, each time another text, so that nothing is known by heart."""
    text = f"Review the code of module {number}, and write tests for what is wrong with it."
    who = {"task_id": "trial", "session_id": "trial", "tenant_id": "trial"}
    task: TaskSubmitted = decode_as("TaskSubmitted", encode("TaskSubmitted", {**who, "text": text, "submitted_at": 0}))
    return task
