"""One training from beginning to end: a range of samples, several kinds of models, the gate, the event."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from infra import embedding, models, registry
from infra.settings import Settings
from processors.learning import blend
from processors.learning.drift import Reference
from processors.learning.learned import INPUTS
from processors.learning.model import FEATURES, BadModel, Labelled, Model, Tasks
from schemas.codec import BadMessage
from schemas.events import AgentDefinition, ModelStatus, RoutingModel, SampleRange
from scorer_service import dataset, gate, ranges
from scorer_service.dataset import Dataset

CHUNK = 2048
"""Tasks that a model is asked about at a time."""
DRAWN = 20.0
"""How many samples of all agents an agent's own rate is drawn towards."""

log = structlog.get_logger()


class NothingToLearn(Exception):
    """There are not the samples that a training takes. The text says what there is."""


class Trainer(Protocol):
    """What makes models; a stand-in takes its place in tests that can do without torch."""

    @property
    def kinds(self) -> Sequence[str]: ...

    def train(self, kind: str, data: Labelled, seed: int) -> Model: ...

    def restore(self, kind: str, arrays: Mapping[str, NDArray[Any]]) -> Model: ...


class Torch:
    """The real one. Torch is loaded when it trains, and stays in this process until its end."""

    def __init__(self) -> None:
        """Raises ImportError where torch is missing: now, and not when everything is read."""
        from scorer_service import training

        if find_spec("torch") is None:
            raise ImportError("torch")
        self._training = training
        self.kinds: Sequence[str] = training.KINDS

    def train(self, kind: str, data: Labelled, seed: int) -> Model:
        return self._training.train(kind, data, seed)

    def restore(self, kind: str, arrays: Mapping[str, NDArray[Any]]) -> Model:
        return blend.restore(kind, arrays)


@dataclass(frozen=True)
class Asked:
    since: str | None = None
    until: str | None = None
    seed: int = 0
    kinds: Sequence[str] | None = None
    """None: all there are."""
    dry_run: bool = False
    """True: nothing is published."""
    by: str = "scorer"


@dataclass(frozen=True)
class Tried:
    """A model of one kind, as it will be stored, and how it did on what was held out."""

    kind: str
    weights: bytes
    scores: gate.Scores
    figures: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Made:
    """What came of one range."""

    data: Dataset
    best: Tried
    tried: list[Tried]
    finding: gate.Finding


def run(settings: Settings, asked: Asked, trainer: Trainer) -> dict[str, Any]:
    """What happened, for programs. Raises BadRange, NothingToLearn, KafkaTrouble."""
    began = time.monotonic()
    chosen = ranges.chosen(settings, asked.since, asked.until)
    embedder = embedding.load(settings.embedder)
    agents: dict[str, AgentDefinition] = {
        name: agent for name, agent in registry.newest(settings, registry.AGENTS).items() if not agent["removed"]
    }
    known = models.all_models(settings)

    def make(some: list[SampleRange]) -> Made:
        data = dataset.load(settings, some, agents, embedder)
        _check_enough(settings, data)
        best, tried = compared(data, trainer, asked.kinds or trainer.kinds, asked.seed, embedder.name)
        return Made(data, best, tried, judged(data, best, known, trainer, embedder.name, settings.gate_certainty))

    made = make(chosen)
    if asked.since is None and asked.until is None:
        made = of_what_holds(make, chosen, made)
    model = event_of(made.best, made.finding, made.data, asked, embedder.name)
    if not asked.dry_run:
        used = models.champion(known)
        model = publish(settings, model, used["name"] if used else None)
    return _told(model, made.data, made.tried, asked.dry_run, time.monotonic() - began)


def of_what_holds(make: Callable[[list[SampleRange]], Made], chosen: list[SampleRange], made: Made) -> Made:
    """Where agents have changed since the beginning of the range: what the newer half of it makes, and so on, as far as
    there are enough samples."""
    while made.finding.changed:
        chosen = ranges.newer_half(chosen)
        try:
            made = make(chosen)
        except NothingToLearn:
            break
        log.info("agents have changed, trained on newer samples alone", samples=len(made.data))
    return made


def _check_enough(settings: Settings, data: Dataset) -> None:
    if len(data) < settings.train_min_samples:
        wrong = f", and {data.malformed.total():,} records that make no sense" if data.malformed else ""
        raise NothingToLearn(
            f"There are {len(data):,} samples between these ends ({ranges.spoken(data.ranges)}){wrong}: learning takes "
            f"{settings.train_min_samples:,} (train_min_samples). Let the line do more tasks, or choose a longer range."
        )


def compared(
    data: Dataset, trainer: Trainer, kinds: Sequence[str], seed: int, embedder: str
) -> tuple[Tried, list[Tried]]:
    """The kind with the least log loss on what was held out, and all."""
    held, _ = data.held_out()
    tried = [_try(data, held, trainer, kind, seed, embedder) for kind in kinds]
    return min(tried, key=lambda one: one.figures["log_loss"]), tried


def _try(data: Dataset, held: NDArray[np.bool_], trainer: Trainer, kind: str, seed: int, embedder: str) -> Tried:
    began = time.monotonic()
    labelled = data.labelled(~held)
    made = trainer.train(kind, labelled, seed)
    notes = {
        "kind": kind,
        "embedder": embedder,
        "features": FEATURES,
        INPUTS: Reference.of(labelled.tasks.features).told(),
    }
    weights = models.to_bytes(made.arrays(), notes)
    arrays, _ = models.from_bytes(weights)
    scores = scores_of(trainer.restore(kind, arrays), data, held)  # as it will be read, not as it was made
    rows = np.arange(int(held.sum()))
    figures = gate.figures(scores.quality[rows, data.option[held]], data.label[held].astype(np.float64))
    log.info("trained", kind=kind, bytes=len(weights), s=round(time.monotonic() - began, 1), **_rounded(figures))
    return Tried(kind, weights, scores, figures, time.monotonic() - began)


def scores_of(model: Model, data: Dataset, rows: NDArray[np.bool_]) -> gate.Scores:
    places = np.flatnonzero(rows)
    quality = np.zeros((len(places), len(data.options.ids)))
    abstains = np.zeros(len(places), np.bool_)
    for start in range(0, len(places), CHUNK):
        some = places[start : start + CHUNK]
        said = model.predict(Tasks(data.vectors[some].astype(np.float32), data.features[some]), data.options)
        quality[start : start + CHUNK], abstains[start : start + CHUNK] = said.quality, said.abstains
    return gate.Scores(quality, abstains)


def judged(
    data: Dataset,
    best: Tried,
    known: Mapping[str, RoutingModel],
    trainer: Trainer,
    embedder: str,
    certainty_min: float,
) -> gate.Finding:
    rows, by_text = data.held_out()
    held = gate.Held(
        option=data.option[rows],
        label=data.label[rows],
        propensity=data.propensity[rows],
        by_rules=data.by_rules[rows],
        ended=data.ended[rows],
        working=data.working,
        rate=_rates(data, ~rows),
    )
    used = _scores_in_use(data, rows, known, trainer, embedder)
    found = gate.judge(held, best.scores, used, certainty_min)
    found.metrics |= {"held_out_by_text": float(by_text), "malformed": float(data.malformed.total())}
    return found


def _scores_in_use(
    data: Dataset, rows: NDArray[np.bool_], known: Mapping[str, RoutingModel], trainer: Trainer, embedder: str
) -> gate.Scores | None:
    """What the model in use says of the same decisions; None where the rules are alone, or it cannot be asked."""
    used = models.champion(known)
    if used is None or used["name"] == models.RULES:
        return None
    if (used["embedder"], used["features"]) != (embedder, FEATURES):
        log.warning(
            "the model in use was made with another embedder or features, and is not compared", model=used["name"]
        )
        return None
    try:
        return scores_of(trainer.restore(used["kind"], models.from_bytes(used["weights"])[0]), data, rows)
    except (BadModel, BadMessage, ValueError) as error:
        log.warning("the model in use cannot be asked, and is not compared", model=used["name"], error=str(error))
        return None


def _rates(data: Dataset, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Each agent's mean label, drawn towards that of all: what one knows without looking at the task."""
    size, label = len(data.options.ids), data.label[rows].astype(np.float64)
    mean = float(label.mean()) if len(label) else 0.5
    sums = np.bincount(data.option[rows], weights=label, minlength=size)
    return np.asarray((sums + DRAWN * mean) / (np.bincount(data.option[rows], minlength=size) + DRAWN))


# --- the event


def event_of(best: Tried, finding: gate.Finding, data: Dataset, asked: Asked, embedder: str) -> RoutingModel:
    now = time.time_ns() // 1000
    status: ModelStatus = "candidate" if finding.passed else "rejected"
    return {
        "name": f"{best.kind}-{datetime.fromtimestamp(now / 1e6, UTC):%Y%m%d-%H%M%S}",
        "kind": best.kind,
        "status": status,
        "reason": finding.reason,
        "by": asked.by,
        "at": now,
        "created_at": now,
        "promoted_at": None,
        "weights": best.weights,
        "weights_hash": models.hash_of(best.weights),
        "embedder": embedder,
        "features": FEATURES,
        "seed": asked.seed,
        "samples": len(data),
        "ranges": data.ranges,
        "metrics": finding.metrics,
    }


def publish(settings: Settings, model: RoutingModel, judged_against: str | None) -> RoutingModel:
    """Writes it, and puts it to use where it passed and nobody has decided otherwise: `promotion` may leave that to
    people, and who has gone back to the rules by hand does not find a new model the next morning."""

    def make(known: dict[str, RoutingModel]) -> list[RoutingModel]:
        used = models.champion(known)
        name = _free(model["name"], known)
        record = model | {"name": name}
        asks_nobody = settings.promotion == "gate" and (used["name"] if used else None) == judged_against
        if model["status"] != "candidate" or not asks_nobody or judged_against == models.RULES:
            return [record]
        return models.promoted({**known, name: record}, name, model["at"], model["by"], model["reason"])

    (written,) = models.change(settings, make)
    log.info("published", model=written["name"], status=written["status"], reason=written["reason"])
    return written


def _free(name: str, known: Mapping[str, RoutingModel]) -> str:
    """Two trainings that end in the same second."""
    return next(n for n in (name, *(f"{name}-{i}" for i in range(2, 1000))) if n not in known)


def _told(model: RoutingModel, data: Dataset, tried: list[Tried], dry_run: bool, seconds: float) -> dict[str, Any]:
    return {
        **{name: value for name, value in model.items() if name != "weights"},
        "weights_bytes": len(model["weights"]),
        "dry_run": dry_run,
        "read": data.read,
        "superseded": data.superseded,
        "left_out": data.left_out,
        "malformed": dict(data.malformed),
        "kinds": {
            one.kind: _rounded(one.figures) | {"seconds": round(one.seconds, 2), "bytes": len(one.weights)}
            for one in tried
        },
        "seconds": round(seconds, 2),
    }


def _rounded(figures: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 4) for name, value in figures.items()}
