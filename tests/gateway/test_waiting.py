"""What a person at a terminal sees while tasks run."""

from io import StringIO

import pytest
from rich.console import Console

from gateway.cli import waiting
from gateway.cli.waiting import FEW, Bar, Lines, TaskLines, conclude, display_for
from gateway.submission import task_from
from gateway.watching import Watch
from processors.admission import Limits
from tests.gateway.events import record

NOW_US = 1_790_000_000_000_000


def watch_of(count: int) -> Watch:
    watch = Watch()
    watch.add(task_from({"text": f"Task {i}", "task_id": f"t-{i}"}, NOW_US, limits=Limits()) for i in range(count))
    return watch


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    said = StringIO()
    monkeypatch.setattr(waiting, "remarks", Console(file=said, force_terminal=True, width=120))
    return said


def test_few_tasks_have_a_line_each(terminal: StringIO) -> None:
    watch = watch_of(2)
    with display_for(watch) as display:
        assert isinstance(display, TaskLines)
        seen = watch.see(record("TaskProgress", 1), NOW_US)
        assert seen is not None
        display.show(watch, [seen])
    assert "running on quick-helper-0" in terminal.getvalue()
    assert "Task 0" in terminal.getvalue()


def test_many_tasks_have_one_bar(terminal: StringIO) -> None:
    watch = watch_of(FEW + 1)
    with display_for(watch) as display:
        assert isinstance(display, Bar)
        watch.see(record("TaskOutcome", task_id="t-0"), NOW_US)
        display.show(watch, [])
    assert f"1/{FEW + 1}" in terminal.getvalue()
    assert "1 completed" in terminal.getvalue()


def test_a_pipe_gets_a_line_only_when_something_changes(capsys: pytest.CaptureFixture[str]) -> None:
    watch = watch_of(1)
    with display_for(watch) as display:
        assert isinstance(display, Lines)
        for _ in range(3):
            watch.see(record("TaskProgress", task_id="t-0", kind="progress", message="half way"), NOW_US)
            display.show(watch, list(watch.tasks.values()))
    assert capsys.readouterr().err == "t-0 half way\n"


@pytest.mark.parametrize("count", [2, FEW, FEW + 1, 200])
@pytest.mark.parametrize("as_json", [True, False])
def test_however_many_tasks_each_has_its_line_on_stdout(
    count: int, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = watch_of(count)
    for i in range(count):
        watch.see(record("TaskOutcome", task_id=f"t-{i}"), NOW_US)
    conclude(watch, as_json=as_json, ended=True)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == count
    assert all(f"t-{i}" in line and "completed" in line for i, line in enumerate(lines))


def test_in_a_pipe_the_end_of_one_task_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    watch = watch_of(1)
    with display_for(watch) as display:
        for event in (record("TaskProgress", 1, task_id="t-0"), record("TaskOutcome", task_id="t-0")):
            seen = watch.see(event, NOW_US)
            display.show(watch, [seen] if seen else [])
    conclude(watch, as_json=False, ended=True)
    said = capsys.readouterr()
    assert said.err.count("completed") == 1
    assert said.out.splitlines() == [record("TaskOutcome").event["output"]]


def test_what_a_task_says_cannot_speak_to_the_terminal_while_it_is_waited_for(terminal: StringIO) -> None:
    watch = watch_of(1)
    watch.tasks["t-0"].submission["text"] = "evil \x1b]0;title\x07"
    watch.tasks["t-0"].doing = "half \x9b2J way"
    with display_for(watch) as display:
        display.show(watch, list(watch.tasks.values()))
    assert r"evil \x1b]0;title\x07" in terminal.getvalue() and r"half \x9b2J way" in terminal.getvalue()


def test_a_pipe_gets_a_line_a_tenth_of_many(capsys: pytest.CaptureFixture[str]) -> None:
    watch = watch_of(100)
    with display_for(watch) as display:
        for i in range(25):
            watch.see(record("TaskOutcome", task_id=f"t-{i}"), NOW_US)
            display.show(watch, [])
    assert capsys.readouterr().err == "10 of 100 ended, 10 completed\n20 of 100 ended, 20 completed\n"
