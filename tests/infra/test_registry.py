"""The registry against librdkafka's own in-process broker: a follower sees what is published."""

import pytest

from infra.definitions import AGENT, RULE, SKILL, load, publish
from infra.kafka import KafkaUnreachable
from infra.registry import AGENTS, ALERTS, POOLS, RULES, SKILLS, Registry
from infra.settings import Settings
from processors.admission import Limits
from processors.routing import Index
from schemas.codec import encode
from tests.support.agents import agent, pool, task
from tests.support.alerts import alert
from tests.support.in_process import OWN, Line
from tests.support.waiting import until


@pytest.fixture
def line(tmp_path):
    return Line(tmp_path / "agents")


@pytest.fixture
def follow(line):
    followers = []

    def following(**over):
        followers.append(Registry(line.settings, **over))
        followers[-1].wait_ready(20)
        return followers[-1]

    yield following
    for follower in followers:
        follower.close()


def test_a_follower_knows_all_when_ready_and_hears_of_changes(line, follow):
    publish(AGENT, line.settings)
    line.write(POOLS, "code-writer", encode("PoolStatus", pool("code-writer", waiting=3)))
    registry = follow()
    assert set(registry.agents) == set(load(AGENT, line.settings))
    assert registry.pools["code-writer"]["waiting"] == 3

    before, version = registry.agents, registry.version
    (line.folder / "lawyer.md").write_text(OWN)
    publish(AGENT, line.settings)
    line.write(POOLS, "code-writer", encode("PoolStatus", pool("code-writer", waiting=7)))
    until(lambda: "lawyer" in registry.agents and registry.pools["code-writer"]["waiting"] == 7)
    assert registry.version > version
    assert "lawyer" not in before

    (line.folder / "lawyer.md").unlink()
    publish(AGENT, line.settings)
    until(lambda: "lawyer" not in registry.agents)


def test_an_empty_registry_is_ready(follow):
    registry = follow()
    assert (registry.agents, registry.pools, registry.version) == ({}, {}, 0)


def test_a_deleted_key_is_forgotten(line, follow):
    line.define(agent("a"))
    line.write(AGENTS, "a", None)
    line.write(AGENTS, b"\xff", None)  # no text, so no key of ours
    line.define(agent("b"))
    assert set(follow().agents) == {"b"}


def test_a_follower_of_agents_tells_each_change_and_hears_of_nothing_else(line, follow):
    changes = []
    line.define(agent("a"))
    line.write(AGENTS, "a", b"nonsense")
    line.write(POOLS, "a", encode("PoolStatus", pool("a")))
    registry = follow(topics=[AGENTS], on_change=lambda _, key: changes.append(key))
    assert changes == ["a"]
    line.define(agent("b"))
    line.define(agent("a") | {"removed": True})
    until(lambda: sorted(changes) == ["a", "a", "b"])
    assert (set(registry.agents), registry.pools) == ({"b"}, {})


def test_records_that_make_no_sense_are_passed_over(line, follow):
    line.define(agent("a", "code_review"))
    line.write(AGENTS, "a", b"nonsense")
    line.write(AGENTS, "a", encode("PoolStatus", pool("a")))
    line.write(AGENTS, "b", encode("AgentDefinition", agent("c")))
    line.define(agent("join:x", "code_review"))
    line.write(POOLS, "a", b"\0\0\0\0\x0b")
    registry = follow()
    assert registry.agents == {"a": agent("a", "code_review")}
    assert registry.pools == {}


def test_without_a_broker_the_wait_ends_with_what_is_wrong():
    registry = Registry(Settings(kafka_bootstrap="127.0.0.1:1"))
    try:
        with pytest.raises(KafkaUnreachable, match=r"agents\.registry"):
            registry.wait_ready(0.2)
    finally:
        registry.close()


def test_a_follower_of_skills_knows_those_that_are_there(line, follow):
    publish(SKILL, line.settings)
    registry = follow(topics=[AGENTS, SKILLS])
    assert set(registry.skills) == set(load(SKILL, line.settings))
    before, version = registry.skills, registry.version
    gone = {**before["light"], "removed": True}
    line.write(SKILLS, "light", encode("SkillDefinition", gone))
    line.write(SKILLS, "No Skill", encode("SkillDefinition", {**before["light"], "skill": "No Skill"}))
    line.write(SKILLS, "research", b"nonsense")
    until(lambda: "light" not in registry.skills)
    assert (set(before) - set(registry.skills), registry.version) == ({"light"}, version + 1)


def test_an_agent_that_is_new_is_routed_to_by_the_next_index_without_a_restart(line, follow):
    publish(AGENT, line.settings)
    registry = follow()
    wanted = task("Is this covenant binding?")
    assert Index(registry.agents, Limits()).route(wanted, {}).agent_id == "generalist"
    version = registry.version
    (line.folder / "user" / "ann").mkdir(parents=True)
    (line.folder / "user" / "ann" / "lawyer.md").write_text(
        OWN.replace("capabilities:", "keywords: [covenant]\ncapabilities:")
    )
    publish(AGENT, line.settings)
    until(lambda: registry.version > version)
    assert Index(registry.agents, Limits()).route(wanted, {}).agent_id == "lawyer"


def test_a_follower_of_rules_and_alerts_knows_those_that_are_there(line, follow):
    publish(RULE, line.settings)
    registry = follow(topics=[RULES, ALERTS])
    assert set(registry.rules) == set(load(RULE, line.settings))
    before = registry.rules
    line.write(RULES, "silent", encode("AlertRule", {**before["silent"], "removed": True}))
    line.write(RULES, "no/rule", encode("AlertRule", {**before["silent"], "rule": "no/rule"}))
    line.write(ALERTS, "errors/line", encode("Alert", alert("errors")))
    until(lambda: "silent" not in registry.rules and registry.alerts)
    assert set(before) - set(registry.rules) == {"silent"}
    assert registry.alerts == {"errors/line": alert("errors")}
