"""The registry against librdkafka's own in-process broker: publishing writes what changed, a follower sees it."""

import pytest
from confluent_kafka import Producer

from infra import registry as module
from infra.kafka import KafkaUnreachable, read_all
from infra.registry import AGENTS, POOLS, Registry, load, main, publish
from infra.settings import Settings
from schemas.codec import decode_as, encode
from tests.support.agents import agent, pool
from tests.support.waiting import until

OWN = "---\ndescription: Checks contracts.\ncapabilities: [legal_review]\ninstances: 2\n---\nYou check contracts.\n"


class Line:
    """A broker that lives as long as its first client, and a folder of agents."""

    def __init__(self, folder):
        self.client = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3, "log_level": 0})
        folder.mkdir()
        self.folder = folder
        broker = next(iter(self.client.list_topics(timeout=10).brokers.values()))
        self.settings = Settings(kafka_bootstrap=f"{broker.host}:{broker.port}", agents_dir=str(folder))
        self.client.list_topics(AGENTS, timeout=10)
        self.client.list_topics(POOLS, timeout=10)

    def write(self, topic, key, value):
        self.client.produce(topic, value, key)
        assert self.client.flush(10) == 0

    def define(self, definition):
        self.write(AGENTS, definition["agent_id"], encode("AgentDefinition", definition))

    def published(self):
        newest = {}
        for message in read_all(self.settings, AGENTS):
            definition = decode_as("AgentDefinition", message.value())
            assert message.key().decode() == definition["agent_id"]
            newest.setdefault(definition["agent_id"], []).append(definition)
        return newest


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


def test_publishing_writes_every_agent_once(line):
    (line.folder / "lawyer.md").write_text(OWN)
    first = publish(line.settings)
    assert sorted(first.changed) == sorted(load(line.settings))
    assert "lawyer" in first.changed
    assert publish(line.settings) == ([], [])
    assert all(len(versions) == 1 for versions in line.published().values())
    assert line.published()["lawyer"][0]["updated_at"] > 1_700_000_000_000_000


def test_publishing_writes_only_what_changed_and_takes_out_what_is_gone(line):
    path = line.folder / "lawyer.md"
    path.write_text(OWN)
    publish(line.settings)
    path.write_text(OWN.replace("instances: 2", "instances: 5"))
    assert publish(line.settings) == (["lawyer"], [])
    path.unlink()
    assert publish(line.settings) == ([], ["lawyer"])
    assert publish(line.settings) == ([], [])
    versions = line.published()["lawyer"]
    assert [(v["instances"], v["removed"]) for v in versions] == [(2, False), (5, False), (5, True)]
    path.write_text(OWN)
    assert publish(line.settings) == (["lawyer"], [])


def test_an_external_agent_without_a_file_stays(line):
    line.define(agent("build-farm", runner="external"))
    line.define(agent("old", "code_review"))
    assert publish(line.settings).removed == ["old"]
    assert not line.published()["build-farm"][-1]["removed"]


def test_a_bad_file_stops_publishing_before_anything_is_written(line):
    (line.folder / "lawyer.md").write_text("nonsense")
    with pytest.raises(ValueError, match=r"lawyer\.md:1"):
        publish(line.settings)
    assert line.published() == {}


def test_a_follower_knows_all_when_ready_and_hears_of_changes(line, follow):
    publish(line.settings)
    line.write(POOLS, "code-writer", encode("PoolStatus", pool("code-writer", waiting=3)))
    registry = follow()
    assert set(registry.agents) == set(load(line.settings))
    assert registry.pools["code-writer"]["waiting"] == 3

    before, version = registry.agents, registry.version
    (line.folder / "lawyer.md").write_text(OWN)
    publish(line.settings)
    line.write(POOLS, "code-writer", encode("PoolStatus", pool("code-writer", waiting=7)))
    until(lambda: "lawyer" in registry.agents and registry.pools["code-writer"]["waiting"] == 7)
    assert registry.version > version
    assert "lawyer" not in before

    (line.folder / "lawyer.md").unlink()
    publish(line.settings)
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
    registry = follow(topics=[AGENTS], on_change=changes.append)
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


def test_the_command_publishes_checks_and_tells_mistakes(line, monkeypatch, capsys):
    monkeypatch.setattr(module, "load_settings", lambda: line.settings)
    (line.folder / "lawyer.md").write_text(OWN)
    assert main(["check"]) == 0
    assert "8 agents are well-formed" in capsys.readouterr().out
    assert main(["publish"]) == 0
    assert "lawyer" in capsys.readouterr().out
    (line.folder / "lawyer.md").unlink()
    assert main(["publish"]) == 0
    assert "taken out: lawyer" in capsys.readouterr().out
    (line.folder / "lawyer.md").write_text("nonsense")
    assert main(["check"]) == 1
    assert "lawyer.md:1" in capsys.readouterr().err
