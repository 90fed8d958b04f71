"""The prompt of `headway sql`: a statement ends with `;`, what was typed is remembered, names are completed."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import click
from prompt_toolkit import PromptSession
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory
from prompt_toolkit.input import Input
from prompt_toolkit.output import Output

from gateway.asking import Asker
from gateway.cli.answering import hand_over, list_tables
from gateway.cli.output import remark
from gateway.errors import GatewayError
from infra.warehouse.errors import BadSql, WarehouseDown

KEYWORDS = """
    SELECT DISTINCT FROM WHERE GROUP BY HAVING ORDER LIMIT JOIN LEFT INNER ASOF USING ON AS AND OR NOT IN BETWEEN LIKE
    ILIKE IS NULL CASE WHEN THEN ELSE END WITH UNION ALL INTERVAL DAY HOUR MINUTE DESC ASC SHOW DESCRIBE EXPLAIN
    count countIf sum sumIf avg min max uniq quantile now toStartOfHour toStartOfMinute dateDiff
""".split()  # noqa: SIM905 (words are read best as words)
WELCOME = (
    "A statement ends with ; and may take several lines. tables [NAME] lists what there is; exit or Ctrl-D leaves."
)
_COMMAND = re.compile(
    r"\s*[\\.]?(?:(?P<leave>exit|quit|q)|(?P<help>help|h|\?)|(?:tables|dt?)(?:\s+(?P<name>\w+))?)\s*;?\s*", re.I
)
"""Also as other prompts spell them, with a `\\` or a dot before them."""


def converse(asker: Asker, folder: Path, given: Input | None = None, shown: Output | None = None) -> None:
    """Until the person leaves. `given` and `shown` stand in for the terminal."""
    names = asker.names()  # also finds out whether anybody answers, before the prompt says so
    folder.mkdir(parents=True, exist_ok=True)
    history = folder / "sql_history"
    history.touch(mode=0o600)
    session: PromptSession[str] = PromptSession(
        history=FileHistory(history),
        completer=Names(names),
        complete_while_typing=False,
        multiline=Condition(lambda: not complete(session.default_buffer.text)),
        prompt_continuation="      -> ",
        input=given,
        output=shown,
    )
    remark(WELCOME)
    while (text := _typed(session)) is not None:
        command = _COMMAND.fullmatch(text)
        if command and command["leave"]:
            return
        if command and command["help"]:
            remark(WELCOME)
        elif command:
            _guarded(partial(list_tables, asker, command["name"] or ""))
        elif text.strip(" ;\n"):
            _guarded(partial(hand_over, asker, text, "table", None))


def complete(text: str) -> bool:
    """Whether Enter sends it."""
    return not text.strip() or text.rstrip().endswith(";") or _COMMAND.fullmatch(text) is not None


class Names(Completer):
    """Keywords, tables and columns; after `table.`, the columns of that table; the columns of named tables first."""

    def __init__(self, names: Mapping[str, Iterable[str]]) -> None:
        self._names = names

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
        word = document.get_word_before_cursor(pattern=re.compile(r"[\w.]+"))
        table, dot, begun = word.rpartition(".")
        if dot and table in self._names:
            choices = list(self._names[table])
        else:
            begun = word
            mentioned = [columns for name, columns in self._names.items() if re.search(rf"\b{name}\b", document.text)]
            nearest = [column for columns in mentioned or self._names.values() for column in columns]
            choices = [*dict.fromkeys(nearest), *self._names, *KEYWORDS]
        for choice in choices:
            if choice.lower().startswith(begun.lower()):
                yield Completion(choice, start_position=-len(begun))


def _typed(session: PromptSession[str]) -> str | None:
    while True:
        try:
            return session.prompt("headway> ")
        except KeyboardInterrupt:  # what was typed is dropped, as in a shell
            continue
        except EOFError:
            return None


def _guarded(act: Callable[[], object]) -> None:
    """At a prompt a mistake is no end."""
    try:
        act()
    except (GatewayError, BadSql, WarehouseDown) as error:
        click.echo(f"Error: {error}", err=True)
    except KeyboardInterrupt:
        remark("Given up; the warehouse stops it at its limit.")
