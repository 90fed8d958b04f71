"""`headway ask`: the prepared questions, and whether the figure that answers one is in its normal range."""

import sys
from pathlib import Path

import click

from gateway.asking import Answer, Asker
from gateway.cli.answering import form_of, format_options, hand_over
from gateway.cli.grid import cell
from gateway.cli.output import print_json, remark, table
from gateway.errors import BadInput
from gateway.nearest import did_you_mean
from infra.settings import load_settings
from infra.warehouse.questions import Question, questions


@click.command()
@click.argument("name", required=False)
@click.option("--set", "values", metavar="NAME=VALUE", multiple=True, help="A parameter of the question, as hours=48.")
@format_options
def ask(name: str | None, values: tuple[str, ...], form: str | None, as_json: bool, file: Path | None) -> None:
    """Ask the warehouse one of the prepared questions; without a NAME, list them.

    Exit code 1 when the figure is not in its normal range.

    Example: headway ask mean_wait --set hours=48
    """
    chosen = form_of(form, as_json, file)
    if name is None:
        if chosen not in ("table", "jsonl") or values or file:
            raise BadInput("Name a question; without one they are listed, as a table or with --json.")
        _list(chosen == "jsonl")
        return
    question = _found(name)
    parameters = _parameters(question, values)
    with Asker(load_settings()) as asker:
        answer = hand_over(asker, question.sql, chosen, file, parameters)
        if question.normal is not None:
            well = judged(question, answer or asker.rows_of(question.sql, parameters))
            sys.exit(0 if well else 1)


def _list(as_json: bool) -> None:
    for question in questions().values() if as_json else ():
        about = {"name": question.name, "question": question.words, "normal": question.normal}
        print_json(about | {"parameters": dict(question.parameters)})
    if not as_json:
        rows = (
            [q.name, q.words, q.normal, " ".join(map("=".join, q.parameters.items()))] for q in questions().values()
        )
        table(["name", "question", "normal", "--set"], rows, giving=["--set", "question", "normal"], fold=True)


def _found(name: str) -> Question:
    if name in questions():
        return questions()[name]
    raise BadInput(f"There is no question {name}{did_you_mean(name, questions())} `headway ask` lists them.")


def _parameters(question: Question, values: tuple[str, ...]) -> dict[str, str]:
    given = {}
    for pair in values:
        name, equals, value = pair.partition("=")
        if not equals or name not in question.parameters:
            takes = ", ".join(question.parameters) or "no parameter"
            raise BadInput(f"--set {pair} is not accepted; {question.name} takes {takes}, as --set NAME=VALUE.")
        given[name] = value
    return {**question.parameters, **given}


def judged(question: Question, answer: Answer) -> bool:
    """Says whether every figure is normal. Where there is no figure, nothing is wrong."""
    figures = [row[0] for row in answer.rows if row[0] is not None]
    if not figures:
        remark(f"There is no figure yet; {question.normal} is normal.")
        return True
    off = [figure for figure in figures if not question.is_normal(figure)]
    what = answer.columns[0]
    if not off:
        remark(f"Normal: {what} {question.normal}.")
    elif len(figures) == 1:
        remark(f"NOT normal: {what} is {cell(off[0])}, and {question.normal} is normal.")
    else:
        remark(f"NOT normal: {what} of {len(off)} of {len(figures)} rows; {question.normal} is normal.")
    return not off
