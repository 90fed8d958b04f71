"""How many instances of an agent are in which zone."""

from hypothesis import given
from hypothesis import strategies as st

from processors.placing import names, spread, total, wanted, zone_of
from schemas.events import AgentDesired
from tests.support.agents import agent

ZONES = st.lists(st.sampled_from(["a", "b", "c-1", "d.x", "e2", "A", "B-Z"]), min_size=1, max_size=5, unique=True)
IDS = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)


def asked(**of_zones: int) -> AgentDesired:
    zones = [{"zone": zone, "instances": count} for zone, count in of_zones.items()]
    return {"event_id": "e", "agent_id": "coder", "zones": zones, "at": 1, "by": "ana", "reason": ""}  # type: ignore[typeddict-item]


@given(IDS, st.integers(0, 300), ZONES)
def test_a_number_is_spread_evenly_and_whole(agent_id, number, zones):
    found = spread(agent_id, number, zones)
    assert total(found) == number
    assert list(found) == zones
    assert max(found.values()) - min(found.values()) <= 1


def test_single_instances_of_many_agents_do_not_all_go_to_one_zone():
    zones = ["a", "b", "c", "d"]
    found = [total({z: spread(f"agent-{n}", 1, zones)[z] for z in zone}) for zone in zones for n in range(200)]
    of_zone = [sum(found[at * 200 : at * 200 + 200]) for at in range(4)]
    assert sum(of_zone) == 200
    assert min(of_zone) > 25


@given(IDS, ZONES, st.integers(0, 20))
def test_the_name_of_an_instance_tells_its_zone_and_no_two_are_alike(agent_id, zones, count):
    every = [(name, zone) for zone in ["", *zones] for name in names(agent_id, zone, count)]
    assert all(zone_of(name) == zone for name, zone in every)
    assert len(dict(every)) == len(every)


def test_what_was_asked_goes_before_what_the_definition_says():
    coder = agent("coder", instances=4)
    assert total(wanted(coder, None, ["a", "b"])) == 4
    assert wanted(coder, asked(a=7), ["a", "b"]) == {"a": 7, "b": 0}
    assert wanted(coder, asked(a=0, b=0), ["a", "b"]) == {"a": 0, "b": 0}


def test_instances_of_a_zone_that_is_gone_are_not_lost():
    coder = agent("coder", instances=4)
    assert total(wanted(coder, asked(a=3, c=4), ["a", "b"])) == 7
    assert wanted(coder, asked(a=3, c=4), [""]) == {"": 7}


def test_nobody_places_what_runs_elsewhere_or_was_taken_out():
    assert wanted(agent("coder", runner="external"), asked(a=3), ["a"]) == {}
    assert wanted(agent("coder", removed=True), None, ["a"]) == {}
