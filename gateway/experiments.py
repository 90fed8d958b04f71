"""Experiments on the line, for the person who runs them: a draft from what was asked, and each change of one."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.errors import BadInput, GatewayError
from gateway.nearest import did_you_mean
from infra import experiments
from infra.settings import BadSettings, Settings, as_text, varying, with_values
from processors.experiments import lifecycle
from processors.experiments.assignment import BUCKETS, Assignment
from schemas.events import Arm, Experiment, ExperimentMode, ExperimentUnit, ExperimentVerdict

CONTROL = "control"


@dataclass(frozen=True)
class Asked:
    """What somebody wants to find out."""

    by: str
    """Who wants it."""
    name: str
    parameter: str
    arms: Sequence[str]
    """Each NAME=VALUE; control may be left out, and then has the value of now."""
    split: Mapping[str, float] | None
    unit: ExperimentUnit
    layer: str | None
    traffic: float
    metrics: Sequence[str]
    guardrails: Sequence[str]
    covariates: Sequence[str] | None
    """None: what the line knows of a task beforehand."""
    cluster: str | None
    mode: ExperimentMode
    days: float
    adopt_winner: bool
    question: str


def create(settings: Settings, asked: Asked) -> Experiment:
    """Writes the draft. Raises BadInput."""
    values = _values(asked.arms)

    def made(known: dict[str, Experiment]) -> Experiment:
        if CONTROL not in values:
            values_now = {CONTROL: value_now(settings, known, asked.parameter), **values}
        else:
            values_now = {CONTROL: values[CONTROL], **values}
        _check_values(settings, asked.parameter, values_now)
        return lifecycle.created(_draft(asked, values_now), known.get(asked.name))

    return _change(settings, made)


def change(settings: Settings, name: str, act: Callable[[Experiment, dict[str, Experiment]], Experiment]) -> Experiment:
    """Writes what `act` makes of the newest record of an experiment and of all others. Raises BadInput."""
    return _change(settings, lambda known: act(_named(known, name), known))


def find(settings: Settings, name: str) -> Experiment:
    return _named(experiments.read(settings), name)


def value_now(settings: Settings, known: Mapping[str, Experiment], parameter: str) -> str:
    """What the line works with for tasks in no experiment."""
    if parameter not in varying():
        meant = did_you_mean(parameter, varying())
        raise BadInput(
            f"{parameter!r} is no setting that experiments can vary{meant} There are: {', '.join(varying())}."
        )
    return Assignment(known.values()).adopted.get(parameter) or as_text(settings, parameter)


def in_a_sentence(one: Experiment, verdict: ExperimentVerdict | None) -> str:
    """What an experiment says by its newest verdict."""
    if verdict is None:
        return "It has not been started." if one["started_at"] is None else "Nobody has looked at it yet."
    winner, why = verdict["winner"], " ".join(verdict["reasons"][:1])
    if verdict["verdict"] == "invalid":
        return f"Read no effect from this experiment: {why}"
    if winner is not None:
        return f'Keep "{winner}". {why}' if winner == one["control"] else f'"{winner}" wins. {why}'
    if verdict["verdict"] in ("mixed", "no difference shown"):
        return f"{verdict['verdict'].capitalize()}{'' if one['ended_at'] else ' so far'}. {why}"
    return f"Nothing can be said yet: {why}"


def now_us() -> int:
    return time.time_ns() // 1000


def _change(settings: Settings, make: Callable[[dict[str, Experiment]], Experiment]) -> Experiment:
    try:
        return experiments.change(settings, make)
    except lifecycle.BadChange as error:
        raise BadInput(str(error)) from error


def _named(known: Mapping[str, Experiment], name: str) -> Experiment:
    if name not in known:
        near = did_you_mean(name, known)
        raise GatewayError(f"There is no experiment {name}{near} `headway experiment list` shows those there are.")
    return known[name]


def _values(arms: Sequence[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in arms:
        name, equals, value = text.partition("=")
        if not equals or name in values:
            raise BadInput(f"{text!r} is no arm: write each once, as in --arm fast=adaptive.")
        values[name] = value
    return values


def _check_values(settings: Settings, parameter: str, values: Mapping[str, str]) -> None:
    for arm, value in values.items():
        try:
            with_values(settings, {parameter: value})
        except BadSettings as error:
            raise BadInput(f"Arm {arm}: {error}.") from error


def _draft(asked: Asked, values: Mapping[str, str]) -> Experiment:
    split = asked.split or dict.fromkeys(values, 1.0)
    if split.keys() != values.keys():
        raise BadInput(f"--split names {', '.join(split)}, and the arms are {', '.join(values)}.")
    shares = lifecycle.shares([split[name] for name in values])
    arms: list[Arm] = [
        {"name": name, "value": value, "share": share, "stopped": False}
        for (name, value), share in zip(values.items(), shares, strict=True)
    ]
    now = now_us()
    return {
        "experiment": asked.name,
        "version": 1,
        "change": "created",
        "at": now,
        "by": asked.by,
        "reason": "",
        "question": asked.question,
        "status": "draft",
        "parameter": asked.parameter,
        "arms": arms,
        "control": CONTROL,
        "unit": asked.unit,
        "layer": asked.layer or asked.parameter,
        "first_bucket": -1,
        "buckets": max(1, round(asked.traffic * BUCKETS)),
        "metrics": list(asked.metrics),
        "guardrails": list(asked.guardrails),
        "covariates": list(asked.covariates or ()),
        "cluster": asked.cluster,
        "mode": asked.mode,
        "days": asked.days,
        "adopt_winner": asked.adopt_winner,
        "created_at": now,
        "started_at": None,
        "ran_ms": 0,
        "ended_at": None,
        "adopted": None,
    }
