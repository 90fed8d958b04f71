"""`headway agents`: who works, what each agent is, and what of it is on the registry."""

import getpass
import uuid

import click

from gateway import defining
from gateway.alive import lease_us
from gateway.cli import defined
from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.errors import BadInput
from gateway.fleet import AgentRow, agent_rows
from gateway.history import newest_by_key, reach, read
from gateway.sending import now_us
from gateway.units import duration, many, moment
from infra import weights
from infra.definitions import AGENT
from infra.fleet import desired
from infra.registry import WEIGHTS, newest
from infra.settings import Settings, load_settings
from processors.weighing.weights import LEAST, MOST, set_by


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def agents(ctx: click.Context, as_json: bool) -> None:
    """Show the agents, their live instances and their load.

    Example: headway agents --json
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@agents.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the agents, as `headway agents` does.

    Example: headway agents list --json
    """
    _list(as_json)


def _list(as_json: bool) -> None:
    settings = load_settings()
    reach(settings)
    rows = _rows(settings)
    if as_json:
        for row in rows:
            print_json(row._asdict())
        return
    table(
        [
            "agent",
            "role",
            "instances",
            "running",
            "waiting",
            "mean run",
            "errors",
            "load",
            "weight",
            "hosts",
            "capabilities",
        ],
        (
            [
                row.agent_id,
                row.role,
                f"{row.instances_live}/{row.instances}",
                f"{row.running}/{row.slots}",
                f"{row.waiting}/{row.waiting_max}",
                duration(row.mean_response_ms * 1000),
                f"{row.error_rate:.1%}",
                f"{row.load_score:.0f}",
                _weight(row),
                ", ".join(row.hosts) or None,
                ", ".join(row.capabilities),
            ]
            for row in rows
        ),
        right=["instances", "running", "waiting", "mean run", "errors", "load", "weight"],
        giving=["hosts", "capabilities", "role", "errors", "mean run", "weight", "load"],
    )
    remark("Load: 0 is idle; at 100 an agent gets no further task while another can take it.")
    defined.tell_problems(settings)


@agents.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one agent: its definition, and how it fares.

    Example: headway agents show code-reviewer
    """
    settings = load_settings()
    reach(settings)
    definition = defined.one_of(AGENT, settings, name)
    (row,) = (row for row in _rows(settings) if row.agent_id == definition["agent_id"])
    if as_json:
        print_json(definition | row._asdict())
        return
    hosts = f" on {', '.join(row.hosts)}" if row.hosts else ""
    facts = {name: definition[name] for name in ("description", "role", "runner", "model", "max_tokens")}
    facts |= {name: ", ".join(definition[name]) for name in ("capabilities", "perspectives", "keywords")}
    facts |= {
        "fallback": "yes" if definition["fallback"] else "no",
        "published": moment(definition["updated_at"]),
        "instances": f"{row.instances_live} of {row.instances} alive{hosts}",
        "tasks": f"{row.running} running, {row.waiting} waiting",
        "attempts": f"{row.completed:,} completed, {row.failed:,} failed",
        "weight": f"{_weight(row)}. {row.weight['reason']}" if row.weight else _weight(row),
    }
    table(["", ""], ([key, value or None] for key, value in facts.items()), fold=True)
    if definition["prompt"]:
        say("\n" + definition["prompt"])


@agents.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take an agent that is gone for good out of the registry. Tasks that wait for it stay in its queue.

    One that was made here is taken out with its file; where it stood in for one that is shipped, that one works
    again. Agents of other files need none of this: `headway agents publish` takes out those whose file is gone.

    Example: headway agents remove shouter
    """
    settings = load_settings()
    reach(settings)
    definition = defined.one_of(AGENT, settings, name)
    (waiting,) = (row.waiting for row in _rows(settings) if row.agent_id == name)
    if not defining.remove(AGENT, settings, definition):
        say(f"{name} is as it is shipped again.")
        return
    say(f"{name} is taken out.")
    if waiting:
        left = many(waiting, "task")
        remark(f"Its queue still has {left}: `headway tasks --agent {name} --state open` lists what to cancel.")


@agents.command()
@click.argument("name")
@click.argument("value", type=float)
def weight(name: str, value: float) -> None:
    """Set how much an agent is preferred among those who can do a task: 1 is as much as others, from 0.5 to 2.

    It counts within seconds. The days to come go on from there, by what people say and what ends.

    Example: headway agents weight code-reviewer 1.0
    """
    if not LEAST <= value <= MOST:
        raise BadInput(f"A weight is from {LEAST:g} to {MOST:g}; 1 is as preferred as others.")
    settings = load_settings()
    reach(settings)
    agent_id = defined.one_of(AGENT, settings, name)["agent_id"]
    by, event_id = getpass.getuser(), str(uuid.uuid4())
    (made,) = weights.change(
        settings, lambda known: [set_by(agent_id, known.get(agent_id), value, by, event_id=event_id, now=now_us())]
    )
    say(f"{agent_id} weighs {made['weight']:.2f}, {made['before']:.2f} before.")
    if settings.weights != "on":
        remark("It is not counted with before weights = on in headway.toml.")


@agents.command()
@click.argument("words")
@json_option
def find(words: str, as_json: bool) -> None:
    """Find the agent for some work: by the rules that route tasks, and by what its description means.

    Example: headway agents find "somebody who knows contracts"
    """
    choice, fits, _ = defined.found(words)
    if as_json:
        for one in fits:
            print_json(one._asdict())
        return
    table(
        ["agent", "fit", "alike", "why"],
        ([one.agent_id, f"{one.fit:.2f}", f"{one.likeness:.2f}", one.why] for one in fits if one.fit),
        right=["fit", "alike"],
    )
    remark(f"A task of these words: {choice.reason}")


@agents.command()
@click.argument("name")
@defined.file_option
@click.option("--user", metavar="ID", help="Keep it among the agents of this user.")
@json_option
def add(name: str, file: str | None, user: str | None, as_json: bool) -> None:
    """Define an agent, in your editor or by a file. It works within seconds.

    Example: headway agents add lawyer --file lawyer.md
    """
    defined.add(AGENT, name, file, user, as_json)


@agents.command()
@click.argument("name")
@defined.file_option
@json_option
def edit(name: str, file: str | None, as_json: bool) -> None:
    """Change an agent, in your editor or by a file. One that is shipped is kept as a copy of yours.

    Example: headway agents edit code-reviewer
    """
    defined.edit(AGENT, name, file, as_json)


@agents.command()
def publish() -> None:
    """Bring the registry in line with the agents' files at once; a line that runs does so by itself within seconds.

    The files are those shipped, those made on the page and by `headway agents add`, and those of the folder
    `agents_dir`.

    Example: headway agents publish
    """
    defined.publish(AGENT)


def _rows(settings: Settings) -> list[AgentRow]:
    now, lease = now_us(), lease_us(settings)
    return agent_rows(
        newest_by_key(settings, "agents.registry").values(),
        newest_by_key(settings, "pools.status").values(),
        # Two leases back: an instance that was not heard of for longer is gone.
        (record.event for record in read(settings, "agents.heartbeats", since_us=now - 2 * lease)),
        heard_since_us=now - lease,
        model_default=settings.model_default,
        desired=desired(settings),
        zones=settings.zone_names,
        weights=newest(settings, WEIGHTS),
    )


def _weight(row: AgentRow) -> str:
    known = row.weight
    return f"{known['weight']:.2f}" + ("" if known["applied"] else " (dry run)") if known else "1.00"
