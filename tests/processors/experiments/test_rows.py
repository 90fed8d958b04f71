"""From rows to units: repeats, units in two arms, clusters, and what is missing."""

import numpy as np
import pytest

from processors.experiments.estimates import BadData
from processors.experiments.rows import Rows, population
from tests.processors.experiments.tables import rows


def test_rows_of_a_unit_become_one_value() -> None:
    people = population(rows(["a", "a", "a", "b"], {"m": [1, 3, np.nan, 5]}, units=[7, 7, 9, 8]))
    assert people.counts() == [2, 1]
    assert people.unit_means(people.columns["m"]) == pytest.approx([2, 5, np.nan], nan_ok=True)
    assert people.unit_sums(people.columns["m"]) == pytest.approx([4, 5, np.nan], nan_ok=True)
    assert "4 rows belong to 3 units" in people.notes[0]


def test_units_in_two_arms_are_left_out_and_counted() -> None:
    people = population(rows(["a", "b", "a", "b"], {}, units=[0, 0, 1, 2]))
    assert (people.torn_units, people.counts()) == (1, [1, 1])
    with pytest.raises(BadData, match="--unit must name"):
        population(rows(["a", "b"], {}, units=[0, 0]))


def test_rows_without_unit_or_variant_are_left_out() -> None:
    people = population(Rows(("a", "b"), np.array([0, -1, 2]), np.array([0, 0, -1]), {}))
    assert people.counts() == [1, 0]
    assert people.notes == ["2 rows have no unit or no variant; they are left out."]
    with pytest.raises(BadData, match="No row has both"):
        population(Rows(("a",), np.array([-1]), np.array([0]), {}))


def test_clusters_that_share_a_unit_are_one() -> None:
    people = population(rows(["a", "a", "a", "b"], {}, units=[0, 0, 1, 2], clusters=[5, 6, 6, 9]))
    assert people.cluster_of_unit.tolist() == [0, 0, 1]
    assert people.clusters_are_assigned_whole()
    assert people.cluster_counts() == [1, 1]


def test_a_unit_without_a_cluster_is_its_own() -> None:
    people = population(rows(["a", "b", "b"], {}, clusters=[0, 0, -1]))
    assert people.cluster_of_unit.tolist() == [0, 0, 1]
    assert not people.clusters_are_assigned_whole()
    assert "1 units have no cluster" in people.notes[0]
