"""The model in use, made ready beside the router: a promotion is used soon, and what is broken never stops the line."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY

from infra import models
from infra.settings import DEFAULTS
from processors.learning.drift import LEAST, NAMES, Inputs, Reference
from processors.learning.hybrid import HYBRID
from processors.learning.learned import Made
from processors.learning.model import TASK_FEATURES
from processors.routing import RULES, Choice
from schemas.events import RoutingModel
from streams import promoted as module
from streams.promoted import TROUBLES_MAX, Promoted
from streams.router import Routing
from tests.support.agents import agent, skill, task
from tests.support.opinions import Alike, ByFirstWord, promoted_record
from tests.support.registries import Known

SOON_S = 5.0
"""How soon a promotion has to be in use."""
AGENTS = (agent("a", "code_review", description="Tax"), agent("b", "code_review", description="Tax"))


class World:
    """A registry, the router beside it, and models by name that need no weights."""

    def __init__(self, **made: Any) -> None:
        self.known = Known(*AGENTS)
        self.embedder = ByFirstWord()
        self.made = made
        self.promoted = Promoted(self.known, lambda: self.embedder, self._make)
        self.router = Routing(self.known, DEFAULTS, self.promoted)  # type: ignore[arg-type]
        self.asked = 0

    def _make(self, model: RoutingModel, embedder: str) -> Made:
        return Made(model["name"], self.made[model["name"]], None)

    def promote(self, name: str, **over: Any) -> None:
        at = 1 + len(self.known.models)
        self.known.models = {**self.known.models, name: promoted_record(name, at, **over)}

    def choose(self, text: str = "Review this") -> Choice:
        self.asked += 1
        return self.router.choose([self.router.enrol(task(text, task_id=f"t-{self.asked}"))])[0]

    def timed(self, taken: list[float]) -> Choice:
        began = time.monotonic()
        choice = self.choose()
        taken.append(time.monotonic() - began)
        return choice


def troubles(kind: str) -> float:
    return REGISTRY.get_sample_value("headway_model_troubles_total", {"trouble": kind}) or 0.0


def until(so: Callable[[], bool], within_s: float = SOON_S) -> float:
    began = time.monotonic()
    while not so():
        assert time.monotonic() < began + within_s
        time.sleep(0.01)
    return time.monotonic() - began


class Sulking(Alike):
    """Does what it is told to: `slow`, `failing` or, with an empty word, well."""

    def __init__(self, mood: str = "") -> None:
        super().__init__({"a": 0.1, "b": 0.9})
        self.mood = mood
        self.asked = 0

    def predict(self, tasks, options):
        self.asked += 1
        if self.mood == "failing":
            raise FloatingPointError("no number")
        if self.mood == "slow":
            time.sleep(module.BUDGET_S * 1.2)
        return super().predict(tasks, options)


def test_a_promotion_is_in_use_within_seconds_while_tasks_go_on_and_none_waits():
    world = World(one=Alike({"a": 0.1, "b": 0.9}), two=Alike({"a": 0.9, "b": 0.1}))
    world.promoted.start()
    try:
        assert world.choose().router == RULES
        for name, chosen in (("one", "b"), ("two", "a")):
            world.promote(name)
            taken: list[float] = []
            until(lambda name=name, taken=taken: world.timed(taken).decided["scorer"] == name)
            assert max(taken) < 1.0
            assert {world.choose().candidates[0]["agent_id"] for _ in range(5)} == {chosen}
        assert REGISTRY.get_sample_value("headway_model_in_use", {"model": "two"}) == 1
        assert REGISTRY.get_sample_value("headway_model_in_use", {"model": "one"}) is None
    finally:
        world.promoted.close()


def test_back_to_the_rules_is_a_promotion_too():
    world = World(one=Alike({"a": 0.1, "b": 0.9}))
    world.promote("one")
    world.promoted.look()
    assert world.choose().router == HYBRID
    world.promote(models.RULES)
    world.promoted.look()
    choice = world.choose()
    assert choice.router == RULES
    assert any("the rules alone are in use" in step["reason"] for step in choice.steps)


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"weights": b"junk"}, "no safetensors"),
        ({"embedder": "other/1"}, "embedder other/1"),
        ({"features": "features/0"}, "features/0"),
        ({"kind": "nonsense"}, "nonsense"),
    ],
    ids=["corrupt", "embedder", "features", "kind"],
)
def test_a_model_that_cannot_be_used_leaves_the_choice_to_the_rules_and_says_why(over, said):
    known, before = Known(*AGENTS), troubles("unusable")
    known.models = {"mlp-1": promoted_record(**over)}
    promoted = Promoted(known, ByFirstWord)
    promoted.look()
    router = Routing(known, DEFAULTS, promoted)  # type: ignore[arg-type]
    (choice,) = router.choose([router.enrol(task("Review this"))])
    assert choice.router == RULES and choice.agent_id in ("a", "b")
    assert any(said in step["reason"] for step in choice.steps if step["step"] == "learned")
    assert troubles("unusable") == before + 1


def test_a_model_that_fails_or_is_slow_at_its_trial_is_never_asked_by_a_task():
    for mood in ("failing", "slow"):
        model = Sulking(mood)
        world = World(one=model)
        world.promote("one")
        world.promoted.look()
        asked = model.asked
        assert world.choose().router == RULES
        assert model.asked == asked


@pytest.mark.parametrize("mood", ["failing", "slow"])
def test_a_model_that_falls_ill_is_left_alone_after_three_times_and_asked_again_when_it_is_well(mood, monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", 0.0)
    model = Sulking()
    world, before = World(one=model), troubles(mood.replace("failing", "failed"))
    world.promote("one")
    world.promoted.look()
    assert world.choose().router == HYBRID
    model.mood = mood
    for _ in range(TROUBLES_MAX):
        assert world.choose().agent_id in ("a", "b")
    asked = model.asked
    for _ in range(5):
        choice = world.choose()
        assert choice.router == RULES
        assert any("out of service" in step["reason"] for step in choice.steps)
    assert model.asked == asked
    assert troubles(mood.replace("failing", "failed")) == before + TROUBLES_MAX
    world.promoted.start()
    try:
        until(lambda: model.asked > asked)
        assert world.choose().router == RULES
        model.mood = ""
        until(lambda: world.choose().router == HYBRID)
    finally:
        world.promoted.close()


def test_an_agent_that_vanished_is_chosen_no_more_and_a_new_one_at_once_by_what_it_says_of_itself():
    world = World(one=Alike({"a": 0.3, "b": 0.9}))
    world.promote("one")
    world.promoted.look()
    assert world.choose().agent_id == "b"
    gone = {"a": world.known.agents["a"]}
    world.known.change(gone)
    assert world.choose("Review this").agent_id == "a"
    world.known.change(gone | {"c": agent("c", "code_review", description="Review")})
    assert world.choose("Review this").agent_id in ("a", "c")
    world.promoted.look()
    assert {world.choose("Review this").agent_id for _ in range(3)} == {"c"}


def test_with_an_empty_registry_tasks_are_refused_and_nothing_breaks():
    world = World(one=Alike())
    world.known.change({})
    world.promote("one")
    world.promoted.look()
    assert world.choose().refusal
    world.known.change({one["agent_id"]: one for one in AGENTS})
    world.promoted.look()
    assert world.choose().agent_id in ("a", "b")


def test_each_description_is_embedded_once_whatever_changes():
    world = World(one=Alike(), two=Alike())
    for name in ("one", "two"):
        world.promote(name)
        world.promoted.look()
    world.known.change({**world.known.agents, "c": agent("c", description="Law")})
    world.promoted.look()
    assert [world.embedder.texts.count(text) for text in ("Tax", "Law")] == [1, 1]


def test_what_a_text_means_is_known_once_the_skills_are_read():
    world = World()
    world.known.skills = {"poetry": skill("poetry", description="sonnets")}
    world.known.change({"p": agent("p", "poetry"), **world.known.agents})
    assert world.choose("sonnets please").skill == "general"
    world.promoted.look()
    choice = world.choose("sonnets please")
    assert (choice.skill, choice.agent_id) == ("poetry", "p")


def test_drift_of_the_tasks_since_the_training_is_shown():
    trained = np.tile(np.linspace(100, 200, 500, dtype=np.float32)[:, None], (1, len(TASK_FEATURES)))
    world = World()
    world.promoted._make = lambda used, embedder: Made(used["name"], Alike(), Inputs(Reference.of(trained)))
    world.promote("one")
    world.promoted.look()
    for _ in range(int(LEAST) + 50):
        world.choose("Review this")
    world.promoted.look()
    shown = [REGISTRY.get_sample_value("headway_drift_psi", {"feature": name}) or 0.0 for name in NAMES]
    assert min(shown) > 0.25


def test_an_embedder_that_cannot_be_loaded_leaves_all_to_the_rules():
    def broken() -> Any:
        raise ValueError("there is no embedder 'x'")

    known = Known(*AGENTS)
    known.models = {"mlp-1": promoted_record()}
    promoted = Promoted(known, broken)
    router = Routing(known, DEFAULTS, promoted)  # type: ignore[arg-type]
    promoted.start()
    try:
        until(lambda: "no embedder" in promoted.ready.no_scorer)
        assert router.choose([router.enrol(task("Review this"))])[0].router == RULES
    finally:
        promoted._stopping.set()
