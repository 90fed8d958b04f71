"""The documents name what there is: topics, settings, commands' home, and nothing that is gone."""

import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from gateway.cli import headway
from infra.settings import Settings
from schemas.topics import TOPICS

ROOT = Path(__file__).parent.parent
ARCHITECTURE = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]


@pytest.mark.parametrize("topic", TOPICS)
def test_every_topic_is_in_the_architecture(topic):
    assert f"| `{topic}` |" in ARCHITECTURE


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_every_setting_is_in_the_architecture(name):
    assert f"`{name}`" in ARCHITECTURE


def test_commands_that_shipped_advice_names_are_there():
    """Whoever follows the advice of an alert gets no error."""
    advice = [path for folder in ("rules", "notes") for path in (ROOT / "infra" / folder).glob("*.md")]
    found = [(path.name, said) for path in advice for said in re.findall(r"`headway ([^`]+)`", path.read_text())]
    assert len(found) > 3
    for where, said in found:
        command, words = headway, said.split()
        while words and isinstance(command, click.Group) and words[0] in command.list_commands(click.Context(command)):
            command = command.get_command(click.Context(command), words.pop(0))
        options = {option for parameter in command.params for option in parameter.opts}
        assert command is not headway and not {w for w in words if w.startswith("-")} - options, (where, said)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_tests_that_a_document_names_exist(document):
    text = document.read_text(encoding="utf-8")
    for place in re.findall(r"`((?:schemas|processors|infra|streams|gateway|lab|tests|docs)/[\w/.*{},-]*)`", text):
        if not any(mark in place for mark in "*{<"):
            assert (ROOT / place).exists(), place
    for link in re.findall(r"\]\((?!http|#)([^)#]+)", text):
        assert (document.parent / link).exists(), link
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for name in re.findall(r"`(test_\w+)`", text):
        assert f"def {name}" in sources, name
