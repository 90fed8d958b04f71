"""Whatever the pools say, in whatever order: bounds hold, cool-downs hold, and a dry run does nothing."""

from dataclasses import replace
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.scaling.autoscaler import Autoscaler, Mode
from processors.scaling.sizing import TARGET, Expected, resized
from processors.scaling.steps import STEP_DOWN, STEP_UP, Steps
from schemas.events import ScalingDecision
from tests.support.scaling import LIMITS, PERIOD_S, T0, S, definition, status, wish

AGENTS = ("a", "b", "c")
TIGHT = replace(LIMITS, fleet_min=4, fleet_max=20)


class Moment(NamedTuple):
    waiting: int
    running: float
    came: int
    wait_s: int
    errors: float


moments = st.builds(
    Moment,
    st.sampled_from([0, 0, 0, 3, 40, 1000]),
    st.floats(0, 1),
    st.sampled_from([0, 0, 1, 20, 60, 500]),
    st.integers(0, 120),
    st.sampled_from([0.0, 0.0, 0.04, 1.0]),
)
phases = st.lists(st.tuples(st.integers(1, 30), *[moments] * len(AGENTS)), min_size=1, max_size=12)
"""Each holds for some looks: without that no scale-in would ever be tried."""
forecasts = st.none() | st.builds(Expected, st.floats(0, 60), st.floats(0, 60))


def play(
    story: list[tuple[int, *tuple[Moment, ...]]],
    mode: Mode = "on",
    forecast: Expected | None = None,
    restart_at: int | None = None,
) -> list[tuple[ScalingDecision, dict[str, int]]]:
    """Decisions, each with the sizes before all of its look."""
    scaler = Autoscaler(TIGHT, mode, ("",))
    made: list[tuple[ScalingDecision, dict[str, int]]] = []
    done = dict.fromkeys(AGENTS, 0)
    at_s = look = 0
    for name in AGENTS:
        scaler.agent(definition(name, 3))
    for count, *of_agents in story:
        for _ in range(count):
            at_s, look = at_s + PERIOD_S, look + 1
            if look == restart_at:
                scaler = Autoscaler(TIGHT, mode, ("",))
                for name in AGENTS:
                    scaler.agent(definition(name, 3))
                for decision, _ in made:
                    scaler.decided(decision)
                    if decision["applied"]:
                        scaler.desired(wish(decision["after"], decision["at"] / S - T0, decision["agent_id"]))
            sizes = {name: scaler.size(name) for name in AGENTS}
            for name, moment in zip(AGENTS, of_agents, strict=True):
                done[name] += moment.came
                slots = sizes[name] * TIGHT.slots_each
                told = {"waiting": moment.waiting, "running": int(moment.running * slots), "slots": slots}
                told |= {"completed": done[name], "oldest_wait_ms": moment.wait_s * 1000, "error_rate": moment.errors}
                scaler.pool(status(name, at_s, instances=sizes[name], **told))
            scaler.expects(dict.fromkeys(AGENTS, forecast) if forecast else {})
            for decision in scaler.look((T0 + at_s) * S):
                made.append((decision, sizes))
                if decision["applied"]:
                    scaler.desired(wish(decision["after"], at_s, decision["agent_id"]))
    return made


@settings(max_examples=25)
@given(phases, forecasts, st.none() | st.integers(1, 100))
def test_sizes_stay_within_the_bounds_of_agent_and_fleet(story, forecast, restart_at):
    fleet = dict.fromkeys(AGENTS, 3)
    for decision, _ in play(story, forecast=forecast, restart_at=restart_at):
        fleet[decision["agent_id"]] = decision["after"]
        assert TIGHT.instances_min <= decision["after"] <= TIGHT.instances_max
        assert TIGHT.fleet_min <= sum(fleet.values()) <= TIGHT.fleet_max


@settings(max_examples=25)
@given(phases, forecasts, st.none() | st.integers(1, 100))
def test_no_agent_turns_or_moves_within_its_cool_down_also_after_a_restart(story, forecast, restart_at):
    last: dict[str, int] = {}
    for decision, _ in play(story, forecast=forecast, restart_at=restart_at):
        name, grows = decision["agent_id"], decision["after"] > decision["before"]
        if name in last:
            assert decision["at"] - last[name] >= (TIGHT.up_us if grows else TIGHT.down_us)
        last[name] = decision["at"]


@settings(max_examples=25)
@given(phases, forecasts, st.none() | st.integers(1, 100))
def test_the_fleet_gains_and_loses_no_more_than_its_step_within_a_cool_down(story, forecast, restart_at):
    made = [decision for decision, _ in play(story, forecast=forecast, restart_at=restart_at)]
    for one in made:
        gained = [d["after"] - d["before"] for d in made if 0 <= one["at"] - d["at"] < TIGHT.up_us]
        lost = [d["before"] - d["after"] for d in made if 0 <= one["at"] - d["at"] < TIGHT.down_us]
        assert sum(max(0, count) for count in gained) <= STEP_UP
        assert sum(max(0, count) for count in lost) <= STEP_DOWN


@settings(max_examples=25)
@given(phases, forecasts)
def test_each_decision_says_what_was_seen_and_why_and_is_of_what_there_is(story, forecast):
    cut = dict.fromkeys(AGENTS, False)
    for decision, sizes in play(story, forecast=forecast):
        name, grows = decision["agent_id"], decision["after"] > decision["before"]
        assert decision["before"] == sizes[name] != decision["after"]
        load = next(signal["value"] for signal in decision["signals"] if signal["name"] == "load")
        assert grows == (decision["score"] > 1 or (cut[name] and load > TARGET))
        cut[name] = grows and "Not all" in decision["reason"]
        assert (decision["score"] < 0) == (decision["after"] < decision["before"])
        assert all(0 <= signal["score"] <= 1 for signal in decision["signals"])
        assert len(decision["reason"]) > 20


@settings(max_examples=25)
@given(phases, forecasts)
def test_a_dry_run_applies_nothing_and_is_always_about_what_there_is(story, forecast):
    for decision, sizes in play(story, mode="dry_run", forecast=forecast):
        assert not decision["applied"]
        assert decision["before"] == sizes[decision["agent_id"]] == 3


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from("abcd"), st.integers(0, 12), min_size=1), st.integers(0, 40))
def test_zones_come_together_and_no_zone_moves_against_the_whole(of_zones, total):
    made = resized(of_zones, total)
    assert sum(made.values()) == total
    grows = total >= sum(of_zones.values())
    assert all(made[zone] >= count if grows else made[zone] <= count for zone, count in of_zones.items())
    used = [zone for zone, count in of_zones.items() if count or max(of_zones.values()) <= 1]
    spread = max(made[zone] for zone in used) - min(made[zone] for zone in used)
    assert spread <= max(1, max(of_zones[zone] for zone in used) - min(of_zones[zone] for zone in used))
    if max(of_zones.values()) > 1 and grows:
        assert all(made[zone] == 0 for zone, count in of_zones.items() if not count), "an emptied zone stays empty"


@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(-300, 300)), max_size=30),
    st.integers(0, 12_000),
)
def test_the_fleet_gains_and_loses_a_share_of_what_it_was_or_the_least_step(tries, fleet):
    steps, now, made = Steps(TIGHT.up_us, TIGHT.down_us), T0 * S, []
    for number, (passed_s, wanted) in enumerate(tries):
        now += passed_s * S
        steps.forget(now)
        left = steps.up(fleet, now)[1] if wanted > 0 else steps.down(fleet, now)[1]
        by = min(wanted, max(0, left)) if wanted > 0 else -min(-wanted, max(0, left), fleet)
        steps.note({"event_id": str(number), "agent_id": "a", "at": now, "before": fleet, "after": fleet + by})
        made.append((now, fleet, by))
        fleet += by
        for within_us, sign, least, share in ((TIGHT.up_us, 1, STEP_UP, 0.05), (TIGHT.down_us, -1, STEP_DOWN, 0.025)):
            late = [(size, max(0, sign * moved)) for at, size, moved in made if now - at < within_us]
            moved, most = sum(moved for _, moved in late), max(fleet, *(size for size, _ in late))
            assert moved <= max(least, share * (most + moved))
