"""Schedules as people see and lead them: the next due time, and switching one on and off in its own file."""

import json
import uuid

import pytest
from click.testing import CliRunner

from gateway.cli import headway
from gateway.schedules import next_due, shown, switched
from infra import definitions
from infra.definitions import SCHEDULE
from infra.settings import Settings, as_env
from processors.scheduling.due import in_words
from schemas.examples import examples

NAME = "daily-report"
FILE = "---\ndescription: d\nevery: 15m  # a remark\n{}---\nenabled: is a word of the text, too.\n"


@pytest.mark.parametrize("said", ["", "enabled: true\n", "enabled: false\n", "enabled : true # for now\n"])
@pytest.mark.parametrize("enabled", [True, False])
def test_switching_changes_what_the_file_says_of_that_and_nothing_else(said, enabled):
    text = switched(FILE.format(said), enabled)
    made = SCHEDULE.form.parse_text(NAME, text)
    assert made["enabled"] is enabled
    assert made["text"] == "enabled: is a word of the text, too."
    assert [line for line in text.splitlines() if not line.startswith("enabled: ")] == [
        line for line in FILE.format("").splitlines() if not line.startswith("enabled: ")
    ]
    assert switched(text, enabled) == text


def test_a_paused_schedule_is_never_due_and_one_that_runs_shows_its_runs_newest_first():
    schedule, kept = examples("schedule", 1)[0], examples("schedule_runs", 1)[0]
    now = 1_790_000_000_000_000  # 2026-09-21 14:13 UTC, a Monday
    assert in_words(schedule) == "0 6 * * mon-fri Europe/Berlin"
    assert next_due(schedule, now) == 1_790_049_600_000_000
    assert next_due(schedule | {"enabled": False}, now) is None
    assert next_due(schedule | {"cron": "bad"}, now) is None
    seen = shown(schedule, kept, now)
    assert [run["by"] for run in seen["runs"]] == ["ana", None]
    assert seen["when"] == in_words(schedule)
    assert shown(schedule, None, now)["runs"] == []


def command(settings: Settings, *arguments: str, code: int = 0) -> str:
    done = CliRunner().invoke(headway, ["schedules", *arguments], env=as_env(settings))
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.e2e
def test_a_schedule_is_made_run_paused_and_taken_out_in_the_terminal(broker, tmp_path):
    definitions.publish(SCHEDULE, broker)
    assert "paused" in command(broker, "show", NAME), "what is shipped runs nothing by itself"
    name, file = f"s-{uuid.uuid4().hex[:8]}", tmp_path / "schedule.md"
    file.write_text('---\ndescription: d\ncron: "0 6 * * *"\nenabled: false\n---\nLook.\n')
    command(broker, "add", name, "--file", str(file))
    assert f"{name} runs; it is due next at " in command(broker, "resume", name)
    assert "T06:00:00Z" in command(broker, "show", name)
    command(broker, "pause", name)
    task_id = command(broker, "run", name).splitlines()[0]
    assert task_id.startswith(f"{name}@") and task_id.endswith("-by-hand")
    rows = [json.loads(line) for line in command(broker, "--json").splitlines()]
    (row,) = (one for one in rows if one["definition"]["schedule"] == name)
    assert [(run["task_id"], run["status"]) for run in row["runs"]] == [(task_id, None)]
    assert row["next_due_at"] is None
    file.write_text(file.read_text().replace("0 6", "61 6"))
    assert "0 to 59" in command(broker, "edit", name, "--file", str(file), code=2)
    assert "is taken out" in command(broker, "remove", name)
    assert "headway schedules list" in command(broker, "run", name, code=1)
