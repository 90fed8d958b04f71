"""Learned routers on Kafka: their weights as bytes, which of them is in use, and changing that one at a time.

Weights are safetensors: names, shapes and numbers, nothing that could run. What makes a router of them is left to
`processors.learning`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import structlog

from infra import changing, kafka
from infra.changing import Record
from infra.settings import Settings
from schemas.codec import MESSAGE_BYTES_MAX, BadMessage, decode_as, encode
from schemas.events import RoutingModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

TOPIC = "models"
RULES = "rules"
"""The name under which the rules alone are put to use, like a model."""
_GATE = " The gate said: "

WEIGHTS_BYTES_MAX = 800_000
"""A message has at most `MESSAGE_BYTES_MAX`; the rest is for what is said of the weights."""
ARRAYS_MAX = 256
DTYPES = ("float16", "float32", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "bool")
KEPT = 20
"""Models that were never in use, and models that were, of which the topic keeps the newest; the older are deleted."""

_NOTES = "headway"
"""The one entry of the file's own notes, for several stand in it in an order left to chance, and the hash with it."""
_WRITER = "headway-models"

log = structlog.get_logger()


class BadWeights(BadMessage):
    """The bytes are no weights of ours; the text says what is wrong with them."""


class BadPromotion(ValueError):
    """A model cannot be put to use. The text says why, and what to do."""


# --- weights


def to_bytes(arrays: "Mapping[str, NDArray[Any]]", metadata: Mapping[str, Any]) -> bytes:
    """The same arrays and metadata give the same bytes. Raises BadWeights for what `from_bytes` would refuse."""
    import numpy as np  # here and below: most processes never hold a model
    from safetensors.numpy import save

    whole = {name: np.asarray(a, a.dtype.newbyteorder("="), order="C") for name, a in arrays.items()}
    _check(whole)
    data: bytes = save(whole, {_NOTES: json.dumps(metadata, sort_keys=True)})
    _check_size(data)
    return data


def from_bytes(data: bytes) -> "tuple[dict[str, NDArray[Any]], dict[str, Any]]":
    """The arrays and the metadata. Raises BadWeights for anything else, whatever it is."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    _check_size(data)
    try:
        arrays = load(data)
        notes = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__") or {}
        metadata = json.loads(notes.get(_NOTES, "{}"))
    except (SafetensorError, KeyError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise BadWeights(f"no safetensors: {type(error).__name__} {error}".strip()) from None
    if not isinstance(metadata, dict):
        raise BadWeights("its notes are no JSON object")
    _check(arrays)
    return arrays, metadata


def hash_of(weights: bytes) -> str:
    return hashlib.sha256(weights).hexdigest()


def check(model: RoutingModel) -> None:
    """Raises BadWeights when the weights are not what the record says, or cannot be read."""
    if model["name"] == RULES:
        return
    if hash_of(model["weights"]) != model["weights_hash"]:
        raise BadWeights(f"the weights of {model['name']} are not those of its hash")
    from_bytes(model["weights"])


def _check_size(data: bytes) -> None:
    if len(data) > WEIGHTS_BYTES_MAX:
        raise BadWeights(f"{len(data):,} bytes: weights have at most {WEIGHTS_BYTES_MAX:,}")


def _check(arrays: "Mapping[str, NDArray[Any]]") -> None:
    import numpy as np

    if len(arrays) > ARRAYS_MAX:
        raise BadWeights(f"{len(arrays)} arrays: there may be {ARRAYS_MAX}")
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES:
            raise BadWeights(f"{name} is of {array.dtype.name}; there are {', '.join(DTYPES)}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BadWeights(f"{name} holds what is no number")


# --- which one is in use


def champion(models: Mapping[str, RoutingModel]) -> RoutingModel | None:
    """The one in use; None, or the one named `rules`: rules alone."""
    ever = in_use_since(models)
    return ever[0] if ever else None


def in_use_since(models: Mapping[str, RoutingModel]) -> list[RoutingModel]:
    """Those that were promoted and not taken back, the newest first."""
    ever = [m for m in models.values() if m["status"] == "promoted" and m["promoted_at"] is not None]
    return sorted(ever, key=lambda m: (m["promoted_at"] or 0, m["name"]), reverse=True)


def promoted(
    models: Mapping[str, RoutingModel], name: str, now: int, by: str, reason: str, force: bool = False
) -> list[RoutingModel]:
    """What to write so that this one is in use. A rejected one needs `force` and a reason."""
    if name != RULES and name not in models:
        raise BadPromotion(f"There is no model {name!r}; `headway models list` shows those there are.")
    model = models.get(name) or rules_alone(now)
    used = champion(models)
    if name == (used["name"] if used else RULES):
        raise BadPromotion(f"{name} is in use already.")
    if model["status"] == "rejected" and not (force and reason.strip()):
        raise BadPromotion(
            f"{name} was rejected: {model['reason']} If it is to be used all the same, force it and give a reason."
        )
    said = reason.strip() or ("Back to the rules alone." if name == RULES else "Put to use.")
    return [_changed(model, {"status": "promoted", "promoted_at": _after(used, now)}, said, now, by)]


def rolled_back(
    models: Mapping[str, RoutingModel], now: int, by: str, reason: str, name: str | None = None
) -> list[RoutingModel]:
    """What to write so that the one before is in use again: the first; the second is taken back. It counts as a
    candidate from then on, so that a second rollback goes one further back. `name`: only if this one is in use."""
    ever = in_use_since(models)
    in_use = ever[0]["name"] if ever else RULES
    if name not in (None, in_use):
        raise BadPromotion(f"{name} is not in use, {in_use} is: see whether you mean that one.")
    if in_use == RULES and len(ever) < 2:
        if any(m["promoted_at"] is not None for m in models.values() if m["name"] != RULES):
            raise BadPromotion("All models were taken back already; `headway models promote NAME` puts one to use.")
        raise BadPromotion("The rules alone are in use, and no model was before; there is nothing to go back to.")
    used, before = ever[0], ever[1] if len(ever) > 1 else rules_alone(now)
    why = f": {reason.strip()}" if reason.strip() else "."
    back = {"status": "promoted", "promoted_at": _after(used, now)}
    return [
        _changed(before, back, f"Back from {used['name']}{why}", now, by),
        _changed(used, {"status": "candidate"}, f"Taken back for {before['name']}{why}", now, by),
    ]


def _changed(model: RoutingModel, over: Mapping[str, Any], said: str, now: int, by: str) -> RoutingModel:
    """With the newest reason first; what the gate once said of it stays behind it."""
    before = model["reason"]
    _, mark, gate = before.partition(_GATE)
    gate = gate if mark else before
    reason = said if not gate or said == before else f"{said}{_GATE}{gate}"
    return {**model, **over, "reason": reason, "at": now, "by": by}  # type: ignore[typeddict-item]


def _after(used: RoutingModel | None, now: int) -> int:
    """Later than the one before, whatever the clocks of two machines say."""
    return max(now, (used["promoted_at"] or 0) + 1 if used else 0)


def rules_alone(now: int) -> RoutingModel:
    return {
        "name": RULES,
        "kind": RULES,
        "status": "candidate",
        "reason": "",
        "by": "",
        "at": now,
        "created_at": now,
        "promoted_at": None,
        "weights": b"",
        "weights_hash": "",
        "embedder": "",
        "features": "",
        "seed": 0,
        "samples": 0,
        "ranges": [],
        "metrics": {},
    }


def overdue(models: Mapping[str, RoutingModel]) -> list[str]:
    """Names of those that the topic need not keep. The one in use and the one before are never among them."""
    ever = in_use_since(models)
    never = [m for m in models.values() if m not in ever and m["name"] != RULES]
    never.sort(key=lambda m: (m["created_at"], m["name"]), reverse=True)
    return [m["name"] for m in (*ever[KEPT:], *never[KEPT:]) if m["name"] != RULES]


# --- the topic


def all_models(settings: Settings) -> dict[str, RoutingModel]:
    """The newest readable record of each, by name."""
    known: dict[str, RoutingModel] = {}
    for message in kafka.read_all(settings, TOPIC):
        name = (message.key() or b"").decode(errors="replace")
        if message.value() is None:
            known.pop(name, None)
            continue
        try:
            known[name] = read(message.value(), name)
        except BadMessage as error:
            log.warning("a model is passed over, the record before it stays", model=name, error=str(error))
    return known


def read(value: bytes, name: str) -> RoutingModel:
    """The record of this key. Raises BadMessage when there is anything wrong with it, its weights included."""
    model: RoutingModel = decode_as("RoutingModel", value)
    if model["name"] != name:
        raise BadMessage("its key is not the key of the record")
    check(model)
    return model


def write(settings: Settings, model: RoutingModel) -> None:
    """Returns when Kafka has it. Raises KafkaTrouble, or BadWeights for one that nobody could read."""
    change(settings, lambda _known: [model])


def change(
    settings: Settings, make: Callable[[dict[str, RoutingModel]], Sequence[RoutingModel]]
) -> Sequence[RoutingModel]:
    """Writes, all or none, what `make` makes of all that is known; it may raise, and may be called again when another
    was faster."""

    def records() -> tuple[Sequence[RoutingModel], list[Record]]:
        known = all_models(settings)
        made = make(known)
        written = [Record(TOPIC, model["name"], _value(model)) for model in made]
        gone = overdue(known | {model["name"]: model for model in made}) if made else []
        return made, [*written, *(Record(TOPIC, name, None) for name in gone)]

    return changing.change(settings, _WRITER, "the models", records)


def _value(model: RoutingModel) -> bytes:
    check(model)
    value = encode("RoutingModel", model)
    if len(value) > MESSAGE_BYTES_MAX:
        raise BadWeights(f"{len(value):,} bytes: a message has at most {MESSAGE_BYTES_MAX:,}")
    return value
