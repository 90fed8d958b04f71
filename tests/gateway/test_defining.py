"""Why a definition cannot be taken out here: the sentence names the file, or what to do about one that is shipped."""

from pathlib import Path
from typing import Any

import pytest

from gateway.defining import why_stays
from infra.definitions import AGENT, KINDS, NOTE, RULE, SKILL, Kind
from infra.settings import Settings
from tests.support.agents import agent

SHIPPED = {
    "agents": "generalist",
    "skills": "code_review",
    "notes": "say-what-you-think-of-answers",
    "rules": "errors",
    "schedules": "daily-report",
}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.plural)
def test_of_what_is_shipped_nobody_is_told_to_remove_the_file(kind: Kind[Any], tmp_path: Path) -> None:
    name = SHIPPED[kind.plural]
    said = why_stays(kind, Settings(state_dir=str(tmp_path)), {kind.key: name})
    assert said is not None and "remove" not in said
    assert f"`headway {kind.commands} edit {name}` makes a copy of your own that counts instead" in said
    assert ("`instances: 0`" in said) is (kind is AGENT)
    assert ("never fires" in said) is (kind is RULE)


@pytest.mark.parametrize("kind", [AGENT, SKILL, NOTE, RULE], ids=lambda kind: kind.plural)
def test_of_ones_own_file_the_path_is_named(kind: Kind[Any], tmp_path: Path) -> None:
    path = tmp_path / "own" / "mine.md"
    path.parent.mkdir()
    path.write_text("---\n---\n")
    settings = Settings(state_dir=str(tmp_path / "state"), **{kind.setting: str(path.parent)})
    said = f"mine is defined by a file, {path}: remove it, then call `headway {kind.commands} publish`."
    assert why_stays(kind, settings, {kind.key: "mine"}) == said


def test_what_is_made_here_and_what_registers_itself_may_go(tmp_path: Path) -> None:
    settings = Settings(state_dir=str(tmp_path))
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "mine.md").write_text("---\n---\n")
    assert why_stays(AGENT, settings, agent("mine")) is None
    assert why_stays(AGENT, settings, agent("build-farm", runner="external")) is None
    assert "none of this machine" in str(why_stays(AGENT, settings, agent("elsewhere")))
