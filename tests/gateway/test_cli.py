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
from lab.ports import free_ports

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
        command = getattr(import_module(module), name)
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
        (["nonsense"], "No such command 'nonsense'"),
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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_the_command(call: CliRunner, shell: str) -> None:
    result = invoke(call, "completion", shell)
    assert result.exit_code == 0
    assert f"_HEADWAY_COMPLETE={shell}_complete" in result.output
