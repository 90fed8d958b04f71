"""Where instances can come to life, and how busy the processors are there; and what the autoscaler makes of it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.scaling.autoscaler import Autoscaler
from processors.scaling.hosts import FULL, Ground, Hosts
from schemas.events import AgentHeartbeat, ScalingDecision
from tests.support.scaling import LIMITS, T0, Fleet, S, beat, definition, status

ZONES = ("a", "b")


def ground(*beats: AgentHeartbeat, at_s: float = 0.0) -> Ground | None:
    hosts = Hosts(ZONES, LIMITS.lease_us)
    for one in beats:
        hosts.heard(one)
    return hosts.look(int((T0 + at_s) * S))


def test_before_any_host_spoke_nothing_is_known() -> None:
    assert ground() is None


def test_a_host_is_there_while_it_is_heard_and_takes_instances() -> None:
    beats = [beat("h", 0, zone="a"), beat("i", 8, zone="b"), beat("j", 8, zone="elsewhere")]
    assert ground(*beats, at_s=9).there == {"a", "b"}
    assert ground(*beats, at_s=11).there == {"b"}
    assert ground(*beats, at_s=30).there == set(), "heard of once, and now of nobody"
    assert ground(*beats, beats[1] | {"draining": True}, at_s=9).there == {"a"}


def test_of_an_agent_counts_where_its_instances_are_and_of_a_zone_each_host() -> None:
    found = ground(beat("h", 0, 0.9, "a", coder=3), beat("i", 0, 0.1, "a", coder=1), beat("j", 0, None, "b", coder=9))
    assert found.cpu == {"a": pytest.approx(0.5)}
    assert found.of_agents == {"coder": pytest.approx(0.7)}
    assert ground(beat("h", 0, 0.9, "a", coder=0)).of_agents == {}


def test_a_moment_is_no_minute_and_one_beat_of_many_pools_counts_once() -> None:
    quiet = [beat("h", at_s, 0.1, "a") for at_s in range(0, 60, 2)]
    moment = [beat("h", 60, 1.0, "a", **{f"p{n}": 1}) for n in range(50)]
    assert ground(*quiet, *moment, at_s=60).cpu["a"] < 0.15
    minute = [beat("h", at_s, 1.0, "a") for at_s in range(62, 242, 2)]
    assert ground(*quiet, *minute, at_s=242).cpu["a"] > FULL


beats = st.builds(
    beat,
    st.sampled_from("hij"),
    st.integers(0, 20),
    st.none() | st.floats(0, 1),
    st.sampled_from(["a", "b", "c"]),
    x=st.integers(0, 3),
)


@given(st.lists(beats, max_size=20), st.fixed_dictionaries(dict.fromkeys(ZONES, st.integers(0, 3))), st.integers(0, 30))
def test_whatever_hosts_say_the_use_of_processors_is_between_what_was_told(told, used, at_s):
    found = ground(*told, at_s=at_s)
    if found is None:
        assert not told
        return
    shares = [one["cpu_used"] for one in told if one["cpu_used"] is not None]
    for share in (*found.cpu.values(), *found.of_agents.values()):
        assert min(shares) - 1e-9 <= share <= max(shares) + 1e-9
    assert found.there <= set(ZONES) and set(found.cpu) <= found.there
    assert found.roomy(found.open_to(used)) <= found.there
    assert found.eases(used) == any(found.cpu.get(zone, 0.0) < 0.7 for zone in found.open_to(used))


# --- what the autoscaler makes of it

MIDDLING = {"waiting": 90, "oldest_wait_ms": 28_000, "running": 4, "error_rate": 0.03, "mean_response_ms": 0.0}
"""Slots are at work, and tasks wait, but neither as much as asks for more by itself."""


BUSY = {"waiting": 200, "oldest_wait_ms": 60_000, "running": 10}


def scaler_of(instances: int) -> Autoscaler:
    made = Autoscaler(LIMITS, "on", ZONES)
    made.agent(definition("coder", instances))
    return made


def looks(scaler: Autoscaler, *told: AgentHeartbeat, at_s: int = 0, **over: float) -> list[ScalingDecision]:
    """What comes of two looks, at both of which hosts say this."""
    made: list[ScalingDecision] = []
    for shift in (0, 30):
        for one in told:
            scaler.heartbeat(one | {"at": int((T0 + at_s + shift) * S)})
        scaler.pool(status(at_s=at_s + shift, slots=10, **(MIDDLING | over)))
        made += scaler.look(int((T0 + at_s + shift) * S))
    return made


def score_with(*told: AgentHeartbeat, **over: float) -> float:
    scaler = scaler_of(20)
    looks(scaler, *told, **over)
    return scaler._agents["coder"].looks[-1].score


def test_busy_processors_ask_for_more_where_others_have_room() -> None:
    hot, cool, unknown = beat("h", 0, 0.85, "a", coder=2), beat("i", 0, 0.2, "b"), beat("i", 0, None, "b")
    without = score_with(unknown)
    assert score_with(hot, cool) > without
    assert score_with(hot, unknown) > without, "of whom nothing is told may have room"
    assert score_with(hot) == without, "more instances would meet the same processors"
    assert score_with(beat("h", 0, 0.1, "a", coder=2), cool) == without, "who waits for a model uses none, and is busy"
    assert score_with(hot, cool, running=1) == score_with(unknown, running=1), "they are busy with what others do"


def test_with_all_hosts_full_none_is_added_and_it_is_said_why_once_a_cool_down() -> None:
    full = beat("h", 0, 0.97, "a", coder=2), beat("i", 0, 0.92, "b", coder=2)
    scaler = scaler_of(4)
    [held] = looks(scaler, *full, **BUSY)
    assert (held["before"], held["after"]) == (4, 4) and held["score"] > 1
    assert held["reason"].endswith(
        "None is added: the hosts of zone a and b use 92% of their processors, so more there would make nothing better."
    )
    assert looks(scaler, *full, at_s=60, **BUSY) == [], "it was said a moment ago"
    assert len(looks(scaler, *full, at_s=301, **BUSY)) == 1
    [grown] = looks(scaler, full[0], beat("i", 0, 0.3, "b"), at_s=400, **BUSY)
    assert grown["after"] > 4, "what was only said has no cool-down"
    assert scaler.zones_for(grown) == {"b"}, "where there is room"


def test_with_no_host_at_all_none_is_added_for_it_would_not_come_to_life() -> None:
    gone = beat("h", 0, 0.1, "a") | {"draining": True}
    [held] = looks(scaler_of(4), gone, **BUSY)
    assert held["before"] == held["after"] and "no host takes instances" in held["reason"]


def test_hosts_of_agents_that_are_programs_of_others_are_none_of_the_lines() -> None:
    scaler = Autoscaler(LIMITS, "on", ("",))
    scaler.agent(definition("out", 1, runner="external"))
    scaler.heartbeat(beat("outside", 0, 1.0, out=1))
    scaler.look(T0 * S)
    assert scaler._ground is None


def test_a_restart_says_again_nothing_that_was_held_within_the_cool_down() -> None:
    full, before, after = beat("h", 0, 0.95, "a", coder=2), scaler_of(4), scaler_of(4)
    [held] = looks(before, full, **BUSY)
    after.decided(held)
    assert looks(after, full, at_s=60, **BUSY) == []


# --- a machine that is slow with more than it can do


def grown(fleet: Fleet) -> list[ScalingDecision]:
    return [one for one in fleet.decisions if one["after"] > one["before"]]


def test_a_machine_that_is_saturated_starts_no_loop() -> None:
    """Each instance more makes every task slower, which looks like more work, which asks for more instances."""
    fleet = Fleet(lambda _: 1.4, processors=12).run(2 * 3600)
    unheld = Fleet(lambda _: 1.4, processors=12, tells=False).run(2 * 3600)
    held = [one for one in fleet.decisions if one["after"] == one["before"]]
    assert len(fleet.pools["coder"].instances) < len(unheld.pools["coder"].instances) == LIMITS.instances_max
    assert held and all("make nothing better" in one["reason"] for one in held)
    assert all(after["at"] - before["at"] >= LIMITS.up_us for before, after in pairwise(held))
    assert fleet.pools["coder"].done >= unheld.pools["coder"].done


def test_more_come_where_processors_have_room_until_no_zone_is_saturated() -> None:
    fleet = Fleet(lambda _: 1.4, processors=12, zones=("a", "b", "c")).run(2 * 3600)
    assert not [one for one in fleet.decisions if one["after"] <= one["before"]]
    assert len(grown(fleet)) <= 2 and len(fleet.pools["coder"].waiting) == 0
