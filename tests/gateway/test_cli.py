"""The command line without a line: help, usage, and what it says when nothing answers."""

import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from gateway.cli import COMMANDS, headway
from gateway.cli.submit import with_own_ids
from gateway.submission import tasks_from_lines
from lab.ports import free_ports
from processors.admission import Limits

HELP_S = 0.4


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):
            found = command.get_command(ctx, name)
            assert found is not None
            yield from leaves(found, (*path, name))


EVERY = dict(leaves(headway))


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    """A working directory without a line, and ports where nothing listens."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEADWAY_KAFKA_PORT", str(free_ports(1)))
    yield CliRunner()


def invoke(call: CliRunner, *arguments: str, stdin: str | None = None) -> Result:
    return call.invoke(headway, list(arguments), input=stdin)


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_has_help_with_an_example(path: tuple[str, ...]) -> None:
    said = CliRunner().invoke(headway, [*path, "--help"])
    assert said.exit_code == 0
    assert f"Example: {'HEADWAY_QUEUE_MAX=50 ' if path == ('config',) else ''}" in said.output
    for parameter in EVERY[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.name} has no help"


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_every_command_is_documented(path: tuple[str, ...]) -> None:
    manual = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    assert f"`headway {' '.join(path)}".rstrip() in manual


def test_the_overview_names_commands_that_exist() -> None:
    for name, (module, _) in COMMANDS.items():
        command = getattr(import_module(module), name.replace("-", "_"))
        assert isinstance(command, click.Command)
        assert command.name == name


def test_help_is_quick() -> None:
    took = []
    for _ in range(3):  # the best of three, for the machine may be busy with other tests
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "gateway.cli", "--help"], check=True, stdout=subprocess.DEVNULL)
        took.append(time.monotonic() - began)
    assert min(took) < HELP_S


@pytest.mark.parametrize(
    "arguments",
    [
        ["submit", "x"],
        ["task", "t-1"],
        ["tasks"],
        ["cancel", "t-1"],
        ["dlq", "list"],
        ["dlq", "redrive", "--all"],
        ["verify"],
        ["topics"],
        ["agents", "--json"],
    ],
    ids=" ".join,
)
def test_a_line_that_cannot_be_reached_is_named_within_seconds(call: CliRunner, arguments: list[str]) -> None:
    began = time.monotonic()
    said = invoke(call, *arguments)
    assert said.exit_code == 3
    assert said.output.startswith("Error: No Kafka broker answers at 127.0.0.1:")
    assert "headway up" in said.output
    assert time.monotonic() - began < 5


def test_an_outside_broker_is_named_as_such(call: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"127.0.0.1:{free_ports(1)}"
    monkeypatch.setenv("HEADWAY_KAFKA_BOOTSTRAP", address)
    assert f"{address}; check kafka_bootstrap" in invoke(call, "tasks").output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["submit"], "Give either the text of one task, or --file FILE"),
        (["submit", "x", "--file", "y"], "Give either the text of one task, or --file FILE"),
        (["submit", "x", "--priority", "11"], "priority = 11 is not accepted; it takes"),
        (["submit", "x", "--timeout", "soon"], "'soon' is not accepted; it takes a duration"),
        (["submit", "x", "--deadline", "soon"], 'deadline_at = "soon" is not accepted; it takes'),
        (["submit", "--file", "missing.jsonl"], "missing.jsonl cannot be read"),
        (["submit", "--file", ".", "--id", "t"], "--id names one task"),
        (["dlq", "redrive"], "Name one dead letter, or give --all."),
        (["tasks", "--state", "lost"], "'lost' is not one of"),
        (["submit", "x", "--timeout", "0s"], "'0s' is not accepted; it takes 1 ms at least."),
        (["submit", "- tidy the shed"], "A text that begins with - needs -- before it"),
        (["nonsense"], "There is no command nonsense.\n"),
        (["submt", "x"], "There is no command submt; did you mean submit?"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else None,
)
def test_wrong_usage_is_told_in_a_sentence(call: CliRunner, arguments: list[str], said: str) -> None:
    result = invoke(call, *arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output


def test_a_bad_line_of_a_file_is_told_before_anything_else(call: CliRunner) -> None:
    result = invoke(call, "submit", "-", stdin='{"text": "a"}\n{"text": "b", "priority": 99}\n')
    assert result.exit_code == 2
    assert "stdin, line 2: priority = 99 is not accepted" in result.output


def test_all_bad_lines_of_a_file_are_told_up_to_a_bound(call: CliRunner) -> None:
    lines = ['{"text": "a"}', "{", *['{"text": ""}'] * 20]
    said = invoke(call, "submit", "-", stdin="\n".join(lines)).output
    assert "stdin, line 2: not valid JSON" in said
    assert "stdin, line 11: text" in said and "line 12" not in said
    assert "11 more lines are not accepted." in said


def test_errors_write_out_what_a_terminal_would_obey(call: CliRunner) -> None:
    result = invoke(call, "submit", "--file", "no\x1b[2Jfile")
    assert (result.exit_code, "\x1b" in result.output, r"no\x1b[2Jfile" in result.output) == (2, False, True)


def test_only_ids_that_were_chosen_can_have_been_used_before(tmp_path: Path) -> None:
    now = 1_790_000_000_123_456
    lines = [b'{"text": "a"}', b'{"text": "b", "task_id": "mine"}']
    tasks = tasks_from_lines(lines, now, source="f", limits=Limits())
    assert list(with_own_ids(tasks)) == ["mine"]


def test_a_bad_setting_is_told_in_a_sentence(call: CliRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY_PARTITIONS", "many")
    result = invoke(call, "config")
    assert result.exit_code == 2
    assert "partitions = 'many'" in result.output


def test_config_says_where_a_value_came_from_and_hides_secrets(
    call: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
    shown = invoke(call, "config").output
    assert "HEADWAY_KAFKA_PORT" in shown
    assert "very-secret" not in shown + invoke(call, "config", "--json").output


def test_a_line_that_does_not_run_is_shown_as_such(call: CliRunner) -> None:
    result = invoke(call, "status")
    assert result.exit_code == 1
    assert "The line is stopped." in result.output
    assert invoke(call, "down").exit_code == 0
    assert not Path(".headway").exists()


def test_logs_are_named_and_shown_to_their_end(call: CliRunner) -> None:
    assert "no line has run here yet" in invoke(call, "logs").output
    folder = Path(".headway/log")
    folder.mkdir(parents=True)
    (folder / "router-0.log").write_text("".join(f"line {i}\n" for i in range(30)) + "half a li")
    (folder / "stack.log").write_text("router-0 was killed\n")
    assert invoke(call, "logs", "router-0", "-n", "2").output == "line 28\nline 29\n"
    assert invoke(call, "logs").output == "router-0 was killed\n"
    said = invoke(call, "logs", "routr-0")
    assert (said.exit_code, "did you mean router-0?" in said.output) == (1, True)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_the_command(call: CliRunner, shell: str) -> None:
    result = invoke(call, "completion", shell)
    assert result.exit_code == 0
    assert f"_HEADWAY_COMPLETE={shell}_complete" in result.output
