"""Rules of alerts as Markdown files: front matter says what is measured, from when on it is too much and what is done.

The text below it is shown with the alert: what it means, and what to do.
"""

import re
from collections.abc import Callable
from math import isfinite
from pathlib import Path
from typing import Any, cast, get_args

from infra.front_matter import BadFile, Field, Form, is_text
from schemas.events import AlertRule, AlertSeverity

SHIPPED = Path(__file__).parent / "rules"

MEASURES = (
    "error_rate",
    "response_p99_s",
    "queue_share",
    "load",
    "load_expected",
    "instances",
    "instances_silent",
    "dead_letters",
)
"""Those of processors/alerts/measures.py; a test compares them."""
ACTIONS = ("notify", "pause_experiments", "scale_out")
SEVERITIES = tuple(severity for severity in get_args(AlertSeverity) if severity != "unknown")
SUBJECTS = ("line", "pools")
OF_THE_LINE = ("dead_letters",)
"""Measures that know no pools."""
WINDOW_S_MAX = 3_600.0


def _one_of(names: tuple[str, ...]) -> Field:
    return Field(None, lambda value: value in names, f"one of {', '.join(names)}")


def _number(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: type(value) in (int, float) and isfinite(value) and low <= value <= high


def _make(rule: str, values: dict[str, Any], body: str) -> AlertRule:
    for name, what in (
        ("description", "one sentence on what it watches"),
        ("measure", f"one of {', '.join(MEASURES)}"),
        ("severity", f"one of {', '.join(SEVERITIES)}"),
    ):
        if values[name] is None:
            raise BadFile(f"`{name}` is missing: {what}", 1)
    if (values["above"] is None) == (values["below"] is None):
        raise BadFile("give either `above` or `below`: the number beyond which it is an alert", 1)
    if values["subjects"] == "pools" and values["measure"] in OF_THE_LINE:
        raise BadFile(f"`{values['measure']}` is measured of the line only: leave `subjects` out", of="subjects")
    numbers = {
        name: None if values[name] is None else float(values[name]) for name in ("above", "below", "for_s", "window_s")
    }
    made = {"rule": rule, **values, **numbers, "advice": body, "removed": False, "updated_at": 0}
    return cast(AlertRule, made)


FORM = Form(
    what="rule",
    id=re.compile(r"[a-z0-9][a-z0-9_-]{0,62}"),
    id_accepted="1–63 of a–z, 0–9, _ and -",
    fields={
        "description": Field(None, is_text, "a sentence on what it watches"),
        "measure": _one_of(MEASURES),
        "above": Field(None, _number(-1e12, 1e12), "a number; more than it is an alert"),
        "below": Field(None, _number(-1e12, 1e12), "a number; less than it is an alert"),
        "for_s": Field(60.0, _number(0, 86_400), "seconds from 0 to 86400 that it must stay so"),
        "window_s": Field(300.0, _number(1, WINDOW_S_MAX), f"seconds from 1 to {WINDOW_S_MAX:g} to look back"),
        "severity": _one_of(SEVERITIES),
        "actions": Field(
            [], lambda value: isinstance(value, list) and all(v in ACTIONS for v in value), f"a list of {ACTIONS}"
        ),
        "subjects": Field("line", lambda value: value in SUBJECTS, f"one of {', '.join(SUBJECTS)}"),
    },
    make=_make,
    body="advice",
)
