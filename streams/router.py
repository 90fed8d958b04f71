"""The router service: submitted tasks in, routing decisions out."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import structlog

from infra import embedding, metrics
from infra.overloaded import Overloaded
from infra.per_task import PerTask
from infra.registry import AGENTS, EXPERIMENTS, MODELS, POOLS, SKILLS, WEIGHTS, Registry
from infra.settings import ROUTING_LEARNED, Settings
from processors.admission import Limits, bad_ids, oversize
from processors.experiments.assignment import Assignment
from processors.learning.hybrid import Asked, Hybrid, Terms
from processors.learning.utility import Costs, Units
from processors.pricing import with_own
from processors.remembered import Remembered
from processors.routing import Choice, Index
from processors.skills import models_of
from processors.weighing.weights import counted
from schemas.codec import BadMessage, decode_as, encode
from schemas.events import Experiment, Exposure, Override, RoutingDecision, TaskSubmitted
from streams.app import Line
from streams.promoted import Promoted, Ready
from streams.shard import Write

TOPICS = ["tasks.submitted"]
LOG = "routing.log"
_NEVER = 2**62
_TEXT_KEPT = 1000

log = structlog.get_logger()


def terms_of(settings: Settings) -> Terms:
    units = Units(settings.cost_unit_usd, settings.wait_unit_s)
    return Terms(settings.routing == ROUTING_LEARNED, settings.explore, units)


class Enrolled(NamedTuple):
    """A task, the experiments that it takes part in, and the settings that differ for it."""

    task: TaskSubmitted
    exposures: list[Exposure]
    settings: list[Override]
    measured: bool
    """Whether one of them compares routers."""


class Routing:
    """The router over the newest registries and the newest model that is ready. The index is built anew when an agent,
    a skill or a weight changes, the assignment to experiments when one of these does."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        promoted: Promoted,
        paused: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """`paused`: models that were overloaded a moment ago."""
        self._registry = registry
        self._paused = paused
        self._settings = settings
        self._promoted = promoted
        self._limits = Limits(settings.text_bytes_max, settings.items_max)
        self._prices = with_own(settings.model_prices)
        self._terms = PerTask(settings, terms_of).of
        self._version = -1
        self._ready: Ready | None = None
        self._index = Index({}, self._limits)
        self._hybrid = Hybrid(self._index)
        self._experiments: Mapping[str, Experiment] = {}
        self._assignment = Assignment(())

    def choose(self, tasks: Sequence["Enrolled"]) -> list[Choice]:
        """The choice for each of them, in their order."""
        self._renew()
        asked = [Asked(one.task, self._terms(one.settings), one.settings, one.measured) for one in tasks]
        return self._hybrid.route(asked, self._registry.pools)

    def _renew(self) -> None:
        ready, version = self._promoted.ready, self._registry.version
        if version == self._version and ready is self._ready:
            return
        skills = self._registry.skills
        if version != self._version or self._ready is None or ready.meant is not self._ready.meant:
            agents, weights = self._registry.agents, counted(self._registry.weights, self._settings.weights)
            self._index = Index(agents, self._limits, skills, ready.meant or _means_nothing, weights)
            log.info("registry", agents=len(agents), skills=len(skills), weights=len(weights))
        self._version, self._ready = version, ready
        definitions, settings = self._index.definitions, self._settings
        scorer = ready.scorer.beside(definitions) if ready.scorer else None
        costs = Costs(definitions, self._prices, settings.model_default, bool(settings.anthropic_api_key))
        self._hybrid = Hybrid(self._index, scorer, skills, costs, self._prices, ready.no_scorer, self._paused)

    def enrol(self, task: TaskSubmitted) -> "Enrolled":
        if self._registry.experiments is not self._experiments:
            self._experiments = self._registry.experiments
            self._assignment = Assignment(self._experiments.values())
            log.info("experiments", running=sum(e["status"] == "running" for e in self._experiments.values()))
        exposures, settings = self._assignment.of(task)
        measured = any(self._experiments[one["experiment"]]["parameter"] == "routing" for one in exposures)
        return Enrolled(task, exposures, settings, measured)


class RouteDesk:
    """Each id gets one decision, however often and after whatever crash it comes: the log has the ids decided.

    What comes in is gathered, and decided together when it has to be written.
    """

    def __init__(self, router: Routing, remembered_max: int) -> None:
        self._router = router
        self._decided = Remembered(remembered_max)
        self._gathered: list[tuple[Enrolled, bytes, str | None]] = []
        """Each with the bytes that travel on, and why it is refused."""
        self._forgotten: list[str] = []

    def restore(self, records: Mapping[str, bytes], now: int) -> None:
        for task_id in records:
            self._decided.add(task_id)

    def handle(self, topic: str, value: bytes | None, now: int) -> None:
        task: TaskSubmitted = decode_as("TaskSubmitted", value)
        task_id = task["task_id"]
        if task_id in self._decided:
            metrics.REPEATS.labels(topic).inc()
            return
        if wrong := bad_ids(task):
            raise BadMessage(wrong)
        raw = value or b""
        refusal = oversize(len(raw))
        if refusal:
            task = _shortened(task)
            raw = encode("TaskSubmitted", task)
        self._gathered.append((self._router.enrol(task), raw, refusal))
        self._forgotten += self._decided.add(task_id)

    def tick(self, now: int) -> None:
        """Nothing here waits for time."""

    def due_at(self) -> int:
        return _NEVER

    def take(self, now: int) -> list[Write]:
        gathered, self._gathered = self._gathered, []
        forgotten, self._forgotten = self._forgotten, []
        if not gathered:
            return []
        started = time.monotonic()
        choices = self._router.choose([enrolled for enrolled, _, _ in gathered])
        took = (time.monotonic() - started) / len(gathered)
        writes = []
        for (enrolled, raw, refusal), choice in zip(gathered, choices, strict=True):
            metrics.DECISION.observe(took)
            decision = _decision(enrolled, raw, refusal, choice, now)
            _count(decision)
            task_id = decision["task_id"]
            writes.append(Write("routing.decisions", choice.pool, encode("RoutingDecision", decision), task_id))
            writes.append(Write(LOG, task_id, encode("TaskDecided", {"task_id": task_id, "at": now})))
        return writes + [Write(LOG, task_id, None) for task_id in forgotten]

    def close(self) -> None:
        """Nothing here outlives a partition."""


def _decision(enrolled: Enrolled, raw: bytes, refusal: str | None, choice: Choice, now: int) -> RoutingDecision:
    task = enrolled.task
    return {
        "event_id": f"{task['task_id']}/decision",
        "task_id": task["task_id"],
        "session_id": task["session_id"],
        "tenant_id": task["tenant_id"],
        "decided_at": now,
        "agent_id": None if refusal else choice.agent_id,
        "pool": choice.pool,
        "skill": choice.skill,
        "complexity": choice.complexity,
        "confidence": choice.confidence,
        "propensity": choice.propensity,
        "router": choice.router,
        "reason": choice.reason,
        "candidates": choice.candidates,
        "refusal": refusal or choice.refusal,
        "task": raw,
        "exposures": enrolled.exposures,
        "settings": enrolled.settings,
        "decided": None if refusal else choice.decided,
        "model": None if refusal else choice.model,
        "steps": choice.steps,
        "alternative": choice.alternative,
    }


def _count(decision: RoutingDecision) -> None:
    if decision["refusal"]:
        metrics.UNROUTABLE.inc()
    else:
        metrics.DECISIONS.labels(decision["agent_id"] or "").inc()
        tried = any(step["step"] == "exploration" and step["result"] == "tried" for step in decision["steps"])
        metrics.CHOICES.labels(decision["router"], str(tried).lower()).inc()


def _shortened(task: TaskSubmitted) -> TaskSubmitted:
    """Enough of a task that is too large to travel to give it its outcome."""
    return {**task, "text": task["text"][:_TEXT_KEPT], "items": [], "skill": None, "agent_id": None, "model": None}


def _means_nothing(text: str) -> None:
    """Until the skills are read."""


def main(settings: Settings, index: int) -> None:
    registry = Registry(settings, (AGENTS, POOLS, EXPERIMENTS, SKILLS, MODELS, WEIGHTS))
    registry.wait_ready()
    promoted = Promoted(registry, lambda: embedding.load(settings.embedder))
    promoted.start()
    overloaded = Overloaded(settings, lambda: models_of(registry.skills.values()))
    overloaded.start()
    router = Routing(registry, settings, promoted, lambda: overloaded.names)
    Line(settings, "router", index, TOPICS, LOG, lambda _: RouteDesk(router, settings.remembered_max)).run()
