"""Files that change while a line runs: published within seconds, bad ones told, what was known of them stays."""

from infra.definitions import AGENT, KINDS, publish
from infra.registry import AGENTS, SKILLS
from infra.stack import reloading
from infra.stack.reloading import Reloading
from tests.support.in_process import OWN, Line
from tests.support.waiting import until


def test_a_running_line_takes_over_files_as_they_change(tmp_path, monkeypatch):
    monkeypatch.setattr(reloading, "LOOK_S", 0.05)
    line = Line(tmp_path / "agents")
    said = []
    running = Reloading(line.settings, said.append)
    for kind in KINDS:
        publish(kind, line.settings)
    running.start()
    try:
        path = line.folder / "user" / "ann" / "lawyer.md"
        path.parent.mkdir(parents=True)
        path.write_text(OWN)
        until(lambda: "agents published: lawyer" in said)
        path.write_text(OWN.replace("instances: 2", "instances: many"))
        skill = line.settings.state / "skills" / "contract_check.md"
        skill.parent.mkdir(parents=True)
        skill.write_text("---\ndescription: Checking contracts.\n---\n")
        until(lambda: "skills published: contract_check" in said)
        until(lambda: any("lawyer.md:4: `instances` is 'many'" in told for told in said))
    finally:
        running.stop()
    assert [one["instances"] for one in line.published(AGENTS)["lawyer"]] == [2]
    assert line.published(SKILLS)["contract_check"][-1]["description"] == "Checking contracts."


def test_a_broker_that_is_away_is_told_once_and_the_change_is_published_when_it_is_back(tmp_path, monkeypatch):
    monkeypatch.setattr(reloading, "LOOK_S", 0.02)
    line = Line(tmp_path / "agents")
    publish(AGENT, line.settings)
    said = []
    running = Reloading(line.settings, said.append)
    answers = iter([OSError("away")] * 3)
    look = running._watch.look
    monkeypatch.setattr(running._watch, "look", lambda: _raise(next(answers, None)) or look())
    (line.folder / "lawyer.md").write_text(OWN)
    running.start()
    try:
        until(lambda: "agents published: lawyer" in said)
    finally:
        running.stop()
    assert [told for told in said if "not published yet" in told] == ["files that changed are not published yet: away"]


def _raise(error):
    if error is not None:
        raise error
