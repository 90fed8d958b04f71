"""Agent files: the shipped ones are fit for use, and what is wrong with one is told with file and line."""

import pytest

from infra.agent_file import FORM, SHIPPED
from infra.folders import load
from infra.front_matter import BadFile
from schemas.codec import decode_as, encode

FULL = """---
description: Checks contracts.
role: primary
capabilities: [legal_review]
perspectives: [risk]
keywords: [contract, 契約]
fallback: false
runner: anthropic
model: claude-haiku-4-5
max_tokens: 2048
instances: 3
---

You check contracts.

---
A line of its own in the prompt.
"""


@pytest.fixture
def write(tmp_path):
    def written(text, name="lawyer.md"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


def test_a_file_says_everything(write):
    agent = FORM.parse(write(FULL))
    assert agent == {
        "agent_id": "lawyer",
        "description": "Checks contracts.",
        "role": "primary",
        "capabilities": ["legal_review"],
        "perspectives": ["risk"],
        "keywords": ["contract", "契約"],
        "fallback": False,
        "runner": "anthropic",
        "model": "claude-haiku-4-5",
        "max_tokens": 2048,
        "instances": 3,
        "prompt": "You check contracts.\n\n---\nA line of its own in the prompt.",
        "removed": False,
        "updated_at": 0,
    }
    assert decode_as("AgentDefinition", encode("AgentDefinition", agent)) == agent


def test_little_is_needed(write):
    agent = FORM.parse(write("---\ndescription: Helps.\n---\nHelp."))
    assert (agent["role"], agent["runner"], agent["instances"], agent["model"]) == ("standard", "auto", 1, None)
    assert (agent["keywords"], agent["max_tokens"]) == ([], 0)


def test_windows_files_are_files_too(write):
    assert FORM.parse(write("\ufeff" + FULL.replace("\n", "\r\n")))["instances"] == 3


def test_an_external_agent_needs_no_prompt(write):
    assert FORM.parse(write("---\ndescription: Elsewhere.\nrunner: external\n---\n"))["prompt"] == ""


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("You check contracts.", 1, "begins with `---`"),
        ("", 1, "begins with `---`"),
        ("---\ndescription: Helps.\n", 2, "no end"),
        ("---\n- a\n---\nHelp.", 2, "`name: value` lines"),
        ("---\n---\nHelp.", 2, "`name: value` lines"),
        ("---\nrole: primary\n---\nHelp.", 1, "`description` is missing"),
        ("---\ndescription: Helps.\nskills: [a]\n---\nHelp.", 3, "unknown name `skills`. Accepted: description, role"),
        ("---\ndescription: Helps.\nrole: primary\nrole: primary\n---\nHelp.", 4, "twice"),
        (
            "---\ndescription: Helps.\n\nrole: boss\n---\nHelp.",
            4,
            "'boss'; accepted: primary or standard or automation",
        ),
        ("---\ndescription: Helps.\nkeywords: contract\n---\nHelp.", 3, "a list of texts"),
        ("---\ndescription: Helps.\nkeywords: [yes, 3]\n---\nHelp.", 3, "in quotes"),
        ("---\ndescription: Helps.\ninstances: 1001\n---\nHelp.", 3, "from 0 to 1000"),
        ("---\ndescription: Helps.\ninstances: true\n---\nHelp.", 3, "a whole number"),
        ("---\ndescription: Helps.\nmax_tokens: 0\n---\nHelp.", 3, "from 1 to 64000"),
        ("---\ndescription: Helps.\nfallback: 1\n---\nHelp.", 3, "true or false"),
        ("---\ndescription: Helps.\nrunner: [auto]\n---\nHelp.", 3, "external"),
        ("---\ndescription: Helps.\nmodel: ''\n---\nHelp.", 3, "name of a model"),
        ("---\ndescription: ' '\n---\nHelp.", 2, "a sentence"),
        ('---\ndescription: "\\uD800"\n---\nHelp.', 2, "a sentence"),
        ("---\ndescription: Helps.\nrole: a: b\n---\nHelp.", 3, "no YAML"),
        ("---\ndescription: 2026-99-99\n---\nHelp.", 2, "no YAML"),
        ("---\ndescription: Helps.\nkeywords: " + "[" * 5000 + "\n---\nHelp.", 2, "no YAML"),
        ("---\ndescription: !!python/object:os.system x\n---\nHelp.", 2, "no YAML"),
        ("---\ndescription: a\x07b\n---\nHelp.", 2, "no YAML"),
    ],
)
def test_a_mistake_is_told_with_its_line(write, text, line, says):
    path = write(text)
    with pytest.raises(BadFile) as told:
        FORM.parse(path)
    assert str(told.value).startswith(f"{path}:{line}:")
    assert says in str(told.value)


@pytest.mark.parametrize(
    ("text", "name", "says"),
    [
        (FULL, "Lawyer.md", "file name"),
        (FULL, "join:x.md", "file name"),
        (FULL, "x" * 64 + ".md", "file name"),
        ("---\ndescription: Helps.\n---\n", "a.md", "no system prompt"),
        (b"---\ndescription: \xff\n---\nHelp.", "a.md", "not UTF-8"),
        (FULL + "x" * 300_000, "a.md", "at most 262144"),
    ],
)
def test_a_file_that_cannot_be_an_agent_is_told(write, text, name, says):
    with pytest.raises(BadFile, match=says):
        FORM.parse(write(text, name))


def test_all_bad_files_are_told_at_once(write, tmp_path):
    write("x", "a.md")
    write(FULL, "b.md")
    write("y", "c.md")
    with pytest.raises(BadFile) as told:
        load(FORM, tmp_path, tmp_path / "nowhere")
    assert [line.rpartition("/")[2].split(":")[0] for line in str(told.value).splitlines()] == [
        "a.md",
        "c.md",
        "nowhere",
    ]


def test_a_later_folder_replaces_agents(write, tmp_path):
    write(FULL, "generalist.md")
    agents = load(FORM, SHIPPED, tmp_path)
    assert agents["generalist"]["description"] == "Checks contracts."
    assert set(agents) == {path.stem for path in SHIPPED.glob("*.md")}


def test_shipped_agents_cover_the_work_there_is():
    agents = load(FORM, SHIPPED)
    capabilities = {capability for agent in agents.values() for capability in agent["capabilities"]}
    assert {"code_generation", "code_review", "test_run", "documentation", "research", "light"} <= capabilities
    for agent in agents.values():
        assert len(agent["prompt"]) > 500
        assert agent["instances"] >= 2
        assert agent["runner"] == "auto"


def test_the_accepted_names_are_fields_of_the_event():
    assert set(FORM.fields) <= set(load(FORM, SHIPPED)["generalist"])
