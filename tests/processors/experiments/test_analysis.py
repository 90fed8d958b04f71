"""The whole way: verdicts on data whose answer is known, and what must hold for any data."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from processors.experiments.estimates import BadData
from tests.processors.experiments.tables import report, rows, two_arms

MODES = ["sequential", "fixed"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("effect", "spec", "verdict", "winner"),
    [
        (0.5, "m", "winner", "b"),
        (0.5, "m:lower", "winner", "control"),
        (-0.5, "m", "winner", "control"),
        (0.0, "m", "no difference shown", None),
    ],
)
def test_a_verdict(mode: str, effect: float, spec: str, verdict: str, winner: str | None) -> None:
    found = report(two_arms(500, effect, seed=3), spec, mode=mode)
    assert (found.verdict, found.winner) == (verdict, winner)
    assert found.reasons


def test_the_fixed_test_is_welch_beside_mann_whitney() -> None:
    table = two_arms(200, 0.3)
    found = report(table, "m", mode="fixed").metrics["m"]["b"]
    values = table.columns["m"]
    assert found.p == pytest.approx(stats.ttest_ind(values[200:], values[:200], equal_var=False).pvalue, rel=1e-9)
    assert found.mann_whitney_p == pytest.approx(
        stats.mannwhitneyu(values[200:], values[:200], method="asymptotic").pvalue, rel=1e-9
    )


def test_a_mismatch_makes_any_effect_invalid() -> None:
    arms = ["control"] * 2600 + ["b"] * 2200
    table = rows(arms, {"m": np.random.default_rng(1).normal(size=4800) + (np.arange(4800) > 2600)})
    for mode in MODES:
        found = report(table, "m", mode=mode)
        assert (found.verdict, found.winner) == ("invalid", None)
        assert "Sample ratio mismatch: units by arm are" in found.reasons[0]
        assert "Equal shares were expected" in found.reasons[0]
    planned = report(table, "m", split={"control": 26 / 48, "b": 22 / 48})
    assert (planned.verdict, planned.srm_p) == ("winner", pytest.approx(1.0))


def test_a_ratio_that_would_alarm_at_a_single_look_is_noted() -> None:
    table = rows(["control"] * 5185 + ["b"] * 4815, {"m": np.random.default_rng(1).normal(size=10_000)})
    found = report(table, "m")
    assert (found.verdict, found.srm.alarm) == ("no difference shown", False)
    assert any("sample ratio is suspicious" in note for note in found.notes)
    assert report(table, "m", mode="fixed").verdict == "invalid"


def test_an_arm_that_never_came_is_a_mismatch() -> None:
    found = report(two_arms(500), "m", split={"control": 0.4, "b": 0.4, "c": 0.2})
    assert found.verdict == "invalid"
    assert found.srm.counts["c"] == 0


def test_units_in_several_arms_make_it_invalid() -> None:
    table = two_arms(500)
    torn = replace(table, units=np.where(np.arange(1000) >= 950, np.arange(1000) - 900, np.arange(1000)))
    assert "seen in several arms" in report(torn, "m").reasons[0]


@pytest.mark.parametrize(("mode", "each"), [("fixed", 99), ("sequential", 49)])
def test_few_units_get_no_verdict(mode: str, each: int) -> None:
    assert "extend it" in report(two_arms(each, 3.0), "m", mode=mode).reasons[0]
    assert report(two_arms(each + 1, 3.0), "m", mode=mode).winner == "b"


def test_a_fixed_test_waits_for_its_days() -> None:
    assert "13 of 14 days" in report(two_arms(300, 1.0), "m", mode="fixed", days=13.0).reasons[0]
    assert report(two_arms(300, 1.0), "m", mode="fixed", days=14.0).verdict == "winner"


def test_a_guardrail_stops_an_arm_that_would_win() -> None:
    table = two_arms(500, 1.0)
    slower = table.columns["m"] * 0.1 + (np.arange(1000) >= 500)
    table = replace(table, columns={**table.columns, "latency": slower})
    found = report(table, "m", guardrails=["latency:mean:lower"])
    assert found.guardrails["latency"]["b"].stops
    assert found.verdict == "winner" and found.winner == "control"
    assert 'Stop "b": it is worse on the guardrail latency' in found.reasons[-1]
    assert report(table, "m", guardrails=["latency"]).winner == "b"


def test_better_here_and_worse_there_is_mixed() -> None:
    table = two_arms(500, 1.0)
    table = replace(table, columns={**table.columns, "k": -table.columns["m"]})
    assert report(table, "m", "k").verdict == "mixed"


def test_several_comparisons_are_corrected_by_holm() -> None:
    random = np.random.default_rng(9)
    table = rows(["control"] * 400 + ["b"] * 400, {f"m{i}": random.normal(size=800) for i in range(3)})
    found = report(table, "m0", "m1", "m2")
    arms = [found.metrics[name]["b"] for name in ("m0", "m1", "m2")]
    raw, adjusted = [arm.p for arm in arms], [arm.p_adjusted for arm in arms]
    assert found.correction == "holm"
    assert min(adjusted) == pytest.approx(min(1, 3 * min(raw)))
    assert all(a >= r for a, r in zip(adjusted, raw, strict=True))


def test_control_is_named_chosen_or_refused() -> None:
    table = rows(["x"] * 100 + ["y"] * 100, {"m": np.random.default_rng(0).normal(size=200)})
    assert report(table, "m").control == "x"
    assert report(table, "m", split={"y": 0.5, "x": 0.5}).control == "y"
    assert report(table, "m", control="y").control == "y"
    assert report(two_arms(100), "m").control == "control"
    with pytest.raises(BadData, match='no arm "z"'):
        report(table, "m", control="z")


@pytest.mark.parametrize(
    ("table", "spec", "said"),
    [
        (rows(["a"] * 50, {"m": np.arange(50)}), "m", 'The only arm is "a"'),
        (rows(["a", "b"] * 50, {"m": np.ones(100)}), "m", "same value throughout"),
        (rows(["a", "b"] * 50, {"m": np.full(100, 0.1)}), "m", "same value throughout"),
        (rows(["a", "b"] * 50, {"m": np.zeros(100)}), "m:binary", "same value throughout"),
        (rows(["a", "b"] * 50, {"m": [0.0, 1.5] * 50}), "m", "same value within each arm"),
        (rows(["a", "b"] * 50, {"m": np.arange(100) * 1e300}), "m", "another unit"),
        (rows(["a", "b"] * 50, {"m": np.arange(100) * 1e-200}), "m", "another unit"),
        (rows(["a", "b"] * 50, {"m": [0.0] * 90 + [1.0] * 10}), "m:quantile", "Too many values"),
        (rows([str(i) for i in range(60)], {"m": np.arange(60)}), "m", "60 different values"),
    ],
)
def test_data_without_an_answer_are_refused(table, spec, said) -> None:
    with pytest.raises(BadData, match=said):
        report(table, spec)


def test_all_against_none_is_a_difference() -> None:
    found = report(rows(["a"] * 100 + ["b"] * 100, {"m": [0.0] * 100 + [1.0] * 100}), "m:binary")
    assert (found.verdict, found.winner) == ("winner", "b")
    assert found.metrics["m"]["b"].cs[0] > 0.9


def test_missing_values_are_counted_and_suspected_when_uneven() -> None:
    table = two_arms(1000)
    holes = table.columns["m"].copy()
    holes[:300] = np.nan
    found = report(replace(table, columns={"m": holes}), "m")
    assert (found.metrics["m"]["control"].n, found.metrics["m"]["control"].missing) == (700, 300)
    assert any("missing more often" in note for note in found.notes)


def test_clusters_widen_the_interval_and_are_counted_when_assigned_whole() -> None:
    random = np.random.default_rng(4)
    clusters = np.repeat(np.arange(40), 50)
    values = random.normal(size=2000) + random.normal(size=40)[clusters]
    arms = np.where(clusters % 2, "b", "control").tolist()
    alone, robust = report(rows(arms, {"m": values}), "m"), report(rows(arms, {"m": values}, clusters=clusters), "m")
    assert robust.srm.counts == {"b": 20, "control": 20}
    assert robust.srm.counted == "clusters"
    assert width(robust.metrics["m"]["b"].ci) > 4 * width(alone.metrics["m"]["b"].ci)
    assert robust.metrics["m"]["b"].method == "cluster-robust Welch t (CR2)"


def width(interval: tuple[float, float]) -> float:
    return interval[1] - interval[0]


seeds = st.integers(0, 2**32 - 1)
specs = st.sampled_from(["m", "k:binary", "m2/n:ratio", "m:quantile", "m:quantile@0.8"])


def anything(seed: int):
    random = np.random.default_rng(seed)
    units = int(random.integers(120, 300))
    arms = random.choice(["control", "b"], units).tolist()
    columns = {
        "m": random.lognormal(0, 1, units),
        "k": random.binomial(1, 0.3, units),
        "m2": random.poisson(5, units),
        "n": random.poisson(9, units) + 1,
    }
    return rows(arms, columns, order=("control", "b"))


@settings(max_examples=40, deadline=None)
@given(seeds, specs)
def test_intervals_hold_the_estimate_and_the_sequence_is_the_wider(seed: int, spec: str) -> None:
    found = report(anything(seed), spec)
    [by_arm] = found.metrics.values()
    arm = by_arm["b"]
    assert arm.ci[0] <= arm.effect <= arm.ci[1]
    assert arm.cs[0] <= arm.effect <= arm.cs[1]
    assert width(arm.cs) > width(arm.ci)
    assert 0 <= arm.p <= 1
    assert arm.p_always_valid >= arm.p
    json.dumps(asdict(found), allow_nan=False)


@settings(max_examples=30, deadline=None)
@given(seeds, specs)
def test_swapped_labels_flip_the_effect(seed: int, spec: str) -> None:
    table = anything(seed)
    found, swapped = report(table, spec), report(table, spec, control="b")
    [one], [other] = found.metrics.values(), swapped.metrics.values()
    assert other["control"].effect == pytest.approx(-one["b"].effect)
    assert other["control"].ci == pytest.approx((-one["b"].ci[1], -one["b"].ci[0]), abs=1e-9)
    assert other["control"].p == pytest.approx(one["b"].p)


@settings(max_examples=30, deadline=None)
@given(seeds, specs)
def test_rows_written_twice_change_nothing_of_a_unit(seed: int, spec: str) -> None:
    """A quantile is taken of rows, and moves by less than the distance of two values; nothing gets surer."""
    table = anything(seed)
    twice = replace(
        table,
        units=np.tile(table.units, 2),
        variants=np.tile(table.variants, 2),
        columns={name: np.tile(values, 2) for name, values in table.columns.items()},
    )
    [one], [other] = report(table, spec).metrics.values(), report(twice, spec).metrics.values()
    assert other["b"].n == one["b"].n
    if "quantile" in spec:
        assert width(other["b"].ci) > 0.8 * width(one["b"].ci)
    else:
        assert other["b"].ci == pytest.approx(one["b"].ci)
        assert other["b"].p == pytest.approx(one["b"].p)


@settings(max_examples=20, deadline=None)
@given(seeds, st.sampled_from(["m", "m:quantile"]), st.floats(-100, 100), st.floats(0.01, 100))
def test_shift_and_scale_carry_through(seed: int, spec: str, shift: float, scale: float) -> None:
    table = anything(seed)
    moved = replace(table, columns={**table.columns, "m": shift + scale * table.columns["m"]})
    one, other = report(table, spec).metrics["m"]["b"], report(moved, spec).metrics["m"]["b"]
    assert other.effect == pytest.approx(scale * one.effect, rel=1e-6, abs=1e-8 * scale)
    assert width(other.cs) == pytest.approx(scale * width(one.cs), rel=1e-6)
    assert other.p == pytest.approx(one.p, rel=1e-4, abs=1e-9)
