"""From the rows of a table to units: who was in which arm, and one value a unit. What is left out is counted.

The unit is what was assigned to an arm, so it is what counts: a unit with many rows is still one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from scipy.sparse import coo_array  # type: ignore[import-untyped]
from scipy.sparse.csgraph import connected_components  # type: ignore[import-untyped]

from processors.experiments.distributions import Floats, Ints
from processors.experiments.estimates import BadData

TORN_UNITS_MAX = 0.01
"""Share of the units that may have been seen in several arms; beyond it the assignment itself is broken."""


@dataclass(frozen=True)
class Rows:
    """A table, its names replaced by numbers from 0; -1 where the table has none."""

    arms: tuple[str, ...]
    units: Ints
    variants: Ints
    columns: Mapping[str, Floats]
    """NaN where a value is missing."""
    clusters: Ints | None = None


@dataclass(frozen=True)
class Population:
    """The units of an experiment, numbered from 0, and their rows."""

    arms: tuple[str, ...]
    arm_of_unit: Ints
    cluster_of_unit: Ints
    """A unit's own number where units stand alone."""
    clustered: bool
    unit_of_row: Ints
    columns: Mapping[str, Floats]
    torn_units: int
    """Units left out because they were seen in several arms."""
    notes: list[str] = field(default_factory=list)

    def units(self) -> int:
        return len(self.arm_of_unit)

    def counts(self) -> list[int]:
        """Units of each arm."""
        return [len(units) for units in self.units_of_arm]

    @cached_property
    def units_of_arm(self) -> list[Ints]:
        """The units of each arm, in their order."""
        return [np.flatnonzero(self.arm_of_unit == arm) for arm in range(len(self.arms))]

    def clusters_are_assigned_whole(self) -> bool:
        """Whether clusters, not units, seem to have been dealt to the arms: none has units in two."""
        if not self.clustered:
            return False
        pairs = np.unique(self.cluster_of_unit * len(self.arms) + self.arm_of_unit)
        return len(pairs) == len(np.unique(self.cluster_of_unit))

    def cluster_counts(self) -> list[int]:
        """Clusters of each arm, where they are assigned whole."""
        first = np.unique(self.cluster_of_unit, return_index=True)[1]
        return np.bincount(self.arm_of_unit[first], minlength=len(self.arms)).tolist()  # type: ignore[no-any-return]

    def unit_sums(self, values: Floats) -> Floats:
        """Sum of each unit's rows that have a value; NaN for a unit without any."""
        return self._sums_and_rows(values)[0]

    def unit_means(self, values: Floats) -> Floats:
        """Mean of each unit's rows that have a value; NaN for a unit without any."""
        sums, rows = self._sums_and_rows(values)
        return sums / np.maximum(rows, 1)

    def _sums_and_rows(self, values: Floats) -> tuple[Floats, Ints]:
        """Of each unit's rows that have a value; the sum is NaN for a unit without any."""
        known = np.isfinite(values)
        owners, values = (self.unit_of_row, values) if known.all() else (self.unit_of_row[known], values[known])
        rows = np.bincount(owners, minlength=self.units())
        return np.where(rows > 0, np.bincount(owners, weights=values, minlength=self.units()), np.nan), rows


def population(rows: Rows) -> Population:
    notes: list[str] = []
    known = (rows.units >= 0) & (rows.variants >= 0)
    if left_out := int(np.count_nonzero(~known)):
        notes.append(f"{left_out:,} rows have no unit or no variant; they are left out.")
    if not known.any():
        raise BadData("No row has both a unit and a variant: check --unit and --variant.")
    units, variants = _compact(rows.units[known]), rows.variants[known]
    count = int(units.max()) + 1
    arm_of_unit = np.empty(count, dtype=np.int64)
    arm_of_unit[units] = variants
    torn = np.zeros(count, dtype=bool)
    torn[units[arm_of_unit[units] != variants]] = True
    if torn_units := int(torn.sum()):
        notes.append(f"{torn_units:,} units have rows in several arms; they are left out.")
        if torn_units == count:
            raise BadData("Every unit has rows in several arms: --unit must name what was assigned to one arm.")
    kept = ~torn[units]
    number = np.cumsum(~torn) - 1  # the kept units numbered anew
    units = number[units[kept]]
    arm_of_unit = arm_of_unit[~torn]
    if len(units) > len(arm_of_unit):
        notes.append(
            f"{len(units):,} rows belong to {len(arm_of_unit):,} units; a unit counts once: its rows are averaged "
            "(mean, binary), summed (ratio), or kept and clustered by unit (quantile)."
        )
    clusters = np.arange(len(arm_of_unit))
    if rows.clusters is not None:
        clusters = _clusters(units, rows.clusters[known][kept], len(arm_of_unit), notes)
    columns = {name: values[known][kept] for name, values in rows.columns.items()}
    clustered = rows.clusters is not None
    return Population(rows.arms, arm_of_unit, clusters, clustered, units, columns, torn_units, notes)


def _clusters(unit_of_row: Ints, cluster_of_row: Ints, units: int, notes: list[str]) -> Ints:
    """The cluster of each unit. Clusters that share a unit are one: their outcomes cannot be told apart as independent.
    A unit without a cluster is one of its own."""
    known = cluster_of_row >= 0
    owners, clusters = unit_of_row[known], cluster_of_row[known]
    if alone := units - len(np.unique(owners)):
        notes.append(f"{alone:,} units have no cluster; each counts as one of its own.")
    nodes = units + (int(clusters.max()) + 1 if len(clusters) else 0)
    links = coo_array((np.ones(len(owners), dtype=np.int8), (owners, units + clusters)), shape=(nodes, nodes))
    labels = connected_components(links, directed=False)[1][:units]
    before, after = len(np.unique(clusters)) + alone, len(np.unique(labels))
    if after < before:
        notes.append(f"Clusters that share units are taken as one: {before:,} became {after:,}.")
    return _compact(labels.astype(np.int64))


def _compact(codes: Ints) -> Ints:
    """The same codes without gaps."""
    if codes.max() > 4 * len(codes):
        return np.unique(codes, return_inverse=True)[1].astype(np.int64)
    present = np.zeros(int(codes.max()) + 1, dtype=bool)
    present[codes] = True
    return codes if present.all() else (np.cumsum(present) - 1)[codes]
