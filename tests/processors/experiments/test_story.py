"""How an experiment went over time: each look is what the analysis of the rows until then would have said."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.experiments import looks
from processors.experiments.analysis import analyze
from processors.experiments.distributions import Ints
from processors.experiments.metrics import parse
from processors.experiments.report import Plan
from processors.experiments.rows import Rows
from processors.experiments.story import Story, story
from tests.processors.experiments.tables import two_arms

START = 1_790_000_000_000_000


def plan_of(rows: Rows, *metrics: str, guardrails: Sequence[str] = (), **more: Any) -> Plan:
    columns = list(rows.columns)
    return Plan([parse(spec, columns) for spec in metrics], [parse(spec, columns) for spec in guardrails], **more)


def world(seed: int, *, rows_a_unit: int = 1, clusters: bool = False, missing: float = 0.0) -> tuple[Rows, Ints]:
    """900 rows of three arms over an hour, not in order, and when each came."""
    random, size = np.random.default_rng(seed), 900
    units = random.permutation(size) if rows_a_unit == 1 else random.integers(0, size // rows_a_unit, size)
    variants = random.integers(0, 3, size)[units]
    before = random.normal(size=size)
    columns = {
        "ok": (random.random(size) < 0.5 + 0.1 * variants).astype(np.float64),
        "ms": random.lognormal(3, 1, size) + before,
        "tokens": random.integers(1, 9, size).astype(np.float64),
        "before": before,
    }
    for values in columns.values():
        values[random.random(size) < missing] = np.nan
    cluster_of_row = (units % 60) if clusters else None
    rows = Rows(("b", "c", "control"), units, variants, columns, cluster_of_row)
    return rows, START + random.integers(0, 3_600_000_000, size)


def until(rows: Rows, times: Ints, at: int) -> Rows:
    come = times <= at
    return replace(
        rows,
        units=rows.units[come],
        variants=rows.variants[come],
        columns={name: values[come] for name, values in rows.columns.items()},
        clusters=None if rows.clusters is None else rows.clusters[come],
    )


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from([1, 3]),
    st.booleans(),
    st.sampled_from([0.0, 0.05]),
    st.sampled_from([(), ("before",)]),
)
def test_a_look_is_the_analysis_of_the_rows_until_then(
    seed: int, rows_a_unit: int, clusters: bool, missing: float, covariates: tuple[str, ...]
) -> None:
    rows, times = world(seed, rows_a_unit=rows_a_unit, clusters=clusters, missing=missing)
    plan = plan_of(
        rows,
        "ok:binary",
        "ms",
        "ms/tokens:ratio",
        "ms:quantile@0.9",
        guardrails=["tokens:lower"],
        covariates=covariates,
    )
    told = story(rows, times, plan, looks=6)
    assert len(told.looks) >= 4
    for look in told.looks:
        then = analyze(until(rows, times, look.at), plan)
        assert look.n == then.srm.counts if not clusters else True
        for name, of_arm in then.metrics.items():
            for arm, seen in look.metrics[name].items():
                found = of_arm[arm]
                if (
                    look is not told.looks[-1]
                    and covariates
                    and bool(found.cuped_variance_cut) != bool(told.report.metrics[name][arm].cuped_variance_cut)
                ):
                    continue  # whether covariates help is decided once, by all rows
                assert seen.effect == pytest.approx(found.effect, rel=1e-9, abs=1e-12)
                assert seen.cs == pytest.approx(found.cs, rel=1e-9, abs=1e-12)
                assert seen.ci == pytest.approx(found.ci, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("rows_a_unit", [1, 3])
@pytest.mark.parametrize("clusters", [False, True])
def test_the_last_look_is_the_report_to_the_last_digit(rows_a_unit: int, clusters: bool) -> None:
    rows, times = world(5, rows_a_unit=rows_a_unit, clusters=clusters, missing=0.01)
    plan = plan_of(rows, "ok:binary", "ms:lower", guardrails=["tokens"], covariates=["before"])
    told = story(rows, times, plan)
    assert told.report == analyze(rows, plan)
    last = told.looks[-1]
    assert last.at == times.max()
    for name, of_arm in told.report.metrics.items():
        shown = {arm: (seen.effect, seen.cs, seen.ci) for arm, seen in last.metrics[name].items()}
        assert shown == {arm: (r.effect, r.cs, r.ci) for arm, r in of_arm.items() if arm != "control"}
    for arm, guarded in told.report.guardrails["tokens"].items():
        assert (last.metrics["tokens"][arm].effect, last.metrics["tokens"][arm].cs) == (guarded.effect, guarded.cs)


def test_looks_are_evenly_in_time_and_those_with_too_few_units_are_left_out() -> None:
    rows = two_arms(500)
    times = START + np.random.default_rng(0).permutation(1000) * 1_000_000
    told = story(rows, times, plan_of(rows, "m"), looks=20)
    ats = np.array([look.at for look in told.looks])
    assert np.ptp(np.diff(ats)) <= 1
    assert len(ats) == 18  # at 5 % and 10 % of the way one arm has fewer than 50 units
    assert min(told.looks[0].n.values()) >= 50
    totals = [sum(look.n.values()) for look in told.looks]
    assert totals == sorted(totals)
    assert totals[-1] == 1000


def test_the_last_look_stays_however_few_units_there_are() -> None:
    rows = two_arms(10)
    told = story(rows, np.full(20, START), plan_of(rows, "m"))
    assert [look.n for look in told.looks] == [{"b": 10, "control": 10}]


def test_a_metric_that_does_not_vary_yet_has_no_look() -> None:
    rows = two_arms(200)
    times = START + np.tile(np.arange(200), 2) * 1_000_000
    constant = np.where(times < START + 100_000_000, 1.0, rows.columns["m"])
    rows = replace(rows, columns={"m": rows.columns["m"], "late": constant})
    told = story(rows, times, plan_of(rows, "m", "late"), looks=10)
    assert [("late" in look.metrics) for look in told.looks] == [look.at >= START + 100_000_000 for look in told.looks]
    assert all("m" in look.metrics for look in told.looks)


def test_many_rows_to_measure_anew_are_looked_at_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, times = world(2)
    plan = plan_of(rows, "ms:quantile", "ms")
    full = story(rows, times, plan, looks=12)
    monkeypatch.setattr(looks, "ROWS_MEASURED_MAX", 2000)
    rare = story(rows, times, plan, looks=12)
    assert 1 < sum("ms:quantile" in look.metrics for look in rare.looks) < len(full.looks)
    assert [look.metrics["ms"] for look in rare.looks] == [look.metrics["ms"] for look in full.looks]
    for shown, all_shown in zip(rare.looks, full.looks, strict=True):
        assert shown.metrics.get("ms:quantile", all_shown.metrics["ms:quantile"]) == all_shown.metrics["ms:quantile"]


def distribution(values: Sequence[float] | np.ndarray, metric: str = "m") -> Story:
    half = len(values) // 2
    rows = Rows(
        ("b", "control"), np.arange(2 * half), np.repeat([0, 1], half), {"m": np.asarray(values, dtype=np.float64)}
    )
    return story(rows, np.arange(2 * half), plan_of(rows, metric))


def test_a_distribution_counts_every_unit_once() -> None:
    values = np.random.default_rng(1).lognormal(5, 1, 4000)
    found = distribution(values).distributions["m"]
    assert {arm: sum(counts) for arm, counts in found.counts.items()} == {"b": 2000, "control": 2000}
    assert len(found.edges) == len(found.counts["b"]) + 1
    assert found.spread["control"].median == pytest.approx(np.median(values[2000:]))
    assert found.spread["control"].p95 == pytest.approx(np.quantile(values[2000:], 0.95))
    assert found.spread["b"].mean == pytest.approx(values[:2000].mean())
    inner = np.histogram(values[:2000], bins=[-np.inf, *found.edges[1:-1], np.inf])[0]
    assert found.counts["b"] == inner.tolist()


@pytest.mark.parametrize(("spread", "by_magnitude"), [(0.1, False), (2.0, True)])
def test_skewed_values_are_shown_by_their_magnitude(spread: float, by_magnitude: bool) -> None:
    found = distribution(np.random.default_rng(1).lognormal(0, spread, 2000)).distributions["m"]
    steps = np.diff(np.log(found.edges) if by_magnitude else found.edges)
    assert found.by_magnitude is by_magnitude
    assert np.ptp(steps) == pytest.approx(0, abs=1e-9)


def test_one_value_that_nearly_all_have_is_still_a_distribution() -> None:
    values = np.ones(2000)
    values[[0, 1500]] = 2.0
    found = distribution(values).distributions["m"]
    assert np.diff(found.edges).min() > 0
    assert sum(found.counts["b"]) == 1000


def test_what_is_zero_or_one_or_a_ratio_has_no_distribution() -> None:
    rows, times = world(3)
    told = story(rows, times, plan_of(rows, "ok:binary", "ms/tokens:ratio", "ms:quantile@0.9"))
    assert list(told.distributions) == ["ms"]


def test_a_bandit_is_looked_at_by_its_own_weights() -> None:
    """Its shares follow its outcomes, so no look may be at plain means."""
    random, size = np.random.default_rng(8), 1200
    chance = np.where(np.arange(size) < 300, 0.5, 0.8)
    arm = (random.random(size) < chance).astype(np.int64)
    values = {
        "ok": (random.random(size) < 0.5 + 0.2 * arm).astype(np.float64),
        "p": np.where(arm == 1, chance, 1 - chance),
    }
    rows, times = Rows(("control", "b"), np.arange(size), arm, values), START + np.arange(size) * 1_000_000
    plan = plan_of(rows, "ok:binary", propensity="p", control="control")
    told = story(rows, times, plan, looks=5)
    assert len(told.looks) == 5
    for look in told.looks:
        then = analyze(until(rows, times, look.at), plan).metrics["ok"]["b"]
        seen = look.metrics["ok"]["b"]
        assert (seen.effect, *seen.cs) == pytest.approx((then.effect, *then.cs), rel=1e-9)
