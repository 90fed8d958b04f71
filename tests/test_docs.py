"""The documents name what there is: topics, settings, commands' home, and nothing that is gone."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

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
