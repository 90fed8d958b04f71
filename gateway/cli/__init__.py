"""The command `headway`. A command's module is imported only when it is called, so that help is quick."""

import sys
from importlib import import_module

import click

from gateway.errors import GatewayError, Unreachable
from gateway.nearest import did_you_mean

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("gateway.cli.stack", "Start the line on this machine."),
    "down": ("gateway.cli.stack", "Stop the line on this machine."),
    "status": ("gateway.cli.stack", "Show the processes of the line."),
    "logs": ("gateway.cli.logs", "Show what the processes of the line wrote."),
    "demo": ("gateway.cli.demo", "Start the line, run a first batch of tasks, and report."),
    "submit": ("gateway.cli.submit", "Hand in one task, or many from a file."),
    "task": ("gateway.cli.tasks", "Tell the whole story of one task."),
    "tasks": ("gateway.cli.tasks", "List tasks, newest first."),
    "cancel": ("gateway.cli.cancel", "Stop a task wherever it is."),
    "feedback": ("gateway.cli.feedback", "Say how good a task's answer is."),
    "samples": ("gateway.cli.samples", "Show what there is to learn from: tasks with their labels."),
    "route": ("gateway.cli.route", "Show what the line would do with a task, and why."),
    "dlq": ("gateway.cli.dlq", "Look at dead letters, and hand tasks in again."),
    "verify": ("gateway.cli.verify", "Prove from the topics that no task was lost or done twice."),
    "topics": ("gateway.cli.line", "Show the topics, how much they hold, and how far their readers are."),
    "agents": ("gateway.cli.agents", "Show the agents, their instances and their load."),
    "skills": ("gateway.cli.skills", "Show the kinds of work, who does them, and which models."),
    "knowledge": ("gateway.cli.knowledge", "Find what is known about some work; keep notes."),
    "alerts": ("gateway.cli.alerts", "Show what is wrong with the line, and what to do; take it on, or silence it."),
    "schedules": ("gateway.cli.schedules", "Show and change the work that is handed in again and again."),
    "orchestrators": ("gateway.cli.orchestrators", "Show the routers and dispatchers, and who owns a session."),
    "sql": ("gateway.cli.sql", "Ask the warehouse in SQL."),
    "ask": ("gateway.cli.ask", "Ask the warehouse one of the prepared questions."),
    "fleet": ("gateway.cli.fleet", "Show and change agents' instances, hosts and zones; forecast the load."),
    "lab": ("gateway.cli.lab", "Run scenarios in virtual time: start, watch, stop, report."),
    "report": ("gateway.cli.report", "Report on a day of the line: targets, figures, what to do."),
    "sink": ("gateway.cli.sink", "See whether the warehouse holds what the topics hold."),
    "rebuild": ("gateway.cli.sink", "Make a table of the warehouse anew from its topics."),
    "experiment": ("gateway.cli.experiment", "Analyze an A/B experiment, from any table."),
    "route-eval": ("gateway.cli.route_eval", "Judge a learned router on a table of queries, models and scores."),
    "train": ("gateway.cli.train", "Learn a router from the samples of the line."),
    "models": ("gateway.cli.models", "Look at what was learned, and choose which of it is used."),
    "open": ("gateway.cli.gateway_open", "Open the page of the gateway."),
    "watch": ("gateway.cli.watch", "Show live what happens: the whole line, or one task, session or agent."),
    "top": ("gateway.cli.top", "Show the agents by load, each second anew."),
    "token": ("gateway.cli.token", "Make, list and revoke tokens for the gateway."),
    "config": ("gateway.cli.stack", "Show every setting, its value and where it came from."),
    "completion": ("gateway.cli.completion", "Print the completion script for a shell."),
}
"""Every command: the module that holds it under its own name (`-` is `_` there), and its line in the overview."""


class Commands(click.Group):
    """Imports the module of a command when it is wanted, and turns errors into a sentence and an exit code."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"There is no command {args[0]}{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            raise _spoken(error) from error


def _spoken(error: Exception) -> click.ClickException:
    """The error as one sentence with its exit code. One that nobody foresaw keeps its traceback: it is ours to mend."""
    from gateway.cli.output import visible
    from infra.kafka import KafkaTrouble, KafkaUnreachable
    from infra.settings import BadSettings
    from infra.stack.errors import StackError
    from infra.warehouse.errors import BadSql, WarehouseDown

    exit_codes = {KafkaUnreachable: Unreachable.exit_code, BadSettings: 2, KafkaTrouble: 1, StackError: 1}
    exit_codes |= {WarehouseDown: Unreachable.exit_code, BadSql: 2}
    code = next((code for kind, code in exit_codes.items() if isinstance(error, kind)), None)
    if isinstance(error, GatewayError):
        code = error.exit_code
    if code is None:
        raise error
    spoken = click.ClickException(visible(str(error)))
    spoken.exit_code = code
    return spoken


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="headway", prog_name="headway")
def headway() -> None:
    """Headway: a dispatch line for AI agents on Kafka.

    Settings come from HEADWAY_<NAME> in the environment, else from headway.toml here (`headway config` shows them).

    Exit codes: 0 done; 1 what was asked about failed; 2 wrong usage or input; 3 the line cannot be reached.

    Example: headway submit "Review the login module" --wait
    """


def main() -> None:
    if not sys.stdout.isatty():
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    headway(prog_name="headway")
