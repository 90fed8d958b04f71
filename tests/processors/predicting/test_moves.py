"""Moves: who has room for what, never beyond the limit, and no work is lost on the way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processors.predicting.moves import LEAST, LIMIT, PER_TASK, Agent, Suggestion, suggest

CAPABILITIES = ("review", "code", "docs")


def agent(name: str = "coder", work: float = 36.0, *can: str, takes_any: bool = False, rest: float = 0.0) -> Agent:
    """Four instances of ten slots: 28 tasks at a time are a load of 70."""
    return Agent(name, work, rest, 40, 4, frozenset(can or ("code",)), takes_any)


def work_after(agents: list[Agent], suggestions: dict[str, Suggestion]) -> dict[str, float]:
    work = {one.agent_id: one.work for one in agents}
    for name, suggestion in suggestions.items():
        for move in suggestion.moves:
            work[name] -= move["tasks"]
            work[move["to_agent"]] += move["tasks"]
    return work


AGENTS = st.lists(
    st.builds(
        Agent,
        agent_id=st.sampled_from([f"agent-{n}" for n in range(6)]),
        work=st.floats(0, 60),
        rest=st.floats(0, 120),
        slots=st.integers(0, 60),
        instances=st.integers(1, 6),
        capabilities=st.frozensets(st.sampled_from(CAPABILITIES)),
        takes_any=st.booleans(),
    ),
    unique_by=lambda one: one.agent_id,
    max_size=6,
)


@given(AGENTS)
def test_nobody_is_pushed_above_the_limit_or_beyond_its_slots_and_no_work_is_lost(agents):
    found = suggest(agents)
    after = work_after(agents, found)
    assert sum(after.values()) == pytest.approx(sum(one.work for one in agents))
    for one in agents:
        received = after[one.agent_id] - one.work
        if received > 1e-9:
            assert PER_TASK * after[one.agent_id] / one.instances + one.rest <= LIMIT + 1e-6
            assert after[one.agent_id] <= one.slots + 1e-6
        assert after[one.agent_id] >= -1e-9


@given(AGENTS)
def test_those_above_the_limit_are_told_what_to_do_and_nobody_else(agents):
    found = suggest(agents)
    assert set(found) == {one.agent_id for one in agents if one.load > LIMIT}
    assert all(suggestion.said for suggestion in found.values())


@given(AGENTS)
def test_moves_and_instances_together_bring_an_agent_to_the_limit(agents):
    found = suggest(agents)
    after = work_after(agents, found)
    for one in agents:
        if one.agent_id in found and one.rest < LIMIT:
            instances = one.instances + found[one.agent_id].instances_more
            slack = PER_TASK * LEAST / one.instances
            assert PER_TASK * after[one.agent_id] / instances + one.rest <= LIMIT + slack + 1e-6


@given(AGENTS)
def test_work_goes_only_to_who_can_do_it(agents):
    by_name = {one.agent_id: one for one in agents}
    for name, suggestion in suggest(agents).items():
        for move in suggestion.moves:
            other = by_name[move["to_agent"]]
            shared = by_name[name].capabilities & other.capabilities
            assert move["shared"] in shared if shared else other.takes_any and move["shared"] == ""


@given(AGENTS, st.randoms())
def test_the_order_in_which_agents_are_told_changes_nothing(agents, random):
    mixed = list(agents)
    random.shuffle(mixed)
    assert suggest(mixed) == suggest(agents)


def test_who_shares_the_work_goes_before_who_takes_any_kind():
    [found] = suggest([agent(), agent("other", 25.0), agent("any", 0.0, "plan", takes_any=True)]).values()
    assert [(m["to_agent"], m["tasks"], m["shared"]) for m in found.moves] == [("other", 3.0, "code"), ("any", 5.0, "")]
    assert found.said == "Move 22% of its work, tasks at a time: 3 to other (code) and 5 to any (any kind)."
    assert found.instances_more == 0


def test_where_nobody_has_room_it_says_how_many_instances_more_would_do():
    [full] = suggest([agent(), agent("other", 28.0)]).values()
    assert (full.moves, full.instances_more) == ([], 2)
    assert full.said == "Nobody has room: scale out by 2 (`headway fleet scale coder 6`)."
    [alone] = suggest([agent(), agent("writer", 0.0, "docs")]).values()
    assert alone.said.startswith("Nobody else does its work: scale out by 2")
    [partly] = suggest([agent(), agent("other", 24.0)]).values()
    assert partly.said.endswith("That is all they have room for: scale out by 1 (`headway fleet scale coder 5`).")


def test_two_that_are_loaded_do_not_share_the_same_room_twice():
    agents = [agent("a", 40.0), agent("b", 36.0), agent("free", 20.0)]
    found = suggest(agents)
    assert [m["tasks"] for m in found["a"].moves] == [8.0], "the worst goes first"
    assert found["b"].moves == [] and found["b"].instances_more == 2


def test_a_load_that_is_failures_is_not_mended_by_moving_work():
    [found] = suggest([agent(rest=75.0), agent("free", 0.0)]).values()
    assert (found.moves, found.instances_more) == ([], 0)
    assert "Failures and slow answers" in found.said
