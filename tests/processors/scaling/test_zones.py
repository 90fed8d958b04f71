"""A zone without a host: growth goes where instances live, what it took is replaced when the load needs it, and nothing
swings when it comes back.
"""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.scaling.hosts import BACK_US, Hosts
from processors.scaling.sizing import resized
from tests.support.scaling import LIMITS, PERIOD_S, T0, Fleet, Rate, S, beat

HOUR_S = 3600
DIES_S, BACK_S, NIGHT_S = 1800, 1800 + HOUR_S, 1800 + 2 * HOUR_S
ZONES = ("a", "b", "c")


def changes(fleet: Fleet) -> list[tuple[float, int, int]]:
    return [(one["at"] / S - T0, one["before"], one["after"]) for one in fleet.decisions]


def day(rate: Rate, instances: int = 6, seed: int | None = None, **over: int) -> Fleet:
    """A zone dies at the peak, comes back an hour later, and an hour after that it is night."""
    fleet = Fleet(rate, instances=instances, zones=ZONES, limits=replace(LIMITS, **over), seed=seed).run(DIES_S)
    fleet.zone_dies("c")
    fleet.run(BACK_S).zone_is_back("c")
    return fleet.run(NIGHT_S + 2 * HOUR_S)


def test_what_a_dead_zone_took_is_replaced_when_needed_and_goes_by_the_ordinary_rule_when_it_is_back() -> None:
    fleet = day(lambda t: 1.8 if t < NIGHT_S else 0.3)
    [(at_s, before, after), *later] = changes(fleet)
    assert (before, after) == (6, 8), "four live, six are right"
    assert BACK_US / S <= at_s - DIES_S <= BACK_US / S + 2 * PERIOD_S
    assert fleet.decisions[0]["reason"].endswith(
        "No host has taken instances in zone c for 6 min: 2 there count no more."
    )
    assert all(at_s > NIGHT_S and then < now for at_s, now, then in later), "only with the night fewer"
    of_zones = fleet.pools["coder"].of_zones
    assert sum(of_zones.values()) == 1 and len(fleet.pools["coder"].waiting) == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_end_and_the_return_of_a_zone_in_noise_are_one_change(seed: int) -> None:
    fleet = day(lambda _: 1.6, seed=seed)
    assert all(DIES_S < at_s < BACK_S and after > before for at_s, before, after in changes(fleet))
    assert len(fleet.decisions) <= 2


def test_where_the_load_does_not_need_it_nothing_is_replaced() -> None:
    assert changes(day(lambda _: 0.9)) == []


def test_a_zone_that_is_back_soon_changes_nothing() -> None:
    fleet = Fleet(lambda _: 1.8, instances=6, zones=ZONES).run(DIES_S)
    fleet.zone_dies("c")
    fleet.run(DIES_S + 240).zone_is_back("c")
    assert changes(fleet.run(DIES_S + HOUR_S)) == []


def test_what_is_replaced_stays_within_what_an_agent_may_have() -> None:
    fleet = day(lambda _: 1.8, instances_max=7)
    assert changes(fleet) == [(pytest.approx(DIES_S + 300, abs=60), 6, 7)]
    assert "8 would be right; an agent has 7 at most." in fleet.decisions[0]["reason"]


def test_an_agent_that_was_in_the_dead_zone_only_is_given_to_another() -> None:
    fleet = Fleet(lambda _: 0.2, instances=1, zones=ZONES).run(DIES_S)
    [zone] = fleet.pools["coder"].of_zones
    fleet.zone_dies(zone)
    fleet.run(DIES_S + HOUR_S)
    assert sum(fleet.pools["coder"].of_zones[other] for other in ZONES if other != zone) >= 1
    assert len(fleet.pools["coder"].waiting) == 0


def test_growth_goes_to_live_zones_also_before_a_zone_counts_as_lost() -> None:
    fleet = Fleet(lambda t: 1.8 if t < DIES_S else 2.9, instances=6, zones=ZONES).run(DIES_S)
    fleet.zone_dies("c")
    fleet.run(DIES_S + 3 * PERIOD_S)
    assert fleet.pools["coder"].of_zones == {"a": 4, "b": 4, "c": 2}
    assert fleet.decisions[0]["reason"].endswith("They go elsewhere than zone c, where no host takes instances.")


def test_fewer_are_wanted_of_those_that_live_while_a_zone_is_lost() -> None:
    fleet = Fleet(lambda t: 1.8 if t < DIES_S else 0.3, instances=6, zones=ZONES).run(DIES_S)
    fleet.zone_dies("c")
    of_zones = fleet.run(DIES_S + 2 * HOUR_S).pools["coder"].of_zones
    assert (of_zones["a"] + of_zones["b"], of_zones["c"]) == (1, 2)


def test_who_was_deaf_itself_does_not_take_zones_for_lost() -> None:
    hosts = Hosts(ZONES, LIMITS.lease_us)
    for zone in ZONES:
        hosts.heard(beat(f"h-{zone}", 0, zone=zone))
    assert not hosts.look((T0 + 5) * S).silent_us
    later = 10_000
    assert not hosts.look((T0 + later) * S).silent_us, "nobody is heard: that is no zone's silence"
    hosts.heard(beat("h-a", later, zone="a"))
    found = hosts.look((T0 + later) * S)
    assert found.silent_us == {"b": 0, "c": 0} and not found.lost


of_zones = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 6), min_size=1)


@given(of_zones, st.integers(0, 30), st.sets(st.sampled_from("abcd")))
def test_instances_come_only_where_somebody_is_and_go_there_as_long_as_there_are_any(now, total, there):
    made, here = resized(now, total, there), {zone for zone in now if zone in there}
    assert sum(made.values()) == total and min(made.values()) >= 0
    came = {zone for zone in now if made[zone] > now[zone]}
    assert not here or came <= here
    if any(made[zone] < now[zone] for zone in now.keys() - here) and here:
        assert all(made[zone] == 0 for zone in here)


mishaps = st.lists(st.tuples(st.integers(1, 40), st.sampled_from(ZONES), st.floats(0.05, 4.0)), min_size=1, max_size=6)


@settings(max_examples=25)
@given(mishaps)
def test_whatever_zones_and_load_do_bounds_hold_and_instances_come_where_hosts_are(story) -> None:
    rate = [1.0]
    fleet = Fleet(lambda _: rate[0], instances=5, zones=ZONES)
    for looks, zone, rate[0] in story:
        if zone in fleet.dead:
            fleet.zone_is_back(zone)
        else:
            fleet.zone_dies(zone)
        for _ in range(looks):
            before, made = fleet.pools["coder"].of_zones, len(fleet.decisions)
            fleet.run(fleet.now_s + PERIOD_S)
            after = fleet.pools["coder"].of_zones
            assert not {zone for zone in fleet.dead if after[zone] > before[zone]}
            assert sum(after.values()) <= LIMITS.instances_max
            for one in fleet.decisions[made:]:
                assert one["after"] >= one["before"] or one["score"] < 0
                live = sum(count for zone, count in after.items() if zone not in fleet.dead)
                assert one["after"] >= one["before"] or live >= 1, "what is left works"


def test_the_spread_over_zones_outlives_a_night_with_a_single_instance() -> None:
    fleet = Fleet(lambda t: 1.8 if t < 600 or t > 3 * HOUR_S else 0.02, instances=6, zones=ZONES).run(3 * HOUR_S)
    assert sum(fleet.pools["coder"].of_zones.values()) == 1
    assert fleet.run(4 * HOUR_S).pools["coder"].of_zones == {"a": 2, "b": 2, "c": 2}
