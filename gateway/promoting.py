"""Learned routers, for the person who decides which one is used: looking at them, putting one to use, going back."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.errors import BadInput, GatewayError
from gateway.nearest import did_you_mean
from gateway.sending import now_us
from infra import models
from infra.models import RULES
from infra.settings import Settings
from schemas.events import RoutingModel

Make = Callable[[dict[str, RoutingModel]], Sequence[RoutingModel]]


class UnknownModel(GatewayError):
    """There is no model of this name."""


def listed(known: Mapping[str, RoutingModel]) -> list[dict[str, Any]]:
    """All of them, the newest first, and the rules at the end; without the weights."""
    used = in_use(known)
    trained = sorted((m for m in known.values() if m["name"] != RULES), key=lambda m: m["created_at"], reverse=True)
    return [told(model, used) for model in (*trained, known.get(RULES) or models.rules_alone(0))]


def in_use(known: Mapping[str, RoutingModel]) -> str:
    """The name of the one that routes, beside the rules or the rules alone."""
    used = models.champion(known)
    return used["name"] if used else RULES


def told(model: RoutingModel, used: str) -> dict[str, Any]:
    """A model as programs are told of it."""
    plain = {name: value for name, value in model.items() if name != "weights"}
    return {**plain, "weights_bytes": len(model["weights"]), "in_use": model["name"] == used}


def found(known: Mapping[str, RoutingModel], name: str) -> RoutingModel:
    if name == RULES and name not in known:
        return models.rules_alone(0)
    if name not in known:
        raise UnknownModel(f"There is no model {name}{did_you_mean(name, known)} `headway models list` shows them.")
    return known[name]


def promote(settings: Settings, name: str, by: str, reason: str, force: bool) -> RoutingModel:
    """The record with which it is in use. Raises BadInput, UnknownModel."""

    def make(known: dict[str, RoutingModel]) -> Sequence[RoutingModel]:
        found(known, name)
        return models.promoted(known, name, now_us(), by, reason, force)

    return _change(settings, make)[0]


def roll_back(settings: Settings, by: str, reason: str, name: str | None = None) -> tuple[RoutingModel, RoutingModel]:
    """The one that is in use again, and the one that was taken back; `name`: only if this one is in use. Raises
    BadInput."""
    back, aside = _change(settings, lambda known: models.rolled_back(known, now_us(), by, reason, name))
    return back, aside


def again(model: RoutingModel) -> str:
    """The command that trains the same weights anew, as long as the samples are kept."""
    ends = {"--from": "from_offset", "--to": "to_offset"}
    places = (f"{option} {','.join(_place(one, end) for one in model['ranges'])}" for option, end in ends.items())
    return f"headway train {' '.join(places)} --seed {model['seed']} --kind {model['kind']} --dry-run"


def _place(one: Mapping[str, Any], end: str) -> str:
    return f"{one['partition']}:{one[end]}"


def _change(settings: Settings, make: Make) -> Sequence[RoutingModel]:
    try:
        return models.change(settings, make)
    except models.BadPromotion as error:
        raise BadInput(str(error)) from error
