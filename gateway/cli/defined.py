"""What the commands of agents, skills, notes, rules and schedules share: a definition changed by its file, publishing,
errors."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway import defining
from gateway.cli.output import json_option, print_json, remark, say
from gateway.errors import BadInput, GatewayError
from gateway.history import newest_by_key, reach
from gateway.nearest import did_you_mean
from infra import definitions
from infra.definitions import AGENT, NOTE, RULE, SCHEDULE, SKILL, Kind
from infra.front_matter import BadFile
from infra.registry import WEIGHTS, newest
from infra.settings import Settings, load_settings

if TYPE_CHECKING:
    from gateway.finding import Found

file_option = click.option(
    "--file", "file", metavar="FILE", help="Take this file, - for stdin, instead of opening an editor."
)

TEMPLATES = {
    AGENT.topic: """---
description: Says in one sentence what it does.
role: standard            # primary, standard or automation
capabilities: [light]     # kinds of work; a name of your own is a kind of your own
keywords: []              # words of a task that speak for it
runner: auto              # auto, anthropic, simulated or external
instances: 1
---
You are …
""",
    SKILL.topic: """---
description: Says in one sentence what work of this kind is.
category: general
words: []                 # words of a task that point to it, beside its name
capabilities: []          # what an agent needs for it; left out: a capability of its name
preferred: [claude-sonnet-5-5, claude-haiku-5-5]    # best suited first
fallback: [claude-haiku-4-5]                        # when none of them can be used
cost_weight: 0.3
performance_weight: 0.7
---
""",
    NOTE.topic: """---
kind: practice            # practice: what works; decision: what was chosen, and why
title: Says in one line what it is good to know.
tags: []                  # words that it should be found by, beside those below
---
""",
    RULE.topic: """---
description: Says in one sentence what it watches.
measure: error_rate       # error_rate, response_p99_s, queue_share, load, load_expected, instances,
                          # instances_silent or dead_letters
above: 0.05               # or below
for_s: 60                 # so long it must stay so before it fires
window_s: 300             # so far a measure of what ended looks back
severity: warning         # info, warning or critical
actions: [notify]         # notify, pause_experiments, scale_out
subjects: line            # line, or pools: each agent for itself
---
What it means, and what to do.
""",
    SCHEDULE.topic: """---
description: Says in one sentence what it is for.
cron: "0 6 * * mon-fri"   # minute, hour, day, month, weekday; or "@daily"; or instead of it `every: 15m`
timezone: UTC             # as Europe/Berlin
missed: last              # of runs that nobody was there for: last, all or skip
overlap: allow            # or skip: no run while the one before is open
priority: 5               # 1 (first) to 10 (last)
# agent: generalist
# escalate: {after_failures: 2, priority: 1}
---
The task. {date}, {due} and {schedule} stand for what they say.
""",
}


def known(kind: Kind[Any], settings: Settings) -> dict[str, Any]:
    """What is published and not taken out."""
    newest = newest_by_key(settings, kind.topic).values()
    return {one[kind.key]: one for one in newest if not one["removed"]}


def found(words: str) -> "Found":
    """What the line makes of some words: the agents and the skills that suit them."""
    from gateway.finding import Finder  # only here: it brings the embedder

    settings = load_settings()
    reach(settings)
    pools: Any = {pool["pool"]: pool for pool in newest_by_key(settings, "pools.status").values()}
    agents, skills = known(AGENT, settings), known(SKILL, settings)
    return Finder(settings).find(words, agents, pools, skills, newest(settings, WEIGHTS))


def one_of(kind: Kind[Any], settings: Settings, name: str) -> dict[str, Any]:
    found = known(kind, settings)
    if name not in found:
        near = did_you_mean(name, found)
        raise GatewayError(f"There is no {kind.form.what} {name}{near} `headway {kind.commands} list` lists them.")
    return dict(found[name])


def add(kind: Kind[Any], name: str, file: str | None, user: str | None, as_json: bool) -> None:
    settings = load_settings()
    reach(settings)
    found = known(kind, settings)
    if name in found:
        raise BadInput(f"There is {defining.an(kind.form.what)} {name} already: `headway {kind.commands} edit {name}`.")
    _keep(kind, settings, None, name, file, TEMPLATES[kind.topic], user, as_json)


def edit(kind: Kind[Any], name: str, file: str | None, as_json: bool) -> None:
    settings = load_settings()
    reach(settings)
    published = one_of(kind, settings, name)
    text = defining.file_text(kind, settings, published)
    _keep(kind, settings, published, name, file, text, None, as_json)


def _keep(
    kind: Kind[Any],
    settings: Settings,
    published: dict[str, Any] | None,
    name: str,
    file: str | None,
    text: str,
    user: str | None,
    as_json: bool,
) -> None:
    wanted = _read(file) if file is not None else _typed(kind, name, text)
    try:
        made = defining.define(kind, settings, published, name, wanted, user)
    except BadFile as error:
        where = "" if error.line is None else f"{_called(file)}, line {error.line}: "
        raise BadInput(f"{where}{error.said}.") from error
    if as_json:
        print_json(made)
        return
    place = definitions.file_of(kind, settings, name)
    say(f"{name} is {'changed' if published else 'defined'}; its file is {place}.")


def _called(file: str | None) -> str:
    return "stdin" if file == "-" else file or "the file"


def _read(file: str) -> str:
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise BadInput(f"{_called(file)} cannot be read: {reason}.") from error


def _typed(kind: Kind[Any], name: str, text: str) -> str:
    """What somebody makes of the text in an editor, once it can be used."""
    if not sys.stdin.isatty():
        raise BadInput("There is no terminal to open an editor in: give --file FILE, or --file - for stdin.")
    while True:
        typed = click.edit(text, extension=".md")
        if typed is None or typed == text:
            raise BadInput("Nothing was changed, so nothing is kept.")
        try:
            defining.checked(kind, name, typed)
            return typed
        except BadFile as error:
            remark(f"line {error.line}: {error.said}" if error.line else error.said)
            if not click.confirm("Edit it again?", default=True, err=True):
                raise BadInput("Nothing is kept.") from error
            text = typed


def publish(kind: Kind[Any]) -> None:
    settings = load_settings()
    reach(settings)
    try:
        published = definitions.publish(kind, settings)
    except BadFile as error:
        raise BadInput(str(error)) from error
    for names, what in ((published.changed, "published"), (published.removed, "taken out")):
        if names:
            say(f"{what}: {', '.join(names)}")
    if not published.changed and not published.removed:
        say("Nothing has changed.")


def keeping(group: click.Group, kind: Kind[Any], mine: str, shipped: str) -> None:
    """Gives a group the commands `add`, `edit`, `remove` and `publish`, which are the same for every kind. For their
    examples: `mine`, a name that somebody may give, and that of one that is `shipped`."""
    what, own = kind.form.what, f"headway {kind.commands}"
    name_argument = click.argument("name")

    @group.command(
        "add",
        help=f"""Define {defining.an(what)}, in your editor or by a file. It counts within seconds.

        Example: {own} add {mine} --file {mine}.md""",
    )
    @name_argument
    @file_option
    @json_option
    def _add(name: str, file: str | None, as_json: bool) -> None:
        add(kind, name, file, None, as_json)

    @group.command(
        "edit",
        help=f"""Change a {what}, in your editor or by a file. One that is shipped is kept as a copy
        of yours.

        Example: {own} edit {shipped}""",
    )
    @name_argument
    @file_option
    @json_option
    def _edit(name: str, file: str | None, as_json: bool) -> None:
        edit(kind, name, file, as_json)

    @group.command(
        "remove",
        help=f"""Take out a {what} that was made here; where it stood in for one that is shipped,
        that one is there again.

        Example: {own} remove {mine}""",
    )
    @name_argument
    def _remove(name: str) -> None:
        settings = load_settings()
        reach(settings)
        gone = defining.remove(kind, settings, one_of(kind, settings, name))
        say(f"{name} is taken out." if gone else f"{name} is as it is shipped again.")

    @group.command(
        "publish",
        help=f"""Bring the topic in line with the files of {kind.plural} at once; a line that runs
        does so by itself within seconds.

        Example: {own} publish""",
    )
    def _publish() -> None:
        publish(kind)


def tell_problems(settings: Settings) -> None:
    """Files on this machine that cannot be used, so that somebody who looks for one sees why it is not there."""
    for problem in definitions.problems(settings):
        remark(f"Not taken over, what was known stays: {problem}")
