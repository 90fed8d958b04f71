"""What an experiment on the line will be able to tell, before it starts: with the tasks that ended lately as its
earlier data, and the same reckoning as `headway experiment plan`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np

from gateway.experiments import CONTROL
from processors.experiments.design import Question
from processors.experiments.distributions import Ints
from processors.experiments.estimates import BadData
from processors.experiments.history import History, history_of
from processors.experiments.metrics import Metric
from processors.experiments.outlook import plan_of
from processors.experiments.rows import Rows

DAY_US = 86_400_000_000
CLOSE_ENOUGH = 0.01
"""Share of the least effect to which it is searched: who plans while typing sees no more."""
_JUDGED = ("completed", "failed", "dead_lettered")


class Ended(Protocol):
    """A task that has ended."""

    @property
    def task_id(self) -> str: ...
    @property
    def session_id(self) -> str: ...
    @property
    def tenant_id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def items(self) -> int: ...
    @property
    def redos(self) -> int: ...
    @property
    def attempts(self) -> int: ...
    @property
    def priority(self) -> int: ...
    @property
    def quality(self) -> float | None: ...
    @property
    def cost_usd_micros(self) -> int: ...
    @property
    def submitted_at(self) -> int: ...
    @property
    def started_at(self) -> int | None: ...
    @property
    def finished_at(self) -> int | None: ...


@dataclass(frozen=True)
class Planned:
    """What is asked. What is not given is as it was lately."""

    metric: Metric
    split: Mapping[str, float]
    unit: str
    cluster: str | None
    traffic: float
    comparisons: int
    sequential: bool
    days: float
    effect: float | None
    power: float | None
    baseline: float | None
    deviation: float | None
    units_a_day: float | None


def value_of(task: Ended, column: str) -> float:
    """A column of the warehouse's data on experiments, as far as memory has it; NaN where nothing is known."""
    done, cancelled = task.state == "completed", task.state == "cancelled"
    started, finished = task.started_at, task.finished_at
    if column == "completed":
        return np.nan if cancelled else float(done)
    if column == "routing_success":
        return float(done and task.redos == 0) if task.state in _JUDGED and not task.items else np.nan
    if column == "redone":
        return np.nan if cancelled else float(task.redos > 0)
    if column == "completion_ms":
        return (finished - task.submitted_at) / 1000 if done and finished is not None else np.nan
    if column == "wait_ms":
        return (started - task.submitted_at) / 1000 if started is not None else np.nan
    if column == "run_ms":
        return (finished - started) / 1000 if done and finished is not None and started is not None else np.nan
    if column == "quality":
        return np.nan if task.quality is None else task.quality
    if column == "cost_usd":
        return task.cost_usd_micros / 1_000_000
    return {"attempts": float(task.attempts), "priority": float(task.priority), "tasks": 1.0}.get(column, np.nan)


def plan(planned: Planned, tasks: Sequence[Ended], now: int) -> dict[str, Any]:
    """Made of what JSON knows. `tasks`: those that ended lately."""
    told: dict[str, Any] = {"metric": planned.metric.name, "seen": None, "least": None, "needed": None}
    told |= {"why_none": None, "sentences": []}
    history, why = _history(planned, tasks)
    a_day = planned.units_a_day or _units_a_day(planned, tasks, now)
    if history is not None:
        told["seen"] = {
            "tasks": len(tasks),
            "from_at": min(task.submitted_at for task in tasks),
            "to_at": now,
            "units_a_day": a_day,
            **{name: value for name, value in asdict(history).items() if name != "correlation"},
        }
    question = _question(planned, history, a_day)
    if question.baseline is None and question.deviation is None:
        return told | {"why_none": why}
    try:
        if a_day is not None:
            enough = replace(question, units=planned.days * a_day, effect=None)
            told["least"] = asdict(plan_of(enough, CLOSE_ENOUGH))
        if planned.effect is not None:
            told["needed"] = asdict(plan_of(replace(question, effect=planned.effect), CLOSE_ENOUGH))
    except BadData as error:
        told["why_none"] = _without_options(str(error))
    if told["least"] is None and told["needed"] is None and told["why_none"] is None:
        told["why_none"] = "How many units come in a day is not known: say so, or give the effect to be found."
    told["sentences"] = [said for one in ("needed", "least") if told[one] for said in told[one]["sentences"][:1]]
    return told


def _question(planned: Planned, history: History | None, a_day: float | None) -> Question:
    return Question(
        planned.metric.kind,
        planned.baseline if planned.baseline is not None or history is None else history.baseline,
        planned.deviation if planned.deviation is not None or history is None else history.deviation,
        power=planned.power,
        higher_is_better=planned.metric.higher_is_better,
        split=planned.split,
        control=CONTROL,
        comparisons=planned.comparisons,
        mode="sequential" if planned.sequential else "fixed",
        units_a_day=a_day,
        cluster_size=history.cluster_size if history else 1.0,
        intraclass_correlation=history.intraclass_correlation if history else 0.0,
        counted=f"{planned.unit}s",
    )


def _history(planned: Planned, tasks: Sequence[Ended]) -> tuple[History | None, str | None]:
    """What the tasks tell, or why they tell nothing."""
    if not tasks:
        return None, "No task has ended yet from which to learn how much the metric varies: give it, to plan without."
    columns = {name: np.array([value_of(task, name) for task in tasks]) for name in planned.metric.columns}
    if not any(np.isfinite(values).any() for values in columns.values()):
        return None, f"What {planned.metric.name} was lately is not in memory: give it, to plan without."
    cluster = _numbers([getattr(task, planned.cluster) for task in tasks]) if planned.cluster else None
    try:
        rows = Rows(("lately",), _units(planned, tasks), np.zeros(len(tasks), dtype=np.int64), columns, cluster)
        return history_of(rows, planned.metric), None
    except BadData as error:
        return None, str(error)


def _units_a_day(planned: Planned, tasks: Sequence[Ended], now: int) -> float | None:
    """At the present traffic. Tenants come back, so that how many there were says nothing of how many come."""
    if not tasks or planned.unit == "tenant":
        return None
    span = max(now - min(task.submitted_at for task in tasks), 1)
    return len(np.unique(_units(planned, tasks))) * DAY_US / span * planned.traffic


def _units(planned: Planned, tasks: Sequence[Ended]) -> Ints:
    return _numbers([str(getattr(task, f"{planned.unit}_id")) for task in tasks])


def _numbers(names: Sequence[str]) -> Ints:
    known: dict[str, int] = {}
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)


def _without_options(said: str) -> str:
    """As a command says it, without its dashes."""
    return said.replace(" (--effect)", "").replace("--", "")
