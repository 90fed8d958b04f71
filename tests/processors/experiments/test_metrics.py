"""How metrics are written, and which columns they refuse."""

import numpy as np
import pytest

from processors.experiments.estimates import BadData
from processors.experiments.metrics import measure, parse
from processors.experiments.rows import population
from tests.processors.experiments.tables import rows

COLUMNS = ["m", "n", "a:b", "x/y"]


@pytest.mark.parametrize(
    ("spec", "kind", "columns", "name"),
    [
        ("m", "mean", ("m",), "m"),
        ("m:binary", "binary", ("m",), "m"),
        ("m/n:ratio", "ratio", ("m", "n"), "m/n"),
        ("x/y/m:ratio", "ratio", ("x/y", "m"), "x/y/m"),
        ("m:quantile", "quantile", ("m",), "m"),
        ("a:b", "mean", ("a:b",), "a:b"),
        ("a:b:mean:lower", "mean", ("a:b",), "a:b"),
    ],
)
def test_a_metric_is_read(spec: str, kind: str, columns: tuple[str, ...], name: str) -> None:
    metric = parse(spec, COLUMNS)
    assert (metric.kind, metric.columns, metric.name) == (kind, columns, name)
    assert metric.higher_is_better == (not spec.endswith(":lower"))


def test_a_quantile_names_its_share() -> None:
    assert (parse("m:quantile", COLUMNS).share, parse("m:quantile@0.9", COLUMNS).share) == (0.5, 0.9)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("z", 'no column "z"'),
        ("m:median", '"median" in metric "m:median" is no kind'),
        ("m:mean@0.5", "is no kind"),
        ("m:quantile@2", "is no quantile"),
        ("m:quantile@", "is no quantile"),
        ("m:ratio", "write NUMERATOR/DENOMINATOR:ratio"),
        ("m/z:ratio", 'no column "z"'),
    ],
)
def test_what_cannot_be_read_is_named(spec: str, said: str) -> None:
    with pytest.raises(BadData, match=said):
        parse(spec, COLUMNS)


@pytest.mark.parametrize(
    ("spec", "values", "said"),
    [
        ("m", [1, np.inf, 2, 3], "infinite"),
        ("m:binary", [0, 1, 2, 1], "other values than 0 and 1"),
        ("m", [1, np.nan, 2, 3], 'Arm "a" has 1 units with a value'),
        ("m/n:ratio", [1, 2, 3, 4], "not above zero"),
    ],
)
def test_columns_that_do_not_suit_are_refused(spec: str, values: list[float], said: str) -> None:
    people = population(rows(["a", "a", "b", "b"], {"m": values, "n": [0, 0, 0, 0]}))
    with pytest.raises(BadData, match=said):
        measure(parse(spec, ["m", "n"]), people)
