"""`headway knowledge`: what people wrote and what was solved before, found by meaning; and the notes themselves."""

import click

from gateway.cli import defined
from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.errors import BadInput
from gateway.history import reach
from gateway.units import many, moment
from infra.definitions import NOTE
from infra.settings import load_settings
from processors.knowledge import KINDS, LIMIT, LIMIT_MAX, SOLVED, Hit

_PRINTED_CHARS = 240


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def knowledge(ctx: click.Context, as_json: bool) -> None:
    """Find what is known about some work, and keep notes of practices and decisions.

    Example: headway knowledge find "retry a payment that timed out"
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@knowledge.command()
@click.argument("words")
@click.option("--kind", type=click.Choice(KINDS), help="Only these; else notes and solved problems.")
@click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=LIMIT, show_default=True, help="Show at most this many."
)
@click.option("--tenant", help="Only problems that this tenant solved; else those of all.")
@json_option
def find(words: str, kind: str | None, limit: int, tenant: str | None, as_json: bool) -> None:
    """Find notes and solved problems that mean the like of WORDS, which say what you are about to do.

    Solved are completed tasks whose answer nobody called bad, among the newest 20,000 completed. It reads the topics
    itself; no gateway need be running.

    \b
    Example: headway knowledge find "retry a payment that timed out"
    Example: headway knowledge find "translate release notes" --kind solved --limit 3 --json
    """
    from gateway.knowing import Knowledge

    if not words.strip():
        raise BadInput('Say what you are about to do, as in `headway knowledge find "retry a payment"`.')
    settings = load_settings()
    reach(settings)
    base = Knowledge(settings)
    base.read()
    known = base.find(words, defined.known(NOTE, settings), tenant, kind, limit)
    if as_json:
        for hit in known.hits:
            print_json(hit._asdict())
        return
    several = len({hit.tenant_id for hit in known.hits if hit.kind == SOLVED}) > 1
    for hit in known.hits:
        _tell(hit, several)
    looked = f"{many(known.notes, 'note')} and {many(known.problems, 'solved problem')}"
    remark(f"Looked through {looked}." if known.hits else f"Nothing like it among {looked}.")


def _tell(hit: Hit, several: bool) -> None:
    """`several`: the problems told are of more than one tenant, who may ask the same in the same words."""
    say(f"{hit.likeness:.2f}  {hit.kind}  {hit.title}", style="bold")
    if hit.kind == SOLVED:
        whose = f"of {hit.tenant_id}; " if several else ""
        times = f"asked {many(hit.times or 1, 'time')}; " if hit.times != 1 else ""
        quality = "" if hit.quality is None else f", quality {hit.quality:.2f}"
        by = f"{hit.agent_id}{f' with {hit.model}' if hit.model else ''}, {hit.skill or 'no skill'}"
        said = f"feedback {hit.feedback}" if hit.feedback else "nobody judged it"
        say(f"      {whose}{times}by {by}; {said}{quality}; {moment(hit.finished_at or 0)}")
        say(f"      whole: headway task {hit.task_id}")
    else:
        text = hit.text if len(hit.text) <= _PRINTED_CHARS else f"{hit.text[: _PRINTED_CHARS - 1]}…"
        say(f"      {text}")
        say(f"      whole: headway knowledge show {hit.note}")


@knowledge.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the notes, as `headway knowledge` does.

    Example: headway knowledge list --json
    """
    _list(as_json)


def _list(as_json: bool) -> None:
    settings = load_settings()
    reach(settings)
    notes = sorted(defined.known(NOTE, settings).values(), key=lambda note: str(note["note"]))
    if as_json:
        for note in notes:
            print_json(note)
        return
    table(
        ["note", "kind", "title", "tags"],
        ([note["note"], note["kind"], note["title"], ", ".join(note["tags"]) or None] for note in notes),
        giving=["tags", "title"],
    )
    defined.tell_problems(settings)


@knowledge.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one note whole.

    Example: headway knowledge show tell-the-task-what-done-means
    """
    settings = load_settings()
    reach(settings)
    note = defined.one_of(NOTE, settings, name)
    if as_json:
        print_json(note)
        return
    say(note["title"], style="bold")
    facts = {"kind": note["kind"], "tags": ", ".join(note["tags"]), "published": moment(note["updated_at"])}
    table(["", ""], ([key, value or None] for key, value in facts.items()), fold=True)
    say("\n" + note["text"])


defined.keeping(knowledge, NOTE, "retry-budget", "tell-the-task-what-done-means")
