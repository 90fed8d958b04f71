"""Note files: the shipped ones are fit for use, and what is wrong with one is told with file and line."""

from pathlib import Path

import pytest

from infra.folders import load
from infra.front_matter import BadFile
from infra.note_file import FORM, KINDS, SHIPPED, TAGS_MAX, TEXT_CHARS_MAX
from schemas.codec import decode_as, encode

FULL = """---
kind: decision
title: Payments are not retried after a timeout
tags: [payment, 決済]
---

A timeout may mean that the payment went through.

We ask the bank for its state.
"""


def test_a_file_says_everything() -> None:
    note = FORM.parse_text("retry-budget", FULL)
    assert note == {
        "note": "retry-budget",
        "kind": "decision",
        "title": "Payments are not retried after a timeout",
        "tags": ["payment", "決済"],
        "text": "A timeout may mean that the payment went through.\n\nWe ask the bank for its state.",
        "removed": False,
        "updated_at": 0,
    }
    assert decode_as("NoteDefinition", encode("NoteDefinition", note)) == note


@pytest.mark.parametrize(
    ("front", "line", "says"),
    [
        ("title: x", 1, "`kind` is missing"),
        ("kind: practice", 1, "`title` is missing"),
        ("kind: habit\ntitle: x", 2, "`kind` is 'habit'; accepted: practice or decision"),
        ("kind: [practice]\ntitle: x", 2, "practice or decision"),
        ("kind: unknown\ntitle: x", 2, "practice or decision"),
        ("kind: practice\ntitle: 7", 3, "one line of at most 160 characters"),
        ('kind: practice\ntitle: "two\\nlines"', 3, "one line of at most 160 characters"),
        (f"kind: practice\ntitle: {'x' * 161}", 3, "one line of at most 160 characters"),
        ("kind: practice\ntitle: x\ntags: payment", 4, "a list of at most 20 texts"),
        ("kind: practice\ntitle: x\ntags: [yes]", 4, "in quotes"),
        (f"kind: practice\ntitle: x\ntags: [{', '.join(['a'] * (TAGS_MAX + 1))}]", 4, "at most 20"),
        (f"kind: practice\ntitle: x\ntags: [{'a' * 61}]", 4, "60 characters"),
        ("kind: practice\ntitle: x\nauthor: me", 4, "unknown name `author`. Accepted: kind, title, tags"),
        ("kind: practice\ntitle: x\ntitle: y", 4, "`title` is there twice"),
    ],
)
def test_a_mistake_is_told_with_its_line(front: str, line: int, says: str) -> None:
    with pytest.raises(BadFile) as told:
        FORM.parse_text("x", f"---\n{front}\n---\nText.\n", "x.md")
    assert str(told.value).startswith(f"x.md:{line}:")
    assert says in str(told.value)


@pytest.mark.parametrize(("body", "says"), [("\n \n", "no text below"), ("x" * (TEXT_CHARS_MAX + 1), "10,001")])
def test_a_note_has_a_text_that_is_not_too_long(body: str, says: str) -> None:
    with pytest.raises(BadFile, match=says):
        FORM.parse_text("x", f"---\nkind: practice\ntitle: x\n---\n{body}")
    assert FORM.parse_text("x", "---\nkind: practice\ntitle: x\n---\n" + "x" * TEXT_CHARS_MAX)["text"]


@pytest.mark.parametrize("name", ["Retry.md", "_x.md", "x" * 64 + ".md"])
def test_a_file_name_that_is_no_note_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FULL)
    with pytest.raises(BadFile, match="the file name is the note's id"):
        load(FORM, tmp_path)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text(FULL)
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "inside.md").symlink_to(tmp_path / "outside.md")
    with pytest.raises(BadFile, match="a link out of"):
        load(FORM, folder)


def test_the_shipped_notes_are_of_use_to_somebody_who_has_just_begun() -> None:
    shipped = load(FORM, SHIPPED)
    assert shipped
    for note in shipped.values():
        assert note["kind"] in KINDS and note["tags"]
        assert 300 < len(note["text"]) < 3000
