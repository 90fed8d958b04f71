"""A bandit's table through the engine: honest effects, true propensities, and what is refused."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from processors.experiments.analysis import analyze
from processors.experiments.bandit import Outcomes, next_shares
from processors.experiments.bandit_analysis import METHOD
from processors.experiments.estimates import BadData
from processors.experiments.metrics import parse
from processors.experiments.report import Plan, Report
from processors.experiments.rows import Rows
from tests.processors.experiments.tables import two_arms

ARMS = ("control", "b", "c")


def bandit(rates: tuple[float, ...], seed: int = 1, batches: int = 20, size: int = 200) -> Rows:
    """Units in the order of time, column `at`."""
    random = np.random.default_rng(seed)
    known, kept = [Outcomes()] * len(rates), []
    for _ in range(batches):
        shares = np.array(next_shares(known)) / 10_000
        arms = np.searchsorted(shares.cumsum(), random.random(size), side="right")
        done = (random.random(size) < np.array(rates)[arms]).astype(np.float64)
        for arm in range(len(rates)):
            good = float(done[arms == arm].sum())
            known[arm] += Outcomes(int((arms == arm).sum()), good, good)
        kept.append((arms, done, shares[arms]))
    arms, done, p = (np.concatenate(column) for column in zip(*kept, strict=True))
    units = np.arange(len(arms))
    return Rows(ARMS[: len(rates)], units, arms, {"done": done, "p": p, "at": units.astype(np.float64)})


def asked(table: Rows, *metrics: str, **plan) -> Report:
    return analyze(table, Plan([parse(spec, list(table.columns)) for spec in metrics], propensity="p", **plan))


def test_the_better_arm_wins_and_its_method_is_told() -> None:
    found = asked(bandit((0.3, 0.5, 0.3)), "done:binary")
    assert (found.verdict, found.winner) == ("winner", "b")
    arm = found.metrics["done"]["b"]
    assert arm.method == METHOD
    assert arm.mann_whitney_p is None
    assert arm.cs[0] < arm.ci[0] < 0.2 < arm.ci[1] < arm.cs[1]
    for name, rate in (("control", 0.3), ("b", 0.5), ("c", 0.3)):
        low, high = found.metrics["done"][name].mean_ci
        assert low < rate < high
    assert not found.srm.alarm
    assert any("plain mean would be biased" in note for note in found.notes)


def test_the_json_has_the_keys_of_any_experiment() -> None:
    def keys(value):
        return {key: keys(inner) for key, inner in value.items()} if isinstance(value, dict) else None

    ordinary = asdict(analyze(two_arms(200), Plan([parse("m", ["m"])])))
    adaptive = asdict(asked(bandit((0.3, 0.3)), "done"))
    assert keys(adaptive) | {"metrics": None} == keys(ordinary) | {"metrics": None}
    assert keys(adaptive["metrics"]["done"]) == keys(ordinary["metrics"]["m"])


def test_rows_in_any_order_say_the_same_with_their_time() -> None:
    table = bandit((0.3, 0.4))
    order = np.random.default_rng(2).permutation(len(table.units))
    mixed = Rows(table.arms, table.units[order], table.variants[order], {k: v[order] for k, v in table.columns.items()})
    assert asdict(asked(mixed, "done", time="at")) == asdict(asked(table, "done"))
    assert asked(mixed, "done").metrics["done"]["b"].effect != asked(table, "done").metrics["done"]["b"].effect


def test_units_with_several_rows_are_one_choice() -> None:
    table = bandit((0.3, 0.4))
    twice = Rows(
        table.arms,
        np.repeat(table.units, 2),
        np.repeat(table.variants, 2),
        {name: np.repeat(values, 2) for name, values in table.columns.items()},
    )
    one, other = asked(table, "done").metrics, asked(twice, "done").metrics
    assert asdict(other["done"]["b"]) == asdict(one["done"]["b"])


def test_arms_that_did_not_get_what_was_logged_make_it_invalid() -> None:
    table = bandit((0.3, 0.3))
    lost = (table.variants == 1) & (np.random.default_rng(3).random(len(table.units)) < 0.2)
    kept = Rows(table.arms, table.units[~lost], table.variants[~lost], {k: v[~lost] for k, v in table.columns.items()})
    for mode in ("sequential", "fixed"):
        found = asked(kept, "done", mode=mode)
        assert found.verdict == "invalid"
        assert 'Expected by "p".' in found.reasons[0]
    assert asked(table, "done").srm.sequential_p > 0.001


def test_missing_outcomes_leave_the_choice_in_the_sample_ratio() -> None:
    table = bandit((0.3, 0.3))
    holes = table.columns["done"].copy()
    holes[:50] = np.nan
    found = asked(replace(table, columns={**table.columns, "done": holes}), "done")
    assert sum(arm.missing for arm in found.metrics["done"].values()) == 50
    assert sum(found.srm.counts.values()) == len(holes)


def with_propensity(value: float, rows: slice = slice(0, 3)) -> Rows:
    table = bandit((0.3, 0.3))
    changed = table.columns["p"].copy()
    changed[rows] = value
    return replace(table, columns={**table.columns, "p": changed})


@pytest.mark.parametrize(
    ("table", "plan", "said"),
    [
        (with_propensity(np.nan), {}, "3 rows have no value"),
        (with_propensity(0.0), {}, "holds 0: what was chosen"),
        (with_propensity(-0.5), {}, "holds -0.5"),
        (with_propensity(50.0), {}, "holds 50: a probability is at most 1, not per cent"),
        (with_propensity(1.0), {}, "3 units have a propensity of 1"),
        (bandit((0.3, 0.3)), {"split": {"control": 0.5, "b": 0.5}}, "--split does not go with --propensity"),
        (bandit((0.3, 0.3)), {"covariates": ["at"]}, "--covariate does not go"),
        (replace(bandit((0.3, 0.3)), clusters=np.arange(4000) // 2), {}, "--cluster does not go"),
    ],
)
def test_what_cannot_be_told_is_refused(table: Rows, plan: dict, said: str) -> None:
    with pytest.raises(BadData, match=said):
        asked(table, "done", **plan)


def test_other_metrics_and_units_assigned_anew_are_refused() -> None:
    table = bandit((0.3, 0.3))
    with pytest.raises(BadData, match="takes means and binary ones"):
        asked(table, "done:quantile")
    again = table.units.copy()
    of_control = np.flatnonzero(table.variants == 0)
    again[of_control[-1]] = again[of_control[0]]
    with pytest.raises(BadData, match="a unit is assigned once"):
        asked(replace(table, units=again), "done")
