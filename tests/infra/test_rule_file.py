"""Rules as files: what is shipped is well-formed and shown with advice; what cannot be meant is told with its line."""

import pytest

from infra.front_matter import BadFile
from infra.rule_file import FORM, SHIPPED
from schemas.codec import decode_as, encode

GOOD = "---\ndescription: d\nmeasure: load\nabove: 80\nseverity: info\n---\nDo it.\n"


def test_what_is_shipped_says_what_to_do():
    rules = [FORM.parse(path) for path in SHIPPED.glob("*.md")]
    assert len(rules) >= 7
    assert all(rule["advice"] and rule["description"] for rule in rules)
    (errors,) = (rule for rule in rules if rule["rule"] == "errors")
    assert (errors["above"], errors["for_s"], errors["severity"]) == (0.05, 300.0, "critical")
    assert "pause_experiments" in errors["actions"]


def test_a_rule_is_what_its_file_says():
    rule = FORM.parse_text("busy", GOOD)
    assert (rule["above"], rule["below"], rule["subjects"], rule["advice"]) == (80.0, None, "line", "Do it.")
    assert decode_as("AlertRule", encode("AlertRule", rule)) == rule


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("above: 80\n", "", "either `above` or `below`"),
        ("above: 80\n", "above: 80\nbelow: 3\n", "either `above` or `below`"),
        ("above: 80", "above: high", "a number"),
        ("above: 80", "above: .nan", "a number"),
        ("measure: load", "measure: weather", "error_rate"),
        ("measure: load", "measure: dead_letters\nsubjects: pools", "of the line only"),
        ("severity: info", "severity: awful", "critical"),
        ("severity: info", "severity: info\nactions: [panic]", "pause_experiments"),
        ("severity: info", "severity: info\nwindow_s: 0", "3600"),
        ("description: d\n", "", "`description` is missing"),
    ],
)
def test_what_cannot_be_meant_is_told(before, after, said):
    with pytest.raises(BadFile, match=said.replace("[", "\\[")):
        FORM.parse_text("busy", GOOD.replace(before, after))
