"""Experiments on the line: from the tasks that took part to rows and a plan, and from a report to what happens next."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from processors.experiments import lifecycle
from processors.experiments.assignment import BUCKETS
from processors.experiments.bandit import Outcomes, propensities
from processors.experiments.distributions import Floats, Ints
from processors.experiments.estimates import BadData
from processors.experiments.metrics import Metric, parse
from processors.experiments.report import Plan, Report
from processors.experiments.rows import Rows
from schemas.events import ArmFigure, Experiment, ExperimentVerdict

METRICS = ("routing_success:binary", "redone:binary:lower", "completion_ms:mean:lower")
"""Compared when nobody says what."""
COVARIATES = ("usual_ms",)
STAGES = {
    "exposed": "tasks",
    "started": "wait_ms",
    "completed": "completed",
    "accepted at the first attempt": "routing_success",
}
"""Of a task's way, and the column that says whether it came so far."""
PROPENSITY, DECIDED_AT = "propensity", "decided_at"
TOO_FEW = "too few data"
SECONDS_BETWEEN_SAME = 3600
"""A verdict that says what the one before it said is written again after that time."""


class Tasks(Protocol):
    """One entry a task: see infra/warehouse/exposed.py."""

    @property
    def at(self) -> Ints: ...
    @property
    def propensity(self) -> Floats: ...
    @property
    def arm(self) -> Ints: ...
    @property
    def unit(self) -> NDArray[np.uint64]: ...
    @property
    def columns(self) -> dict[str, Floats]: ...
    @property
    def clusters(self) -> dict[str, NDArray[np.uint64]]: ...


def live_arms(experiment: Experiment) -> list[str]:
    """Arms that no guardrail stopped; the others are counted no more."""
    return [arm["name"] for arm in experiment["arms"] if not arm["stopped"]]


def columns_of(experiment: Experiment, known: Collection[str]) -> set[str]:
    """What of the tasks its plan and the way of its tasks need, of the columns that are known."""
    metrics = [parse(spec, known) for spec in (*experiment["metrics"], *experiment["guardrails"])]
    return {column for metric in metrics for column in metric.columns} | {*experiment["covariates"], *STAGES.values()}


def rows_of(experiment: Experiment, tasks: Tasks) -> Rows:
    """`tasks.arm` counts the live arms."""
    cluster = experiment["cluster"]
    columns = {**tasks.columns, PROPENSITY: tasks.propensity, DECIDED_AT: tasks.at.astype(np.float64)}
    return Rows(
        tuple(live_arms(experiment)),
        codes(tasks.unit),
        tasks.arm,
        columns,
        codes(tasks.clusters[cluster]) if cluster else None,
    )


def analyzed(experiment: Experiment, tasks: Tasks, now: int) -> tuple[Rows, Plan, list[str]]:
    """Rows and plan for the analysis, and what was left out of the plan: a metric that is the same for all units (no
    answer was ever redone, say) tells nothing yet, and a covariate of which nothing is known adjusts nothing."""
    if not len(tasks.arm):
        raise BadData("No task has taken part yet.")
    names = tasks.columns
    metrics = [parse(spec, names) for spec in experiment["metrics"]]
    telling = [metric for metric in metrics if _varies(metric, tasks)]
    notes = [f"{m.name} is the same for all units so far; it is left out." for m in metrics if m not in telling]
    if not telling:
        raise BadData(f"Nothing that is compared has come in or differs yet: {', '.join(m.name for m in metrics)}.")
    asked = experiment["covariates"] if experiment["mode"] != "bandit" else []
    known = [name for name in asked if np.isfinite(names[name]).any()]
    notes += [f"Of {name} nothing is known from before; CUPED does without." for name in asked if name not in known]
    live = [arm for arm in experiment["arms"] if not arm["stopped"]]
    bandit = experiment["mode"] == "bandit"
    plan = Plan(
        telling,
        [guard for guard in (parse(spec, names) for spec in experiment["guardrails"]) if _varies(guard, tasks)],
        None if bandit else {arm["name"]: arm["share"] / sum(one["share"] for one in live) for arm in live},
        experiment["control"],
        known,
        "fixed" if experiment["mode"] == "fixed" else "sequential",
        days=days_for_plan(experiment, now),
        propensity=PROPENSITY if bandit else None,
        time=DECIDED_AT if bandit else None,
    )
    return rows_of(experiment, tasks), plan, notes


def _varies(metric: Metric, tasks: Tasks) -> bool:
    def spread(column: str) -> bool:
        values = tasks.columns[column][np.isfinite(tasks.columns[column])]
        return len(values) > 0 and bool((values != values[0]).any())

    return any(spread(column) for column in metric.columns)


def days_for_plan(experiment: Experiment, now: int) -> float:
    """How long it has run, as the fixed test wants to know: at the planned end it is long enough, whatever the plan."""
    ran = lifecycle.ran_ms(experiment, now) / lifecycle.DAY_MS
    return max(ran, 14.0) if ran >= experiment["days"] else min(ran, 13.99)


def checked(specs: Collection[str], columns: Collection[str]) -> list[Metric]:
    """Raises BadData for a metric that the line does not know."""
    return [parse(spec, columns) for spec in specs]


@dataclass(frozen=True)
class Range:
    """The data that a verdict rests on."""

    from_at: int
    to_at: int
    rows: int
    data_hash: str


def verdict_of(
    experiment: Experiment, report: Report | None, why_none: str, data: Range, now: int
) -> ExperimentVerdict:
    return {
        "event_id": f"{experiment['experiment']}/{data.to_at}",
        "experiment": experiment["experiment"],
        "at": now,
        "verdict": report.verdict if report else TOO_FEW,
        "winner": report.winner if report else None,
        "reasons": report.reasons if report else [why_none],
        "from_at": data.from_at,
        "to_at": data.to_at,
        "rows": data.rows,
        "data_hash": data.data_hash,
        "srm_p": report.srm_p if report else None,
        "figures": _figures(report) if report else [],
    }


def worth_telling(verdict: ExperimentVerdict, last: ExperimentVerdict | None) -> bool:
    """Whether it says something new, or has not been said for a while."""
    if last is None or (verdict["verdict"], verdict["winner"]) != (last["verdict"], last["winner"]):
        return True
    return verdict["at"] - last["at"] >= SECONDS_BETWEEN_SAME * 1_000_000


def next_change(
    experiment: Experiment, report: Report | None, shares: Mapping[str, int] | None, now: int, by: str
) -> Experiment | None:
    """What a look leads to, if anything: an arm is stopped, the winner adopted, the experiment ended, the shares of a
    bandit moved. `shares`: what the bandit would give now, in ten-thousandths."""
    due = lifecycle.is_due(experiment, now)
    if report is None:
        return lifecycle.ended(experiment, now, by, "Its time is over, with too few data.") if due else None
    told = " ".join(report.reasons)
    if report.verdict != "invalid":
        for of_arm in report.guardrails.values():
            for arm, result in of_arm.items():
                if result.stops:
                    return lifecycle.arm_stopped(experiment, arm, now, by, told)
    if report.winner is not None and experiment["adopt_winner"] and (due or experiment["mode"] != "fixed"):
        if report.winner == experiment["control"]:
            return lifecycle.ended(experiment, now, by, told)
        return lifecycle.adopted(experiment, report.winner, now, by, told)
    if due:
        return lifecycle.ended(experiment, now, by, f"Its time is over: {report.verdict}. {told}")
    if shares is not None and _moved(experiment, shares):
        return lifecycle.tuned(experiment, shares, now, by)
    return None


def bandit_shares(experiment: Experiment, tasks: Tasks) -> dict[str, int] | None:
    """What a bandit would give its arms now, in ten-thousandths, by its first metric; None when it is no bandit. Arms
    that were stopped keep their share, which counts for control."""
    if experiment["mode"] != "bandit" or not len(tasks.arm):
        return None
    metric = parse(experiment["metrics"][0], tasks.columns)
    values = tasks.columns[metric.column]
    known = np.isfinite(values)
    live = live_arms(experiment)
    sums = [_outcomes(values[known & (tasks.arm == place)]) for place in range(len(live))]
    found = propensities(sums, higher_is_better=metric.higher_is_better)
    stopped = {arm["name"]: arm["share"] for arm in experiment["arms"] if arm["stopped"]}
    room = BUCKETS - sum(stopped.values())
    moved = lifecycle.shares([*(found * room).tolist(), BUCKETS - room] if stopped else found.tolist())
    return {**dict(zip(live, moved, strict=False)), **stopped}


def _outcomes(values: Floats) -> Outcomes:
    return Outcomes(len(values), float(values.sum()), float((values**2).sum()))


def _moved(experiment: Experiment, shares: Mapping[str, int]) -> bool:
    """Whether a share would change by a hundredth: less is not worth a record."""
    return any(abs(shares[arm["name"]] - arm["share"]) >= BUCKETS // 100 for arm in experiment["arms"])


def _figures(report: Report) -> list[ArmFigure]:
    found: list[ArmFigure] = []
    for metric, of_arm in report.metrics.items():
        for arm, result in of_arm.items():
            sequential = report.mode == "sequential"
            interval = result.cs_adjusted if sequential else result.ci_adjusted
            found.append(
                {
                    "metric": metric,
                    "arm": arm,
                    "units": result.n,
                    "value": result.mean,
                    "effect": result.effect,
                    "low": interval[0] if interval else None,
                    "high": interval[1] if interval else None,
                    "p": result.p_always_valid_adjusted if sequential else result.p_adjusted,
                }
            )
    return found


def codes(hashes: NDArray[Any]) -> Ints:
    """Numbers from 0 in place of hashes. As numpy.unique does it, in a third of its time."""
    order = np.argsort(hashes)
    fresh = np.zeros(len(hashes), dtype=np.int64)
    fresh[1:] = hashes[order][1:] != hashes[order][:-1]
    found = np.empty(len(hashes), dtype=np.int64)
    found[order] = np.cumsum(fresh)
    return found
