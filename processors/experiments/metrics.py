"""Metrics: how a person writes one, and what it is in each arm."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from processors.experiments.distributions import Floats, Ints
from processors.experiments.estimates import BadData, Estimate, Interval, mean_of, quantile_of, ratio_of
from processors.experiments.rows import Population

Kind = Literal["mean", "binary", "ratio", "quantile"]
SIZE_MAX = 1e100
"""Values beyond it, or all below its inverse, leave the floats when they are squared and summed."""
KINDS: tuple[str, ...] = get_args(Kind)


@dataclass(frozen=True)
class Metric:
    spec: str
    """As it was written."""
    kind: Kind
    column: str
    denominator: str | None = None
    """Of a ratio: the column it is divided by."""
    share: float = 0.5
    """Of a quantile: the share of values below it."""
    higher_is_better: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,) if self.denominator is None else (self.column, self.denominator)

    @property
    def name(self) -> str:
        return "/".join(self.columns)


@dataclass(frozen=True)
class Measured:
    """A metric in one arm."""

    estimate: Estimate
    units: int
    missing: int
    """Units of the arm without a value."""
    values: Floats
    """One an observation: what is ranked; of a ratio, its numerator."""
    interval: Interval | None = None
    """Around the estimate, where the arms of a bandit are told by themselves."""


def parse(spec: str, columns: Collection[str]) -> Metric:
    """Reads COL[:KIND][:lower], where KIND is mean, binary, ratio (with COL = NUM/DEN), quantile or quantile@SHARE.

    `columns` are those of the table: a name may itself hold a colon or a slash.
    """
    name, higher_is_better, kind, share = spec, True, "mean", 0.5
    if name.endswith((":lower", ":higher")):
        name, _, direction = name.rpartition(":")
        higher_is_better = direction == "higher"
    head, _, tail = name.rpartition(":")
    word, at, number = tail.partition("@")
    if head and name not in columns:
        if word not in KINDS or (at and word != "quantile"):
            raise BadData(f'"{tail}" in metric "{spec}" is no kind of metric: use {", ".join(KINDS)} or quantile@0.9.')
        name, kind = head, word
        share = _share(number, spec) if at else 0.5
    if kind != "ratio":
        return Metric(spec, kind, _known(name, spec, columns), share=share, higher_is_better=higher_is_better)  # type: ignore[arg-type]
    cuts = [i for i, letter in enumerate(name) if letter == "/"]
    if not cuts:
        raise BadData(f'Metric "{spec}" is a ratio: write NUMERATOR/DENOMINATOR:ratio.')
    cut = next((i for i in cuts if name[:i] in columns and name[i + 1 :] in columns), cuts[0])
    above, below = _known(name[:cut], spec, columns), _known(name[cut + 1 :], spec, columns)
    return Metric(spec, "ratio", above, below, higher_is_better=higher_is_better)


def measure(metric: Metric, people: Population) -> list[Measured]:
    """The metric in each arm."""
    columns = [people.columns[name] for name in metric.columns]
    for name, column in zip(metric.columns, columns, strict=True):
        if np.isinf(column).any():
            raise BadData(f'Column "{name}" holds infinite values: replace them by a bound, or leave them empty.')
        _check_size(column, name)
    if metric.kind == "binary" and not is_plain(columns[0], or_missing=True):
        raise BadData(f'Metric "{metric.spec}" is binary, but its column holds other values than 0 and 1: use :mean.')
    whole = np.all(np.isfinite(columns), axis=0)  # a ratio counts a row only with both of its numbers
    if metric.kind == "quantile":
        units, observed = people.unit_of_row[whole], [columns[0][whole]]
    else:
        gather = people.unit_sums if metric.kind == "ratio" else people.unit_means
        by_unit = [gather(np.where(whole, column, np.nan)) for column in columns]
        units = np.flatnonzero(np.isfinite(by_unit[0]))
        observed = by_unit if len(units) == people.units() else [values[units] for values in by_unit]
    return [_in_arm(metric, people, arm, units, observed) for arm in range(len(people.arms))]


def is_plain(values: Floats, *, or_missing: bool = False) -> bool:
    """Whether all are 0 or 1."""
    plain = (values == 0) | (values == 1)
    return bool((plain | np.isnan(values) if or_missing else plain).all())


def _in_arm(metric: Metric, people: Population, arm: int, units: Ints, observed: list[Floats]) -> Measured:
    all_once = metric.kind != "quantile" and len(units) == people.units()
    mine = people.units_of_arm[arm] if all_once else np.flatnonzero(people.arm_of_unit[units] == arm)
    owners, values = units[mine], [column[mine] for column in observed]
    clusters = people.cluster_of_unit[owners]
    in_arm, with_value = people.counts()[arm], int(np.count_nonzero(np.bincount(owners)))
    if with_value < 2:
        raise BadData(
            f'Arm "{people.arms[arm]}" has {with_value} units with a value of "{metric.name}": at least two are needed.'
        )
    if metric.kind == "ratio":
        if values[1].sum() <= 0:
            raise BadData(f'The sum of "{metric.denominator}" is not above zero in arm "{people.arms[arm]}".')
        estimate = ratio_of(values[0], values[1], owners, clusters)
    elif metric.kind == "quantile":
        estimate = quantile_of(values[0], metric.share, owners, clusters)
    else:
        estimate = mean_of(values[0], owners, clusters)
    return Measured(estimate, with_value, in_arm - with_value, values[0])


def _check_size(column: Floats, name: str) -> None:
    largest = float(np.nanmax(np.abs(column), initial=0.0))
    if largest > SIZE_MAX or 0 < largest < 1 / SIZE_MAX:
        raise BadData(f'Column "{name}" holds numbers too large or too small to square: give it in another unit.')


def _share(text: str, spec: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise BadData(f'"{text}" in metric "{spec}" is no quantile: write a share between 0 and 1, as in quantile@0.9.')
    return share


def _known(name: str, spec: str, columns: Collection[str]) -> str:
    if name not in columns:
        raise BadData(f'There is no column "{name}" (in "{spec}"). The columns are: {", ".join(columns)}.')
    return name
