"""The autoscaler on a simulated fleet: a step is met at once, what swings slowly is followed, the rest left alone."""

from dataclasses import replace
from itertools import pairwise
from math import pi, sin

import pytest

from processors.scaling.sizing import TARGET, Expected
from tests.support.scaling import LIMITS, PERIOD_S, SLOTS, T0, Fleet, Rate, S

STEP_AT_S = 1200
LARGE = replace(LIMITS, instances_max=200)
"""The step of the fleet is the only brake."""


def times_s(fleet: Fleet) -> list[float]:
    return [decision["at"] / S - T0 for decision in fleet.decisions]


def sizes(fleet: Fleet) -> list[int]:
    return [decision["after"] for decision in fleet.decisions]


def turns(fleet: Fleet) -> int:
    """How often growing became shrinking, or shrinking growing."""
    ways = [decision["after"] > decision["before"] for decision in fleet.decisions]
    return sum(before != after for before, after in pairwise(ways))


@pytest.mark.parametrize("high", [1.2, 2.4, 3.0])
@pytest.mark.parametrize("response_s", [2.0, 10.0])
def test_a_step_is_met_within_three_periods_and_left_alone_then(high: float, response_s: float) -> None:
    unit = 10.0 / response_s
    fleet = Fleet(lambda t: unit * (0.4 if t < STEP_AT_S else high), response_s=response_s).run(STEP_AT_S + 5400)
    assert len(fleet.decisions) == 1
    assert times_s(fleet)[0] - STEP_AT_S <= 3 * PERIOD_S
    assert sizes(fleet)[0] == pytest.approx(fleet.needed(), abs=max(1.0, 0.1 * fleet.needed()))


@pytest.mark.parametrize("high", [8.3, 8.6, 8.9])
def test_a_step_of_a_large_agent_is_met_within_ten_in_a_hundred(high: float) -> None:
    fleet = Fleet(lambda t: 6.0 if t < STEP_AT_S else high, instances=20, limits=LARGE).run(STEP_AT_S + 5400)
    assert len(fleet.decisions) == 1
    assert sizes(fleet)[0] == pytest.approx(fleet.needed(), rel=0.1)


def test_a_step_beyond_that_of_the_fleet_is_met_in_parts_until_the_load_is_right() -> None:
    fleet = Fleet(lambda t: 6.0 if t < STEP_AT_S else 16.0, instances=20, limits=LARGE).run(STEP_AT_S + 5400)
    assert sizes(fleet)[:2] == [30, 40]
    assert turns(fleet) == 0
    assert "the fleet gains 10 in 5 min at most" in fleet.decisions[0]["reason"]
    gaps = [after - before for before, after in pairwise([STEP_AT_S, *times_s(fleet)])]
    assert gaps[0] <= 3 * PERIOD_S and all(300 <= gap <= 300 + 3 * PERIOD_S for gap in gaps[1:])
    assert 0.75 * fleet.needed() <= sizes(fleet)[-1] <= 1.1 * fleet.needed(), "the dead band begins at a load of 80 %"


@pytest.mark.parametrize(("agents", "looks"), [(10, 2), (100, 5)])
def test_a_large_fleet_follows_a_step_in_a_few_cool_downs(agents: int, looks: int) -> None:
    """Five steps of 5 % make nine tenths of 1.4 times as much. Where few tasks come to each, arrivals of more looks
    are counted before the first."""
    each, limits = 2000 // agents, replace(LIMITS, instances_max=1000, fleet_max=10_000)
    rate = each * SLOTS * TARGET / 200.0
    load: Rate = lambda t: rate * (1.0 if t < STEP_AT_S else 1.4)  # noqa: E731
    fleet = Fleet({f"a{n}": load for n in range(agents)}, instances=each, response_s=200.0, limits=limits)
    fleet.run(STEP_AT_S + 3000)
    right, totals = sum(map(fleet.needed, fleet.pools)), [sum(size.values()) for size in fleet.sizes]
    steps = sorted(set(times_s(fleet)))
    assert right == pytest.approx(2800) and steps[0] <= STEP_AT_S + looks * PERIOD_S
    assert all(300 <= after - before <= 300 + 3 * PERIOD_S for before, after in pairwise(steps))
    assert totals[int(steps[4]) // PERIOD_S - 1] >= 0.9 * right
    assert turns(fleet) == 0 and max(totals) <= right * 1.05, "an instance of each at most beyond, and none goes back"
    assert totals[-1] >= 0.92 * right, "what was cut goes on to nearly the size that is right"


def test_a_step_down_is_followed_slowly_and_nobody_waits_for_it() -> None:
    fleet = Fleet(lambda t: 2.4 if t < STEP_AT_S else 0.3, instances=8).run(STEP_AT_S + 5400)
    assert sizes(fleet)[-1] == 1
    assert turns(fleet) == 0
    assert min(times_s(fleet)) >= STEP_AT_S + 600, "what was needed in the last ten minutes is kept"
    pool = fleet.pools["coder"]
    assert max(wait for _, wait in pool.waits) <= 1
    assert not pool.leaving or all(one.running == 0 for one in pool.leaving), (
        "they ended what they had before they left"
    )
    assert pool.done + pool.running + len(pool.waiting) == pool.arrived


@pytest.mark.parametrize("rate", [0.5, 0.6, 0.7])
def test_a_steady_load_changes_nothing(rate: float) -> None:
    assert Fleet(lambda _: rate).run(6 * 3600).decisions == []


@pytest.mark.parametrize("rate", [0.05, 1.0, 2.0, 2.9])
@pytest.mark.parametrize("instances", [1, 4, 10])
def test_a_steady_load_is_settled_and_then_changes_nothing(rate: float, instances: int) -> None:
    fleet = Fleet(lambda _: rate, instances=instances).run(4 * 3600)
    assert turns(fleet) == 0
    assert all(at < 2700 for at in times_s(fleet))


def test_a_ramp_is_followed_upwards_only_and_nobody_waits() -> None:
    fleet = Fleet(lambda t: min(2.7, 0.3 + t / 3600)).run(3 * 3600)
    assert turns(fleet) == 0
    assert fleet.needed() * 0.7 <= sizes(fleet)[-1] <= fleet.needed() * 1.1
    assert max(wait for _, wait in fleet.pools["coder"].waits) <= 1


def test_a_slow_sine_is_followed_with_two_turns_a_wave() -> None:
    waves, length_s = 3, 6 * 3600
    fleet = Fleet(lambda t: 1.4 + 1.2 * sin(2 * pi * t / length_s), instances=5).run(waves * length_s)
    assert turns(fleet) <= 2 * waves
    assert {1, 7} <= set(sizes(fleet))
    assert max(wait for at, wait in fleet.pools["coder"].waits if at > 600) <= 5


def test_a_quick_sine_is_carried_not_followed() -> None:
    """A wave of ten minutes is over before a cool-down: what its crest needs stays."""
    fleet = Fleet(lambda t: 1.4 + 1.2 * sin(2 * pi * t / 600)).run(4 * 3600)
    assert turns(fleet) == 0
    assert all(at < 1800 for at in times_s(fleet))


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_not_followed(seed: int) -> None:
    fleet = Fleet(lambda _: 0.9, instances=3, seed=seed).run(6 * 3600)
    assert turns(fleet) == 0
    assert len(fleet.decisions) <= 1, "once at most, when a crowd came by chance"
    assert all(3 <= size <= 5 for size in sizes(fleet))


@pytest.mark.parametrize("seed", range(3))
def test_a_step_in_noise_is_met_without_a_turn(seed: int) -> None:
    fleet = Fleet(lambda t: 0.4 if t < STEP_AT_S else 2.2, seed=seed).run(STEP_AT_S + 5400)
    assert turns(fleet) == 0
    assert fleet.needed() * 0.75 <= sizes(fleet)[-1] <= fleet.needed() * 1.35
    first = next(at for at in times_s(fleet) if at > STEP_AT_S)
    assert first - STEP_AT_S <= 3 * PERIOD_S


def test_long_tasks_do_not_hide_a_step() -> None:
    """When tasks take longer than a period, what runs tells too little; what comes tells it."""
    rates = (0.04, 0.24)
    fleet = Fleet(lambda t: rates[t >= STEP_AT_S], response_s=100.0).run(STEP_AT_S + 5400)
    assert times_s(fleet)[0] - STEP_AT_S <= 3 * PERIOD_S
    assert sizes(fleet)[-1] == pytest.approx(fleet.needed(), abs=1.0)
    assert turns(fleet) == 0


def test_of_many_agents_the_busiest_grow_first() -> None:
    rates = {f"a{i}": (lambda t, i=i: 0.4 if t < STEP_AT_S else 0.4 + i * 0.3) for i in range(7)}
    fleet = Fleet(rates).run(STEP_AT_S + 3600)
    assert [decision["agent_id"] for decision in fleet.decisions] == ["a6", "a5", "a4", "a3", "a2"]
    first = [d for d in fleet.decisions if d["at"] == fleet.decisions[0]["at"]]
    assert sum(d["after"] - d["before"] for d in first) <= 10


def test_when_the_fleet_is_full_the_busiest_gets_what_is_left_and_is_told_so() -> None:
    rates = {"a": lambda _: 1.6, "b": lambda _: 2.4}
    fleet = Fleet(rates, limits=replace(LIMITS, fleet_max=8)).run(3600)
    assert [(d["agent_id"], d["before"], d["after"]) for d in fleet.decisions] == [("b", 2, 6)]
    assert fleet.decisions[0]["reason"].endswith("Not all of it: the fleet has 8 at most.")


def test_of_a_fleet_at_its_least_nobody_goes() -> None:
    rates = {"a": lambda _: 0.05, "b": lambda _: 0.05}
    fleet = Fleet(rates, instances=4, limits=replace(LIMITS, fleet_min=7)).run(7200)
    assert [(d["before"], d["after"]) for d in fleet.decisions] == [(4, 3)]
    assert fleet.decisions[0]["reason"].endswith("Not all of it: the fleet keeps 7.")


def test_an_idle_fleet_loses_five_in_ten_minutes_whoever_they_are_of() -> None:
    fleet = Fleet({name: lambda _: 0.05 for name in "abcd"}, instances=8).run(2400)
    spans = (600, 1200)
    lost = [
        sum(d["before"] - d["after"] for d in fleet.decisions if T0 + t <= d["at"] / S < T0 + t + 600) for t in spans
    ]
    assert lost == [5, 5]


@pytest.mark.parametrize("seed", range(2))
def test_where_few_tasks_come_a_few_by_chance_are_no_crowd(seed: int) -> None:
    """Nine tasks in 100 s, each of 100 s."""
    fleet = Fleet(lambda _: 0.09, instances=3, response_s=100.0, seed=seed).run(6 * 3600)
    assert turns(fleet) == 0
    assert all(size <= 5 for size in sizes(fleet))


def test_a_dry_run_tells_the_same_first_step_and_changes_nothing() -> None:
    dry, real = (Fleet(lambda t: 0.4 if t < STEP_AT_S else 2.4, mode=mode).run(3600) for mode in ("dry_run", "on"))
    assert dry.decisions[0] == real.decisions[0] | {"applied": False}
    assert not any(d["applied"] for d in dry.decisions)
    assert all(size == {"coder": 2} for size in dry.sizes)
    assert all(after - before >= 300 for before, after in pairwise(times_s(dry))), "once a cool-down, not at each look"


def test_a_restart_keeps_cool_downs_and_goes_on() -> None:
    without, restarted = (Fleet(lambda t: 2.4 if t < 1500 else 0.2, instances=2) for _ in range(2))
    without.run(7200)
    restarted.run(600).restart_scaler()
    restarted.run(2200).restart_scaler()
    restarted.run(7200)
    assert sizes(restarted)[-1] == sizes(without)[-1] == 1
    assert turns(restarted) == turns(without) == 1
    for fleet in (without, restarted):
        for before, after in pairwise(fleet.decisions):
            assert after["at"] - before["at"] >= (300 if after["after"] > after["before"] else 600) * S


def test_what_a_person_asks_for_stays_for_an_hour() -> None:
    fleet = Fleet(lambda _: 2.4, instances=2).run(10)
    fleet.person_asks("coder", 3)
    fleet.run(3600)
    assert fleet.decisions == []
    fleet.run(4000)
    assert sizes(fleet)[0] >= 8
    assert times_s(fleet)[0] >= 3610


def test_an_agent_that_somebody_switched_off_stays_off() -> None:
    fleet = Fleet(lambda _: 2.4, instances=2).run(10)
    fleet.person_asks("coder", 0)
    assert fleet.run(3 * 3600).decisions == []


def test_what_the_forecast_expects_is_there_before_it_comes() -> None:
    fleet = Fleet(lambda t: 0.5 if t < 1800 else 2.4, instances=2).run(600)
    fleet.scaler.expects({"coder": Expected(24.0, 26.0)})
    fleet.run(1800)
    assert sizes(fleet) == [8]
    assert "forecast" in fleet.decisions[0]["reason"]
    assert fleet.decisions[0]["expected"] == 8.0
    fleet.run(3600)
    assert max(wait for _, wait in fleet.pools["coder"].waits) <= 1, "nobody waited for the step"


def test_no_instance_goes_that_the_forecast_may_need_within_the_hour() -> None:
    fleet = Fleet(lambda _: 0.3, instances=8)
    fleet.scaler.expects({"coder": Expected(3.0, 50.0)})
    assert sizes(fleet.run(3600)) == [], "nor does one come for what is only possible"
    fleet.scaler.expects({"coder": Expected(3.0, 20.0)})
    assert sizes(fleet.run(3 * 3600))[-1] == 5
    assert "up to 20.0 are expected" in fleet.decisions[-1]["reason"]
    fleet.scaler.expects({})
    assert sizes(fleet.run(4 * 3600))[-1] == 1
