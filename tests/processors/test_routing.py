"""Routing: the shipped agents get the work they are for, and the rules hold for any registry."""

import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.agent_file import FORM, SHIPPED
from infra.folders import load
from processors.admission import Limits
from processors.features import SKILL_WORDS
from processors.routing import CANDIDATES_MAX, Index
from processors.standing import experience
from tests.support.agents import agent, pool, registry, task

LIMITS = Limits()
SHIPPED_AGENTS = load(FORM, SHIPPED)
SHIPPED_INDEX = Index(SHIPPED_AGENTS, LIMITS)


def route(text, agents, pools=None, limits=LIMITS, **over):
    return Index(registry(*agents), limits).route(task(text, **over), pools or {})


WRITER = agent("writer", "code_generation", keywords=["python", "parser"])
REVIEWER = agent("reviewer", "code_review", perspectives=["security"])
OTHER = agent("other", fallback=True)
ALL = [WRITER, REVIEWER, OTHER]


@pytest.mark.parametrize(
    ("text", "agent_id", "skill"),
    [
        ("Write a Python function that parses ISO dates", "code-writer", "code_generation"),
        ("Implement a function that reviews text", "code-writer", "code_generation"),
        ("Fix the bug that makes the tests fail", "code-writer", "code_generation"),
        ("Refactor the scheduler", "code-writer", "code_generation"),
        ("Please debug this code", "code-writer", "code_generation"),
        ("Review this pull request for security problems", "code-reviewer", "code_review"),
        ("Give me a code review of the payment client", "code-reviewer", "code_review"),
        ("Audit the login code", "code-reviewer", "code_review"),
        ("Run the test suite and report failing tests", "test-runner", "test_run"),
        ("Write unit tests for the parser", "test-runner", "test_run"),
        ("Why is this pytest run flaky?", "test-runner", "test_run"),
        ("Write documentation for the payment function", "doc-writer", "documentation"),
        ("Explain how this function works", "doc-writer", "documentation"),
        ("Document the code", "doc-writer", "documentation"),
        ("Draft the release notes for 2.4", "doc-writer", "documentation"),
        ("Compare Kafka and RabbitMQ for our order system", "researcher", "research"),
        ("Investigate why customers leave", "researcher", "research"),
        ("Translate 'good morning' into Japanese", "quick-helper", "light"),
        ("Summarise this sentence: the cat sat.", "quick-helper", "light"),
        ("hello", "quick-helper", "light"),
        ("Plan a team offsite for 12 people", "generalist", "planning"),
        ("What is the capital of France?", "generalist", "general"),
        ("この関数をレビューしてください", "code-reviewer", "code_review"),
        ("テスト結果をレビューしてください", "code-reviewer", "code_review"),
        ("ユーザー登録APIを実装して", "code-writer", "code_generation"),
        ("関数のテストを書いて", "test-runner", "test_run"),
        ("READMEを書いて", "doc-writer", "documentation"),
        ("運用の手順書を作成してください", "doc-writer", "documentation"),
        ("Kafka と Redis を比較して調査してください", "researcher", "research"),
        ("この文章を英語に翻訳して", "quick-helper", "light"),
        ("ﾃｽﾄを実行", "test-runner", "test_run"),
    ],
)
def test_shipped_agents_get_the_work_they_are_for(text, agent_id, skill):
    choice = SHIPPED_INDEX.route(task(text), {})
    assert (choice.agent_id, choice.pool, choice.skill) == (agent_id, agent_id, skill)
    assert choice.refusal is None
    assert choice.candidates[0]["agent_id"] == agent_id
    assert agent_id in choice.reason


def test_there_is_a_shipped_fallback():
    assert [a["agent_id"] for a in SHIPPED_AGENTS.values() if a["fallback"]] == ["generalist"]


def test_what_is_asked_at_the_end_of_a_long_text_counts():
    assert SHIPPED_INDEX.route(task("lorem " * 8000 + " Please review this."), {}).agent_id == "code-reviewer"


# -- what was asked for ----------------------------------------------------------------------------------------------


def test_an_agent_asked_for_by_name_is_taken():
    choice = route("Review this", ALL, agent_id="writer")
    assert (choice.agent_id, choice.pool, choice.confidence) == ("writer", "writer", 1.0)


def test_an_unknown_agent_is_refused_and_near_ones_named():
    choice = route("Review this", ALL, agent_id="reviwer")
    assert choice.agent_id is None
    assert "Near it: reviewer" in choice.refusal
    assert choice.pool == "refused:t-1"


@pytest.mark.parametrize("gone", [{"removed": True}, {"instances": 0}, {"instances": -3}])
def test_an_agent_that_is_gone_is_neither_chosen_nor_given_when_asked(gone):
    agents = [REVIEWER | gone, OTHER]
    assert route("Review this", agents).agent_id == "other"
    assert "no agent 'reviewer' at work" in route("Review this", agents, agent_id="reviewer").refusal


@pytest.mark.parametrize("spelt", ["code_review", "code-review", " Code Review "])
def test_a_skill_asked_for_decides_against_the_words(spelt):
    choice = route("Write a python parser", ALL, skill=spelt)
    assert (choice.agent_id, choice.skill) == ("reviewer", "code_review")
    assert [c["agent_id"] for c in choice.candidates] == ["reviewer"]


def test_a_skill_nobody_has_goes_to_the_fallback():
    choice = route("Write a python parser", ALL, skill="legal_advice")
    assert (choice.agent_id, choice.skill) == ("other", "legal_advice")
    assert "no agent matches legal_advice" in choice.reason


# -- the rules -------------------------------------------------------------------------------------------------------


def test_without_match_and_fallback_the_refusal_says_what_to_do():
    choice = route("Sing about the sea", [WRITER, REVIEWER])
    assert choice.agent_id is None
    assert "fallback: true" in choice.refusal
    assert "code_generation, code_review" in choice.refusal


def test_an_empty_registry_refuses():
    assert route("Review this", []).refusal
    assert "publish one" in route("Review this", [], agent_id="x").refusal


def test_a_capability_of_ones_own_is_recognised_by_its_name():
    choice = route("I need tax advice, then fix it", [*ALL, agent("adviser", "tax_advice")])
    assert (choice.agent_id, choice.skill) == ("adviser", "tax_advice")


@given(
    st.sampled_from(["tax_advice", "translation", "legal-advice", "税務相談", "photo editing"]),
    st.lists(st.sampled_from(["form", "invoice", "letter", "customer", "請求書"]), min_size=1, max_size=4, unique=True),
    st.integers(1, 10),
)
def test_an_agent_whose_capability_is_named_goes_before_one_that_only_shares_keywords(capability, shared, priority):
    agents = [
        agent("able", capability),
        agent("sharing", keywords=[*shared, "paper"]),
        agent("printing", "printing", keywords=shared[:1]),
        OTHER,
    ]
    named = capability.replace("_", " ").replace("-", " ")
    for text in (f"I need {named} for {' '.join(shared)}", f"{' '.join(shared)}: {named}"):
        assert route(text, agents, priority=priority).agent_id == "able"


@pytest.mark.parametrize(
    "text",
    [
        "Translate this document into Japanese",
        "Please translate the README",
        "We need a translation of this",
        "この文書を日本語に翻訳して",
    ],
)
def test_an_agent_of_ones_own_gets_the_work_its_keywords_name_although_a_shipped_one_knows_them_too(text):
    own = agent("translator", "translation", keywords=["translate", "翻訳"])
    choice = route(text, [*SHIPPED_AGENTS.values(), own])
    assert (choice.agent_id, choice.skill) == ("translator", "translation")


def test_keywords_of_ones_own_do_not_outvote_what_the_text_says_otherwise():
    own = agent("ruby-helper", "ruby", keywords=["ruby", "fix", "bug", "gem"])
    agents = [*SHIPPED_AGENTS.values(), own]
    assert route("Fix the bug in the Python function", agents).agent_id == "code-writer"
    assert route("Fix the bug in the Ruby function", agents).agent_id == "ruby-helper"


def test_keywords_of_an_agent_that_can_do_known_work_too_do_not_move_that_work():
    both = agent("writer-2", "code_generation", "rust", keywords=["implement", "function"])
    choice = route("Implement a function", [WRITER, both])
    assert choice.skill == "code_generation"
    assert {c["agent_id"] for c in choice.candidates} == {"writer", "writer-2"}


def test_two_spellings_of_one_keyword_count_once():
    twice = agent("twice", keywords=["translate", "Translation"])
    assert (
        route("Translate this", [twice]).candidates
        == route("Translate this", [agent("twice", keywords=["translate"])]).candidates
    )


def test_the_agent_in_the_document_gets_the_work_that_the_document_says(tmp_path):
    document = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")
    example = document.split("```markdown\n", 1)[1].split("```", 1)[0]
    (tmp_path / "translator.md").write_text(example, encoding="utf-8")
    index = Index(load(FORM, SHIPPED, tmp_path), LIMITS)
    assert "Translate this document into Japanese" in document
    assert index.route(task("Translate this document into Japanese"), {}).agent_id == "translator"
    for kind in SKILL_WORDS:
        assert kind in document


def test_keywords_alone_match_and_two_count_more():
    one, two = agent("one", keywords=["vat"]), agent("two", keywords=["vat", "customs duty", "関税"])
    assert route("How is VAT booked?", [one, OTHER]).agent_id == "one"
    assert route("How are VAT and customs duties booked?", [one, two, OTHER]).agent_id == "two"
    assert route("関税はいくらですか", [one, two, OTHER]).agent_id == "two"


def test_perspectives_tell_equals_apart():
    fast = agent("fast", "code_review", perspectives=["performance"])
    choice = route("Review this for security", [fast, REVIEWER])
    assert choice.agent_id == "reviewer"
    assert "looks at security" in choice.reason


def test_experience_tells_equals_apart_and_a_new_agent_gets_a_chance():
    agents = [agent(name, "code_review") for name in ("good", "bad", "new")]
    pools = {"good": pool("good", completed=99, failed=1), "bad": pool("bad", completed=40, failed=60)}
    order = [c["agent_id"] for c in route("Review this", agents, pools).candidates]
    assert order == ["good", "new", "bad"]
    assert experience(None) == 0.8


@pytest.mark.parametrize(("priority", "role"), [(1, "primary"), (2, "primary"), (8, "automation"), (10, "automation")])
def test_priority_prefers_a_role(priority, role):
    agents = [agent(name, "code_review", role=name) for name in ("primary", "standard", "automation")]
    choice = route("Review this", agents, priority=priority)
    assert choice.agent_id == role
    assert f"role {role} suits priority {priority}" in choice.reason


def test_a_role_does_not_outweigh_a_capability():
    assert (
        route("Review this", [agent("boss", role="primary", fallback=True), REVIEWER], priority=1).agent_id
        == "reviewer"
    )


def test_the_less_loaded_of_equals_is_chosen():
    agents = [agent("a", "code_review"), agent("b", "code_review")]
    pools = {"a": pool("a", load_score=40.0), "b": pool("b", load_score=20.0)}
    assert route("Review this", agents, pools).agent_id == "b"


def test_load_does_not_send_work_to_the_wrong_agent():
    pools = {"reviewer": pool("reviewer", load_score=85.0)}
    assert route("Review this", ALL, pools).agent_id == "reviewer"


def test_a_burst_is_shared_by_equals():
    index = Index(registry(*(agent(name, "code_review") for name in "abcd")), LIMITS)
    shares = Counter(index.route(task("Review this", task_id=f"t-{i}"), {}).agent_id for i in range(2000))
    assert set(shares) == set("abcd")
    assert all(400 < share < 600 for share in shares.values())


@pytest.mark.parametrize("full", [{"waiting": 1000}, {"instances": 0}, {"load_score": 100.0}, {"load_score": 250.0}])
def test_without_room_the_next_best_then_the_fallback_then_the_queue(full):
    twin = agent("twin", "code_review")
    pools = {"reviewer": pool("reviewer", **full)}
    assert route("Review this", [*ALL, twin], pools).agent_id == "twin"
    choice = route("Review this", ALL, pools)
    assert choice.agent_id == "other"
    why = "no instance of reviewer is alive" if full == {"instances": 0} else "reviewer has no room"
    assert why in choice.reason
    assert [c["agent_id"] for c in choice.candidates] == ["other", "reviewer"]
    pools["other"] = pool("other", **full)
    assert route("Review this", ALL, pools).agent_id == "reviewer"
    assert route("Review this", [REVIEWER], pools).agent_id == "reviewer"


BUSY = {"load_score": 100.0}
DEAD = {"instances": 0, "slots": 0}


@pytest.mark.parametrize(("priority", "agent_id"), [(1, "other"), (2, "other"), (3, "reviewer")])
def test_only_a_task_of_high_priority_joins_the_queue_of_a_busy_fallback_when_its_agent_is_dead(priority, agent_id):
    pools = {"reviewer": pool("reviewer", **DEAD), "other": pool("other", **BUSY)}
    choice = route("Review this", ALL, pools, priority=priority)
    assert choice.agent_id == agent_id
    assert ("no instance of reviewer is alive" in choice.reason) == (agent_id == "other")


def test_a_task_of_high_priority_goes_to_a_busy_agent_that_can_do_it_before_a_dead_one():
    best = agent("best", "code_review", keywords=["this"])
    pools = {"best": pool("best", **DEAD), "reviewer": pool("reviewer", **BUSY), "other": pool("other", **BUSY)}
    assert route("Review this", [best, REVIEWER], pools, priority=1).agent_id == "reviewer"
    assert route("Review this", [best, REVIEWER], pools, priority=5).agent_id == "best"


def test_where_all_are_dead_or_it_was_asked_for_by_name_a_task_waits_for_its_agent():
    pools = {name: pool(name, **DEAD) for name in ("reviewer", "other")}
    assert route("Review this", ALL, pools, priority=1).agent_id == "reviewer"
    pools["other"] = pool("other")
    assert route("Review this", ALL, pools, priority=1, agent_id="reviewer").agent_id == "reviewer"


def test_a_task_of_high_priority_that_only_a_full_fallback_could_take_waits_for_its_agent():
    pools = {"reviewer": pool("reviewer", **DEAD), "other": pool("other", waiting=1000)}
    assert route("Review this", ALL, pools, priority=1).agent_id == "reviewer"


def test_of_two_fallbacks_an_urgent_task_goes_to_the_one_whose_queue_takes_it():
    pools = {"reviewer": pool("reviewer", **DEAD), "other": pool("other", waiting=1000), "spare": pool("spare", **BUSY)}
    choice = route("Review this", [*ALL, agent("spare", fallback=True)], pools, priority=1)
    assert choice.agent_id == "spare"


def test_a_hard_task_needs_more_room_than_an_easy_one():
    hard = "Review the architecture and concurrency of this distributed test code, research its history. " * 60
    pools = {"reviewer": pool("reviewer", load_score=95.0)}
    assert route("Review this", ALL, pools).agent_id == "reviewer"
    assert route(hard, ALL, pools).agent_id == "other"


def test_confidence_grows_with_the_lead():
    alone = route("Review this", [REVIEWER, OTHER])
    equals = route("Review this", [agent("twin", "code_review"), REVIEWER, OTHER])
    unknown = route("Sing about the sea", ALL)
    assert unknown.confidence < equals.confidence < alone.confidence


def test_complexity_grows_with_length_items_and_hard_words():
    easy = route("Translate this", ALL).complexity
    longer = route("Translate this " + "and that " * 100, ALL).complexity
    hard = route("Refactor the distributed architecture and test it", ALL).complexity
    parts = route("Translate this", ALL, items=["a"] * 10).complexity
    assert easy < longer
    assert easy < hard
    assert easy < parts


def test_a_task_with_items_joins_and_has_no_agent():
    choice = route("Prepare the release", ALL, items=["notes", "readme"])
    assert (choice.agent_id, choice.pool, choice.refusal) == (None, "join:t-1", None)
    assert "2 items" in choice.reason


def test_items_for_an_unknown_agent_are_refused_at_once():
    assert route("Prepare", ALL, items=["notes"], agent_id="nobody").refusal


def test_a_large_registry_tells_its_best_candidates():
    choice = route("Review this", [agent(f"a{i}", "code_review") for i in range(50)])
    assert len(choice.candidates) == CANDIDATES_MAX


# -- what is not taken -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("over", "says"),
    [
        ({"text": ""}, "no text"),
        ({"text": " \n\t "}, "no text"),
        ({"text": "x" * 65537}, "65537 bytes"),
        ({"text": "あ" * 21846}, "65538 bytes"),
        ({"priority": 0}, "priority is 0"),
        ({"priority": 11}, "priority is 11"),
        ({"items": ["x"] * 101}, "101 items"),
        ({"items": ["fine", " "]}, "item 1 is empty"),
        ({"items": ["x" * 65537]}, "item 0 has 65537 bytes"),
        ({"timeout_ms": 0}, "timeout is 0"),
        ({"retries_max": -1}, "retries_max is -1"),
        ({"redos_max": 101}, "redos_max is 101"),
        ({"task_id": ""}, "task_id has 0"),
        ({"task_id": "@tasks.submitted"}, "begins with"),
        ({"session_id": "x" * 201}, "session_id has 201"),
        ({"tenant_id": ""}, "tenant_id has 0"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_a_sentence(over, says):
    choice = SHIPPED_INDEX.route(task("Review this") | over, {})
    assert says in choice.refusal
    assert choice.refusal.endswith(".")
    assert (choice.agent_id, choice.pool) == (None, f"refused:{over.get('task_id', 't-1')}")


@pytest.mark.parametrize(
    "over",
    [
        {"text": "x" * 65536},
        {"items": ["x"] * 100},
        {"priority": 10},
        {"timeout_ms": 1},
        {"retries_max": 0, "redos_max": 100},
    ],
)
def test_the_limits_themselves_are_taken(over):
    assert SHIPPED_INDEX.route(task("Review this") | over, {}).refusal is None


def test_limits_are_settings():
    assert "may have 3" in route("long", ALL, limits=Limits(text_bytes_max=3)).refusal
    assert "may have 1" in route("x", ALL, limits=Limits(items_max=1), items=["a", "b"]).refusal


# -- for any registry and task ---------------------------------------------------------------------------------------

_WORDS = ["review", "python", "security", "fix", "the", "テスト", "調査", "tax", "advice", "```", "Translate", "", "é"]
_SKILLS = ["code_review", "code_generation", "test_run", "tax_advice"]
_texts = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join))
_agents = st.lists(
    st.builds(
        agent,
        st.sampled_from("abcdefgh"),
        st.sampled_from(_SKILLS),
        role=st.sampled_from(["unknown", "primary", "standard", "automation"]),
        keywords=st.lists(st.one_of(st.sampled_from(_WORDS), st.text(max_size=8)), max_size=4),
        perspectives=st.lists(st.sampled_from(_WORDS), max_size=2),
        fallback=st.booleans(),
        removed=st.booleans(),
        instances=st.integers(-1, 3),
    ),
    max_size=8,
    unique_by=lambda a: a["agent_id"],
)
_status = st.fixed_dictionaries(
    {
        "waiting": st.integers(0, 1001),
        "instances": st.integers(0, 3),
        "completed": st.integers(0, 10**9),
        "failed": st.integers(0, 10**9),
        "load_score": st.floats(-10, 1e6, allow_nan=False),
    }
)
_tasks = st.builds(
    task,
    _texts,
    task_id=st.text(max_size=4),
    priority=st.integers(-1, 12),
    agent_id=st.none() | st.sampled_from("abcz"),
    skill=st.none() | st.sampled_from([*_SKILLS, "nonsense"]),
    items=st.lists(_texts, max_size=3),
)


@given(_agents, st.dictionaries(st.sampled_from("abcdefgh"), _status), _tasks, st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_any_choice_is_sound(agents, statuses, asked, random):
    pools = {name: pool(name, **status) for name, status in statuses.items()}
    choice = Index(registry(*agents), LIMITS).route(asked, pools)
    alive = {a["agent_id"]: a for a in agents if not a["removed"] and a["instances"] > 0}

    assert 0 <= choice.complexity <= 1
    assert 0 <= choice.confidence <= 1
    assert 0 < choice.propensity <= 1
    assert choice.reason
    scores = [c["score"] for c in choice.candidates]
    assert all(0 <= score <= 1 for score in scores)
    assert all(c["agent_id"] in alive for c in choice.candidates)

    if choice.refusal is None and not asked["items"]:
        assert choice.agent_id in alive
        assert choice.pool == choice.agent_id
        assert asked["agent_id"] in (None, choice.agent_id)
    else:
        assert choice.agent_id is None
        assert choice.pool == f"{'refused' if choice.refusal else 'join'}:{asked['task_id']}"

    shuffled = list(agents)
    random.shuffle(shuffled)
    again = Index(registry(*shuffled), LIMITS).route(dict(asked), dict(reversed(pools.items())))
    assert again == choice


@given(_agents, _texts, st.integers(1, 10))
@settings(max_examples=300, deadline=None)
def test_a_sound_task_is_refused_only_when_nobody_can_take_it(agents, text, priority):
    asked = task(text, priority=priority)
    choice = Index(registry(*agents), LIMITS).route(asked, {})
    if any(a["fallback"] and not a["removed"] and a["instances"] > 0 for a in agents) and text.strip():
        assert choice.refusal is None


@pytest.mark.parametrize("junk", ["\0" * 100, "🙂" * 2000, "a" * 60000, "```" * 5000, "\u202e\u0300", "ab " * 20000])
def test_odd_texts_are_routed_in_bounded_time(junk):
    started = time.perf_counter()
    assert SHIPPED_INDEX.route(task(junk), {}).refusal is None
    assert time.perf_counter() - started < 0.1
