"""Tables of made-up experiments for the tests."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from processors.experiments.analysis import analyze
from processors.experiments.metrics import parse
from processors.experiments.report import Plan, Report
from processors.experiments.rows import Rows


def rows(
    arms: Sequence[str], columns: Mapping[str, Any], units: Any = None, clusters: Any = None, order: Sequence[str] = ()
) -> Rows:
    """`arms` names the arm of each row."""
    names = tuple(order) or tuple(sorted(set(arms)))
    return Rows(
        names,
        np.arange(len(arms)) if units is None else np.asarray(units, dtype=np.int64),
        np.array([names.index(arm) for arm in arms], dtype=np.int64),
        {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()},
        None if clusters is None else np.asarray(clusters, dtype=np.int64),
    )


def report(table: Rows, *metrics: str, guardrails: Sequence[str] = (), **plan: Any) -> Report:
    columns = list(table.columns)
    return analyze(
        table, Plan([parse(spec, columns) for spec in metrics], [parse(spec, columns) for spec in guardrails], **plan)
    )


def two_arms(each: int, effect: float = 0.0, seed: int = 0, columns: Mapping[str, Any] | None = None) -> Rows:
    """`each` units in control and in b; column m is normal with deviation 1."""
    values = np.random.default_rng(seed).normal(size=2 * each)
    values[each:] += effect
    return rows(["control"] * each + ["b"] * each, {"m": values, **(columns or {})})
