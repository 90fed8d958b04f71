"""Schedules as files: what is shipped runs nothing by itself; what cannot be meant is told with what is accepted."""

import re
from pathlib import Path

import pytest

from infra.front_matter import BadFile
from infra.schedule_file import FORM, SHIPPED
from schemas.codec import decode_as, encode

DOCUMENT = Path(__file__).parents[2] / "docs" / "schedules.md"
GOOD = '---\ndescription: d\ncron: "*/15 * * * *"\n---\nLook whether all is well.\n'


def test_what_is_shipped_is_well_formed_and_not_enabled():
    found = [FORM.parse(path) for path in SHIPPED.glob("*.md")]
    assert {one["schedule"] for one in found} == {"check-every-15-min", "daily-report", "weekly-maintenance"}
    assert not any(one["enabled"] for one in found)


def test_the_example_of_the_document_works():
    (text,) = re.findall(r"```markdown\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    made = FORM.parse_text("shop", text)
    assert set(FORM.fields) - {"cron"} <= set(re.findall(r"^(\w+):", text, re.MULTILINE)), "it shows every name"
    assert (made["every"], made["escalate"]["after_failures"]) == ("15m", 2)


def test_a_schedule_is_what_its_file_says():
    text = GOOD.replace("---\nLook", "timeout_s: 60\nescalate: {after_failures: 3, priority: 1}\n---\nLook")
    made = FORM.parse_text("check", text)
    assert (made["schedule"], made["cron"], made["every"], made["timezone"]) == ("check", "*/15 * * * *", None, "UTC")
    assert (made["missed"], made["overlap"], made["enabled"], made["tenant"]) == ("last", "allow", True, "default")
    assert made["escalate"] == {"after_failures": 3, "priority": 1, "agent": None}
    assert (made["timeout_s"], made["deadline_s"], made["text"]) == (60.0, None, "Look whether all is well.")
    assert decode_as("Schedule", encode("Schedule", made)) == made
    fields = {name: made[name] for name in FORM.fields}
    assert FORM.parse_text("check", FORM.written(fields, made["text"])) == made


CRON = 'cron: "*/15 * * * *"'


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (CRON, "", "either `cron`"),
        (CRON, f"{CRON}\nevery: 15m", "either `cron`"),
        (CRON, "cron: */15 * * * *", "in quotes"),
        (CRON, "cron: @daily", "in quotes"),
        (CRON, 'cron: "61 * * * *"', "0 to 59"),
        (CRON, "every: 3", "as 15m"),
        (CRON, "every: 3s", "from 10s to 1d"),
        (CRON, f"{CRON}\ntimezone: Berlin", "Europe/Berlin"),
        (CRON, f"{CRON}\nmissed: never", "last, all, skip"),
        (CRON, f"{CRON}\npriority: 11", "1 (first) to 10 (last)"),
        (CRON, f"{CRON}\nenabled: 1", "true or false"),
        (CRON, f"{CRON}\nescalate: {{after_failures: 2}}", "`priority` (1 to 10), `agent` or both"),
        (CRON, f"{CRON}\nescalate: {{after_failures: 0, priority: 1}}", "1 to 10"),
        (CRON, f"{CRON}\nescalate: {{after_failures: 2, priority: 1, mail: me}}", "1 to 10"),
        (CRON, f"{CRON}\ntimeout_s: .inf", "seconds up to"),
        ("description: d\n", "", "`description` is missing"),
        ("Look whether all is well.", "", "there is no task"),
    ],
)
def test_what_cannot_be_meant_is_told(before, after, said):
    with pytest.raises(BadFile, match=re.escape(said)):
        FORM.parse_text("check", GOOD.replace(before, after))


@pytest.mark.parametrize("wrong", ["timezone: Berlin", 'cron: "61 * * * *"'])
def test_a_time_that_is_none_is_told_with_its_line(wrong):
    text = GOOD.replace(CRON, wrong if wrong.startswith("cron") else f"{CRON}\n{wrong}")
    with pytest.raises(BadFile) as told:
        FORM.parse_text("check", text)
    assert text.splitlines()[told.value.line - 1] == wrong
