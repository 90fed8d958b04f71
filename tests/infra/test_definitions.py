"""What files define, on librdkafka's in-process broker: publishing writes what changed, a watch sees files change."""

import pytest

from infra import definitions as module
from infra.definitions import AGENT, SKILL, Published, Watch, load, main, publish, publish_good
from infra.registry import SKILLS
from infra.stack.reloading import told
from tests.support.agents import agent
from tests.support.in_process import OWN, Line

NOTHING = Published([], [], [])


@pytest.fixture
def line(tmp_path):
    return Line(tmp_path / "agents")


def test_publishing_writes_every_agent_once(line):
    (line.folder / "lawyer.md").write_text(OWN)
    first = publish(AGENT, line.settings)
    assert sorted(first.changed) == sorted(load(AGENT, line.settings))
    assert "lawyer" in first.changed
    assert publish(AGENT, line.settings) == NOTHING
    assert all(len(versions) == 1 for versions in line.published().values())
    assert line.published()["lawyer"][0]["updated_at"] > 1_700_000_000_000_000


def test_publishing_writes_only_what_changed_and_takes_out_what_is_gone(line):
    path = line.folder / "lawyer.md"
    path.write_text(OWN)
    publish(AGENT, line.settings)
    path.write_text(OWN.replace("instances: 2", "instances: 5"))
    assert publish(AGENT, line.settings) == Published(["lawyer"], [], [])
    path.unlink()
    assert publish(AGENT, line.settings) == Published([], ["lawyer"], [])
    assert publish(AGENT, line.settings) == NOTHING
    versions = line.published()["lawyer"]
    assert [(v["instances"], v["removed"]) for v in versions] == [(2, False), (5, False), (5, True)]
    path.write_text(OWN)
    assert publish(AGENT, line.settings) == Published(["lawyer"], [], [])


def test_an_external_agent_without_a_file_stays(line):
    line.define(agent("build-farm", runner="external"))
    line.define(agent("old", "code_review"))
    assert publish(AGENT, line.settings).removed == ["old"]
    assert not line.published()["build-farm"][-1]["removed"]


def test_a_bad_file_stops_publishing_before_anything_is_written(line):
    (line.folder / "lawyer.md").write_text("nonsense")
    with pytest.raises(ValueError, match=r"lawyer\.md:1"):
        publish(AGENT, line.settings)
    assert line.published() == {}


def test_skills_are_published_like_agents(line):
    made = line.settings.state / "skills"
    made.mkdir(parents=True)
    (made / "contract_check.md").write_text("---\ndescription: Checking contracts.\n---\n")
    assert sorted(publish(SKILL, line.settings).changed) == sorted(load(SKILL, line.settings))
    assert publish(SKILL, line.settings) == NOTHING
    (made / "contract_check.md").unlink()
    assert publish(SKILL, line.settings).removed == ["contract_check"]
    assert [one["removed"] for one in line.published(SKILLS)["contract_check"]] == [False, True]


def test_a_bad_file_of_a_running_line_is_told_and_what_was_known_stays(line):
    good, bad = line.folder / "good.md", line.folder / "lawyer.md"
    bad.write_text(OWN)
    publish(AGENT, line.settings)
    bad.write_text(OWN.replace("instances: 2", "instances: many"))
    good.write_text(OWN)
    done = publish_good(AGENT, line.settings)
    assert (done.changed, done.removed) == (["good"], [])
    assert "lawyer.md:4: `instances` is 'many'" in done.problems[0]
    assert "what was known stays" in told("agents", done)[-1]
    assert not line.published()["lawyer"][-1]["removed"]
    bad.unlink()
    assert publish_good(AGENT, line.settings) == Published([], ["lawyer"], [])


def test_a_folder_that_is_away_for_a_while_takes_nobody_out(line):
    (line.folder / "lawyer.md").write_text(OWN)
    publish(AGENT, line.settings)
    away = line.folder.rename(line.folder.with_name("away"))
    done = publish_good(AGENT, line.settings)
    assert (done.changed, done.removed) == ([], [])
    assert "no such folder" in done.problems[0]
    away.rename(line.folder)
    assert publish_good(AGENT, line.settings) == NOTHING


def test_a_watch_publishes_a_change_that_stood_still_for_a_look_and_nothing_else(line):
    publish(AGENT, line.settings)
    watch = Watch(line.settings)
    assert watch.look() == {}
    path = line.folder / "lawyer.md"
    path.write_text("---\ndescr")  # half written
    assert watch.look() == {}
    path.write_text(OWN)
    assert watch.look() == {}
    assert watch.look() == {"agents": Published(["lawyer"], [], [])}
    assert watch.look() == {}
    path.write_text("nonsense")
    watch.look()
    assert [len(done.problems) for done in watch.look().values()] == [1]
    assert watch.look() == {}  # told once


def test_a_change_that_could_not_be_published_is_tried_again(line, monkeypatch):
    publish(AGENT, line.settings)
    watch = Watch(line.settings)
    (line.folder / "lawyer.md").write_text(OWN)
    watch.look()
    with monkeypatch.context() as patch:
        patch.setattr(module, "publish_good", lambda *_: (_ for _ in ()).throw(OSError("away")))
        with pytest.raises(OSError, match="away"):
            watch.look()
    assert watch.look()["agents"].changed == ["lawyer"]


def test_the_command_publishes_checks_and_tells_mistakes(line, monkeypatch, capsys):
    monkeypatch.setattr(module, "load_settings", lambda: line.settings)
    (line.folder / "lawyer.md").write_text(OWN)
    assert main(["check"]) == 0
    assert "8 agents are well-formed" in capsys.readouterr().out
    assert main(["publish"]) == 0
    assert "lawyer" in capsys.readouterr().out
    (line.folder / "lawyer.md").unlink()
    assert main(["publish"]) == 0
    assert "agents taken out: lawyer" in capsys.readouterr().out
    (line.folder / "lawyer.md").write_text("nonsense")
    assert main(["check"]) == 1
    assert "lawyer.md:1" in capsys.readouterr().err
