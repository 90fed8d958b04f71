"""Scenarios of the lab as YAML files: what comes, what is broken meanwhile, and what has to hold. Whatever is not
understood, or would never come to an end, is an error that names file and line.
"""

import re
import reprlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from infra.front_matter import BadFile, is_share, is_text
from schemas.events import LabFault, LabPlan

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
NAME_ACCEPTED = "up to 40 of a-z, 0-9, _ and -, the first of them a letter"
TEXT_BYTES_MAX = 20_000
PHASES_MAX = 500
"""Parts of the load, repeats counted."""
MINUTES_MAX = 43_200
"""Thirty days."""
PER_MINUTE_MAX = 100_000
INJECTIONS_MAX = 20
DEPTH_MAX = 10
EVERY_MINUTES_MIN = 0.1
MINUTE_US = 60_000_000
AGENTS = 200
"""Instances for which a scenario tells its rates; a fleet of another size gets them in proportion."""

FIGURES = {
    "throughput_per_minute": "tasks completed a minute; for 200 instances, as the rates are",
    "completed_of_offered": "share of all tasks that were completed",
    "completed_of_accepted": "share of the accepted tasks that were completed",
    "errors": "share of the accepted tasks that failed or were dead-lettered",
    "refused": "share of all tasks that were refused",
    "wait_p50_s": "from handed in to started",
    "wait_p99_s": "the same",
    "wait_p99_urgent_s": "the same, of the urgent ones",
    "utilisation": "share of the slots' time that was work",
    "spread": "busiest less idlest of equal instances, as a share of their mean; of the worst agent",
    "growth": "share by which the dispatchers keep more at the end than early on: tasks, timers, all but the ended ids",
    "recovery_max_s": "from the death of a host until its work runs elsewhere",
    "lost": "accepted tasks without an outcome",
    "doubled": "outcomes beyond the first of a task",
    "left": "tasks and slots that the dispatcher still holds at the end",
}
"""What a target may be about."""


@dataclass(frozen=True)
class Phase:
    """So many tasks a minute, for so long; `per_minute` of a scenario is for `AGENTS` instances."""

    minutes: float
    per_minute: float


class Target(NamedTuple):
    figure: str
    at_least: float | None
    at_most: float | None

    def holds(self, value: float | None) -> bool:
        if value is None:
            return False
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)

    def __str__(self) -> str:
        bounds = [
            f"{sign} {bound:g}" for sign, bound in (("≥", self.at_least), ("≤", self.at_most)) if bound is not None
        ]
        return f"{self.figure} {' and '.join(bounds)}"


class Injection(NamedTuple):
    """Something that is broken, at a time and again at an interval."""

    kind: str
    first_minutes: float
    every_minutes: float | None
    away_s: float
    """So long what was hurt stays hurt."""
    percent: float
    delay_ms: float

    def times(self, until_us: int) -> Iterator[int]:
        """Since the beginning [µs]."""
        at = int(self.first_minutes * MINUTE_US)
        while at < until_us:
            yield at
            at = at + int(self.every_minutes * MINUTE_US) if self.every_minutes else until_us


@dataclass(frozen=True)
class Scenario:
    name: str
    about: str
    phases: tuple[Phase, ...]
    failures: float
    """Share of attempts that fail."""
    injections: tuple[Injection, ...]
    targets: tuple[Target, ...]

    @property
    def minutes(self) -> float:
        return sum(phase.minutes for phase in self.phases)

    def cut(self, minutes: float | None) -> "Scenario":
        """Its first so many minutes."""
        if minutes is None:
            return self
        left, phases = minutes, []
        for phase in self.phases:
            if left > 0:
                phases.append(Phase(min(left, phase.minutes), phase.per_minute))
            left -= phase.minutes
        return Scenario(self.name, self.about, tuple(phases), self.failures, self.injections, self.targets)


class _Key(NamedTuple):
    fits: Callable[[Any], bool]
    accepted: str
    needed: bool = False


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 1e12


def _between(low: float, high: float) -> _Key:
    """More than nothing, at least `low`, at most `high`."""
    accepted = f"a number from {low:,g} to {high:,}" if low else f"a number above 0, {high:,} at most"
    return _Key(lambda value: _is_number(value) and value > 0 and low <= value <= high, accepted)


_shown = reprlib.repr
_NUMBER = "a number, 0 or more"
_MINUTES = _between(0, MINUTES_MAX)
_TOP = {
    "about": _Key(is_text, "a sentence", needed=True),
    "load": _Key(
        lambda value: isinstance(value, list) and bool(value), "a list of minutes and per_minute", needed=True
    ),
    "repeat": _Key(lambda value: type(value) is int and 0 < value <= PHASES_MAX, f"a whole number, 1 to {PHASES_MAX}"),
    "failures": _Key(is_share, "a share from 0 to 1"),
    "injections": _Key(
        lambda value: isinstance(value, list) and len(value) <= INJECTIONS_MAX, f"a list of up to {INJECTIONS_MAX}"
    ),
    "targets": _Key(lambda value: isinstance(value, dict) and bool(value), "figures with their bounds", needed=True),
}
_PHASE = {
    "minutes": _MINUTES._replace(needed=True),
    "per_minute": _Key(
        lambda value: _is_number(value) and value <= PER_MINUTE_MAX, f"a number, 0 to {PER_MINUTE_MAX:,}", needed=True
    ),
}
_TIMES = {"at_minutes": _MINUTES, "every_minutes": _between(EVERY_MINUTES_MIN, MINUTES_MAX)}
_AWAY = {"away_s": _between(0, 60 * MINUTES_MAX)._replace(needed=True)}
_INJECTIONS: Mapping[str, Mapping[str, _Key]] = {
    "kill": {**_TIMES, **_AWAY, "percent": _between(0, 100)._replace(needed=True)},
    "delay": {**_TIMES, **_AWAY, "delay_ms": _between(0, 600_000)._replace(needed=True)},
    "failover": {**_TIMES, **_AWAY},
}
_KIND = _Key(lambda value: isinstance(value, str) and value in _INJECTIONS, ", ".join(_INJECTIONS), needed=True)
_BOUNDS = {"at_least": _Key(_is_number, _NUMBER), "at_most": _Key(_is_number, _NUMBER)}


_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


def parse(name: str, text: str, where: object = None) -> Scenario:
    """Raises BadFile; `where` is what problems call the file."""
    if len(text.encode(errors="replace")) > TEXT_BYTES_MAX:
        raise BadFile(f"more than {TEXT_BYTES_MAX:,} bytes; a scenario has no more", 1, where)
    try:
        _check_shape(text, where)
        loader = yaml.SafeLoader(text)
        return _scenario(name, loader.get_single_node(), _Reader(loader, where), where)
    except BadFile:
        raise
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BadFile(f"no YAML: {error.problem}", line, where) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # control characters, impossible dates, deep nesting
        raise BadFile(f"no YAML: {error}", 1, where) from None


def _check_shape(text: str, where: object) -> None:
    """Refuses what takes for ever to be read."""
    depth = 0
    for token in yaml.scan(text):
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        line = token.start_mark.line + 1
        if isinstance(token, yaml.AliasToken):  # a few of them can stand for millions of values
            raise BadFile(f"`*{token.value}`: a scenario has no aliases", line, where)
        if depth > DEPTH_MAX:
            raise BadFile(f"nested {depth} deep; a scenario is nested {DEPTH_MAX} deep at most", line, where)


def _scenario(name: str, root: Any, reader: "_Reader", where: object) -> Scenario:
    values, nodes = reader.fields(root, _TOP, "a scenario")
    phases = tuple(Phase(**reader.fields(node, _PHASE, "a part of the load")[0]) for node in nodes["load"].value)
    scenario = Scenario(
        name,
        values["about"].strip(),
        phases * values.get("repeat", 1),
        values.get("failures", 0.0),
        tuple(reader.injection(node) for node in nodes["injections"].value) if "injections" in nodes else (),
        tuple(reader.target(key, node) for key, node in nodes["targets"].value),
    )
    line = nodes["load"].start_mark.line + 1
    if len(scenario.phases) > PHASES_MAX:
        raise BadFile(f"the load has {len(scenario.phases):,} parts; at most {PHASES_MAX} are accepted", line, where)
    if scenario.minutes > MINUTES_MAX:
        raise BadFile(
            f"the load lasts {scenario.minutes:,.0f} minutes; at most {MINUTES_MAX:,} are accepted", line, where
        )
    return scenario


def plan_of(scenario: Scenario) -> LabPlan:
    """The scenario as it is drawn and told."""
    return {
        "about": scenario.about,
        "minutes": float(scenario.minutes),
        "load": [{"minutes": float(p.minutes), "per_minute": float(p.per_minute)} for p in scenario.phases],
        "failures": float(scenario.failures),
        "faults": [_fault(injection) for injection in scenario.injections],
        "targets": [str(target) for target in scenario.targets],
    }


def _fault(injection: Injection) -> LabFault:
    every = injection.every_minutes
    return {
        "kind": injection.kind,  # type: ignore[typeddict-item]  # one of _INJECTIONS
        "first_minutes": float(injection.first_minutes),
        "every_minutes": None if every is None else float(every),
        "away_s": float(injection.away_s),
        "percent": float(injection.percent),
        "delay_ms": float(injection.delay_ms),
    }


class _Reader:
    def __init__(self, loader: yaml.SafeLoader, where: object) -> None:
        self._loader, self._where = loader, where

    def fields(self, node: Any, keys: Mapping[str, _Key], what: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Values and nodes by name."""
        accepted = f"{what} has: {', '.join(keys)}"
        if not isinstance(node, yaml.MappingNode):
            raise self._bad(f"{accepted}, each as `name: value`", node)
        values: dict[str, Any] = {}
        nodes: dict[str, Any] = {}
        for key_node, value_node in node.value:
            name = str(key_node.value)
            if name not in keys:
                raise self._bad(f"unknown key `{name}`; {accepted}", key_node)
            if name in values:
                raise self._bad(f"`{name}` is there twice", key_node)
            value = self._loader.construct_object(value_node, deep=True)
            if not keys[name].fits(value):
                raise self._bad(f"`{name}` is {_shown(value)}; accepted: {keys[name].accepted}", value_node)
            values[name], nodes[name] = value, value_node
        missing = [name for name, key in keys.items() if key.needed and name not in values]
        if missing:
            raise self._bad(f"`{missing[0]}` is missing; {accepted}", node)
        return values, nodes

    def injection(self, node: Any) -> Injection:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        kind = next((str(value.value) for key, value in pairs if key.value == "kind"), "")
        keys = {"kind": _KIND, **_INJECTIONS.get(kind, {})}
        values, _ = self.fields(node, keys, f"an injection `{kind}`" if kind in _INJECTIONS else "an injection")
        first = values.get("at_minutes", values.get("every_minutes"))
        if first is None:
            raise self._bad("an injection needs `at_minutes`, `every_minutes` or both", node)
        more = values.get("percent", 0.0), values.get("delay_ms", 0.0)
        return Injection(kind, first, values.get("every_minutes"), values["away_s"], *more)

    def target(self, key: Any, node: Any) -> Target:
        name = str(key.value)
        if name not in FIGURES:
            raise self._bad(f"no target is called `{name}`; there are: {', '.join(FIGURES)}", key)
        values, _ = self.fields(node, _BOUNDS, f"the target `{name}`")
        if not values:
            raise self._bad(f"the target `{name}` needs at_least, at_most or both", node)
        return Target(name, values.get("at_least"), values.get("at_most"))

    def _bad(self, said: str, node: Any) -> BadFile:
        return BadFile(said, node.start_mark.line + 1 if node is not None else 1, self._where)
