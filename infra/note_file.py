"""Notes as Markdown files: front matter says what sort of note it is and what it is about, the text below is the note.

Notes are the part of the knowledge base that people write; what was solved on the line is read from its samples.
"""

import re
from pathlib import Path
from typing import Any, cast

from infra.front_matter import BadFile, Field, Form, are_texts, is_text
from schemas.events import NoteDefinition

SHIPPED = Path(__file__).parent / "notes"
KINDS = ("practice", "decision")
TEXT_CHARS_MAX = 10_000
"""A note is read in a minute or two; what is longer says several things, which are found better as several notes."""
TITLE_CHARS_MAX, TAGS_MAX, TAG_CHARS_MAX = 160, 20, 60


def _is_title(value: Any) -> bool:
    return is_text(value) and len(value) <= TITLE_CHARS_MAX and len(value.splitlines()) == 1


def _are_tags(value: Any) -> bool:
    return are_texts(value) and len(value) <= TAGS_MAX and all(len(tag) <= TAG_CHARS_MAX for tag in value)


def _make(note: str, values: dict[str, Any], body: str) -> NoteDefinition:
    if values["kind"] is None:
        raise BadFile("`kind` is missing: practice for what works, decision for what was chosen and why", 1)
    if values["title"] is None:
        raise BadFile("`title` is missing: one line on what the note says", 1)
    if not body:
        raise BadFile("no text below the front matter: the note itself belongs there")
    if len(body) > TEXT_CHARS_MAX:
        said = f"the text has {len(body):,} characters; at most {TEXT_CHARS_MAX:,} are accepted"
        raise BadFile(f"{said}: make it two notes")
    return cast(NoteDefinition, {"note": note, **values, "text": body, "removed": False, "updated_at": 0})


FORM = Form(
    what="note",
    id=re.compile(r"[a-z0-9][a-z0-9_-]{0,62}"),
    id_accepted="1–63 of a–z, 0–9, - and _",
    fields={
        "kind": Field(None, lambda v: v in KINDS, " or ".join(KINDS)),
        "title": Field(None, _is_title, f"one line of at most {TITLE_CHARS_MAX} characters"),
        "tags": Field(
            [],
            _are_tags,
            f"a list of at most {TAGS_MAX} texts of {TAG_CHARS_MAX} characters such as [payment, retry]; "
            "put yes, no and numbers in quotes",
        ),
    },
    make=_make,
    body="text",
)
