"""Agents as Markdown files: front matter says what an agent can do and how it is run, the body is its system prompt."""

import re
from pathlib import Path
from typing import Any, cast

from infra.front_matter import BadFile, Field, Form, are_texts, is_text, is_whole
from schemas.events import AgentDefinition

SHIPPED = Path(__file__).parent / "agents"
INSTANCES_MAX = 1000

_LIST = Field([], are_texts, "a list of texts such as [code_review, test_run]; put yes, no and numbers in quotes")
_RUNNERS = ("auto", "anthropic", "simulated", "external")
_ROLES = ("primary", "standard", "automation")


def _make(agent_id: str, values: dict[str, Any], body: str) -> AgentDefinition:
    if values["description"] is None:
        raise BadFile("`description` is missing: one sentence on what the agent does", 1)
    if not body and values["runner"] != "external":
        raise BadFile("no system prompt below the front matter; only `runner: external` goes without")
    return cast(AgentDefinition, {"agent_id": agent_id, **values, "prompt": body, "removed": False, "updated_at": 0})


FORM = Form(
    what="agent",
    id=re.compile(r"[a-z0-9][a-z0-9_-]{0,62}"),
    id_accepted="1–63 of a–z, 0–9, - and _",
    fields={
        "description": Field(None, is_text, "a sentence on what the agent does"),
        "role": Field("standard", lambda v: v in _ROLES, " or ".join(_ROLES)),
        "capabilities": _LIST,
        "perspectives": _LIST,
        "keywords": _LIST,
        "fallback": Field(False, lambda v: isinstance(v, bool), "true or false"),
        "runner": Field("auto", lambda v: v in _RUNNERS, " or ".join(_RUNNERS)),
        "model": Field(None, lambda v: v is None or is_text(v), "the name of a model; left out: the line chooses"),
        "max_tokens": Field(0, is_whole(1, 64_000), "a whole number from 1 to 64000; left out: the line's setting"),
        "instances": Field(1, is_whole(0, INSTANCES_MAX), f"a whole number from 0 to {INSTANCES_MAX}"),
    },
    make=_make,
    body="prompt",
)
