"""The router that learns: who has the word, what it explains, and that every choice is sound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processors.admission import Limits
from processors.learning.hybrid import CLEAR_GAIN, HYBRID, Asked, Hybrid, Terms
from processors.learning.learned import Learned, Made
from processors.learning.utility import Units
from processors.routing import RULES, Index
from tests.support.agents import agent, pool, registry, skill, task
from tests.support.opinions import Alike, ByFirstWord, Says, Silent

GREEDY = Terms(explore=0.0)
TWO = [agent("a", "code_review"), agent("b", "code_review")]
CLEAR = [agent("a", "code_review", keywords=["review", "security"]), agent("b", "code_review")]
OTHER = agent("other", fallback=True)


def index(*agents):
    return Index(registry(*agents), Limits())


def route(text, agents, scorer=None, pools=None, terms=GREEDY, skills=None, settings=(), measured=False, **over):
    hybrid = Hybrid(index(*agents), scorer, skills)
    return hybrid.decide(Asked(task(text, **over), terms, settings, measured), pools or {}).choice


# -- who has the word ------------------------------------------------------------------------------------------------


def test_without_a_model_the_choice_is_that_of_the_rules():
    plain = index(*CLEAR, OTHER).route(task("Review this"), {})
    choice = route("Review this", [*CLEAR, OTHER])
    same = ("agent_id", "pool", "skill", "confidence", "reason", "router", "propensity", "decided", "refusal")
    assert [getattr(choice, name) for name in same] == [getattr(plain, name) for name in same]
    assert choice.alternative is None
    assert choice.decided["scorer"] is None


def test_where_the_rules_see_no_difference_a_small_one_that_was_learned_decides():
    for task_id in map(str, range(20)):
        choice = route("Review this", TWO, Says(0.5, 0.56), task_id=task_id)
        assert (choice.agent_id, choice.router) == ("b", HYBRID)


def test_where_the_rules_are_sure_it_takes_a_clear_difference():
    sure = route("Review this for security", CLEAR).confidence
    assert sure > 0.6
    assert route("Review this for security", CLEAR, Says(0.5, 0.5 + 0.5 * CLEAR_GAIN)).router == RULES
    choice = route("Review this for security", CLEAR, Says(0.5, 0.5 + CLEAR_GAIN))
    assert (choice.agent_id, choice.router, choice.alternative) == ("b", HYBRID, "a")


def test_how_good_the_best_is_does_not_count_only_what_it_is_better():
    """Where nobody gives feedback a success is worth half, and the model is as sure as elsewhere."""
    assert (
        route("Review this for security", CLEAR, Says(0.1, 0.4)).confidence
        == route("Review this for security", CLEAR, Says(0.6, 0.9)).confidence
    )


def test_a_model_that_abstains_has_no_say():
    choice = route("Review this for security", CLEAR, Says(0.1, 0.9, known=0.01, abstains=True))
    assert (choice.agent_id, choice.router, choice.alternative) == ("a", RULES, None)
    assert choice.decided["scorer"] is None and choice.candidates[0]["learned"] is None
    assert any("abstains" in step["reason"] for step in choice.steps)


def test_a_task_unlike_most_it_was_trained_on_counts_less():
    said = [route("Review this for security", CLEAR, Says(0.1, 0.9, known=known)).router for known in (0.05, 0.5)]
    assert said == [RULES, HYBRID]


def test_where_both_would_take_the_same_the_rules_have_the_word_and_the_model_is_told():
    choice = route("Review this for security", CLEAR, Says(0.9, 0.2))
    assert (choice.agent_id, choice.router, choice.alternative) == ("a", RULES, "a")
    assert (choice.decided["scorer"], choice.decided["expected"]) == ("says-1", 0.9)


def test_a_model_out_of_service_leaves_the_choice_to_the_rules_and_says_why():
    choice = route("Review this", TWO, Silent())
    assert choice.router == RULES
    assert any("out of service" in step["reason"] for step in choice.steps)


def test_the_setting_rules_asks_no_model_and_tries_nobody():
    terms = Terms(learned=False, explore=1.0)
    ids = [str(i) for i in range(40)]
    plain = [index(*TWO).route(task("Review this", task_id=i), {}).agent_id for i in ids]
    assert [route("Review this", TWO, Says(0.0, 1.0), terms=terms, task_id=i).agent_id for i in ids] == plain


# -- whom it looks at ------------------------------------------------------------------------------------------------


def test_an_agent_that_can_do_something_else_is_not_looked_at():
    agents = [agent("a", "code_review"), agent("b", "translation")]
    assert route("Review this", agents, Says(0.1, 0.99)).agent_id == "a"


def test_where_no_word_says_what_kind_of_work_it_is_everybody_is_looked_at():
    agents = [agent("a", "code_review"), agent("b", "translation"), OTHER]
    choice = route("Sing about the sea", agents, Says(0.1, 0.9, 0.2))
    assert (choice.agent_id, choice.alternative, choice.skill) == ("b", "other", "general")


def test_the_model_takes_nobody_without_room_unless_nobody_has_any():
    pools = {"b": pool("b", load_score=100.0)}
    assert route("Review this", TWO, Says(0.1, 0.9), pools).agent_id == "a"
    full = {name: pool(name, load_score=100.0) for name in ("a", "b")}
    choice = route("Review this", TWO, Says(0.1, 0.9), full)
    assert (choice.agent_id, choice.router) == ("b", HYBRID)
    closed = {name: pool(name, waiting=1000, waiting_max=1000) for name in ("a", "b")}
    assert route("Review this", TWO, Says(0.1, 0.9), closed).router == RULES


def test_agents_equally_worth_take_turns():
    agents = [agent(name, "code_review") for name in "abc"]
    taken = {route("Review this", agents, Says(0.9, 0.9, 0.1), task_id=str(i)).agent_id for i in range(50)}
    assert taken == {"a", "b"}


def test_waiting_counts():
    pools = {"b": pool("b", waiting=100, running=10, mean_response_ms=30_000.0)}
    assert route("Review this", TWO, Says(0.5, 0.6), pools).agent_id == "a"
    patient = Terms(explore=0.0, units=Units(wait_unit_s=1e6))
    assert route("Review this", TWO, Says(0.5, 0.6), pools, patient).agent_id == "b"


def test_cost_counts_as_the_skill_says():
    agents = [
        agent("a", "code_review", runner="anthropic", model="claude-opus-4-1", max_tokens=8000),
        agent("b", "code_review", runner="anthropic", model="claude-haiku-5-5", max_tokens=8000),
    ]
    cheap = skill("code_review", cost_weight=1.0, performance_weight=0.3)
    dear = skill("code_review", cost_weight=0.0, performance_weight=1.0)
    choices = [route("Review this", agents, Says(0.8, 0.7), skills={"code_review": one}) for one in (cheap, dear)]
    assert [choice.agent_id for choice in choices] == ["b", "a"]
    costs = {one["agent_id"]: one["cost_usd_micros"] for one in choices[0].candidates}
    assert costs["a"] > 10 * costs["b"] > 0


# -- what it explains ------------------------------------------------------------------------------------------------


def test_every_step_from_the_task_to_the_agent_is_told_with_its_reason():
    choice = route("Review this for security", CLEAR, Says(0.2, 0.9))
    names = ["analyse", "skill", "model", "rules", "learned", "exploration", "agent"]
    assert [step["step"] for step in choice.steps] == names
    assert all(step["result"] and step["reason"] for step in choice.steps)
    said = {step["step"]: step["result"] for step in choice.steps}
    assert (said["skill"], said["rules"], said["learned"], said["agent"]) == ("code_review", "a", "b", "b")


def test_a_candidate_tells_what_it_was_ranked_by():
    pools = {"b": pool("b", waiting=9, running=10, mean_response_ms=1000.0)}
    [first, second] = route("Review this", TWO, Says(0.2, 0.9), pools).candidates
    assert (first["agent_id"], first["learned"], first["wait_ms"]) == ("b", 0.9, 1000)
    assert first["utility"] > second["utility"]
    assert first["cost_usd_micros"] is None


def test_the_model_of_anthropic_is_the_skills_the_agents_or_the_tasks():
    skills = {"code_review": skill("code_review", preferred=["claude-opus-5-5"])}
    own = agent("a", "code_review", model="claude-haiku-5-5")
    assert route("Review this", [agent("a", "code_review")], skills=skills).model == "claude-opus-5-5"
    assert route("Review this", [own], skills=skills).model == "claude-haiku-5-5"
    assert route("Review this", [own], skills=skills, model="claude-opus-5").model == "claude-opus-5"
    assert route("Review this", [agent("a", "code_review")]).model is None
    named = route("Review this", [agent("a")], skills=skills, agent_id="a")
    assert named.model == "claude-opus-5-5" and [step["step"] for step in named.steps] == ["model", "agent"]


def test_nobody_to_choose_is_refused_with_the_steps_that_led_there():
    choice = route("Review this", [], Says())
    assert choice.refusal and choice.agent_id is None
    assert [step["step"] for step in choice.steps] == ["analyse", "skill", "model", "rules", "learned"]


# -- what it learns by -----------------------------------------------------------------------------------------------


def learned(agents, model):
    words = ByFirstWord()
    shelf = index(*agents)
    vectors = words.embed([one["description"] for one in shelf.definitions])
    return Hybrid(shelf, Learned(Made("alike-1", model, None), words.embed, shelf.definitions, vectors)), words


def test_a_new_agent_without_any_label_is_chosen_by_its_description():
    agents = [agent("a", description="Sea songs"), agent("b", description="Tax law")]
    hybrid, _ = learned([*agents, agent("c", description="Poems about love")], Alike({"a": 0.3, "b": 0.3}))
    choice = hybrid.decide(Asked(task("Poems for my mother"), GREEDY), {}).choice
    assert (choice.agent_id, choice.router) == ("c", HYBRID)


def test_a_text_handed_in_again_is_not_embedded_again():
    hybrid, words = learned(TWO, Alike())
    for number in range(5):
        hybrid.decide(Asked(task("Review this", task_id=str(number)), GREEDY), {})
    assert words.texts.count("Review this") == 1


@pytest.mark.parametrize("quality", [[np.nan, 0.5], [0.5], [[0.5]]])
def test_a_model_that_gives_no_number_for_each_agent_is_an_error_that_its_caller_sees(quality):
    class Broken(Alike):
        def predict(self, tasks, options):
            told = super().predict(tasks, options)
            return type(told)(np.array([quality], np.float32), told.known, told.abstains)

    hybrid, _ = learned(TWO, Broken())
    with pytest.raises(ValueError, match="no number"):
        hybrid.decide(Asked(task("Review this"), GREEDY), {})


@given(st.lists(st.sampled_from(["Review this", "Poems please", "Sing of the sea", "Translate it"]), max_size=12))
@settings(max_examples=40, deadline=None)
def test_tasks_decided_together_get_what_they_would_get_one_after_the_other(texts):
    agents = [
        agent(n, *skills, description=n) for n, *skills in (("poems", "light"), ("review", "code_review"), ("sea",))
    ]
    pools = {one["agent_id"]: pool(one["agent_id"], slots=1, mean_response_ms=60_000.0) for one in agents}
    asked = [Asked(task(text, task_id=f"t-{number}")) for number, text in enumerate(texts)]
    alone, together = learned(agents, Alike())[0], learned(agents, Alike())[0]
    assert together.route(asked, pools) == [choice for one in asked for choice in alone.route([one], pools)]


# -- for any registry, opinion and load ------------------------------------------------------------------------------

_NAMES = "abcdef"
_agents = st.lists(
    st.builds(
        agent,
        st.sampled_from(_NAMES),
        st.sampled_from(["code_review", "translation", "light"]),
        keywords=st.lists(st.sampled_from(["review", "sea", "tax"]), max_size=2),
        fallback=st.booleans(),
        instances=st.integers(0, 2),
        runner=st.sampled_from(["auto", "anthropic", "external"]),
    ),
    max_size=6,
    unique_by=lambda one: one["agent_id"],
)
_statuses = st.dictionaries(
    st.sampled_from(_NAMES),
    st.fixed_dictionaries(
        {
            "waiting": st.integers(0, 1001),
            "completed": st.integers(0, 10**6),
            "failed": st.integers(0, 10**6),
            "load_score": st.floats(0, 200),
            "error_rate": st.floats(0, 1),
            "mean_response_ms": st.floats(0, 1e6),
        }
    ),
)


@given(
    _agents,
    _statuses,
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["Review this", "Sing about the sea", "Translate the tax form"]),
    st.integers(1, 10),
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_any_choice_is_sound_and_its_propensity_exact(agents, statuses, said, known, explore, text, priority, measured):
    pools = {name: pool(name, **status) for name, status in statuses.items()}
    shelf = index(*agents)
    hybrid = Hybrid(shelf, Says(*said[: len(shelf.ids)], known=known, abstains=known < 0.1))
    told: dict[str, set[float]] = {}
    for number in range(6):
        asked = task(text, task_id=f"t-{number}", priority=priority)
        choice = hybrid.decide(Asked(asked, Terms(explore=explore), (), measured), pools).choice
        assert choice == hybrid.decide(Asked(asked, Terms(explore=explore), (), measured), dict(pools)).choice
        assert 0 <= choice.confidence <= 1
        assert 0 < choice.propensity <= 1 + 1e-9
        if choice.agent_id is None:
            assert choice.refusal
            continue
        assert choice.agent_id in shelf.ids
        assert choice.pool == choice.agent_id
        assert choice.agent_id in [one["agent_id"] for one in choice.candidates]
        assert choice.decided["propensity"] == choice.propensity
        told.setdefault(choice.agent_id, set()).add(round(choice.propensity, 9))
    assert all(len(each) == 1 for each in told.values())
    assert sum(next(iter(each)) for each in told.values()) <= 1 + 1e-6
