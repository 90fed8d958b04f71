"""`headway agents`: who works, what each agent is, and what of it is on the registry."""

from typing import Any

import click

from gateway.alive import lease_us
from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.errors import BadInput, GatewayError
from gateway.fleet import AgentRow, agent_rows
from gateway.history import newest_by_key, reach, read
from gateway.nearest import did_you_mean
from gateway.sending import now_us
from gateway.units import duration, many, moment
from infra.settings import Settings, load_settings


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def agents(ctx: click.Context, as_json: bool) -> None:
    """Show the agents, their live instances and their load.

    Example: headway agents --json
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = load_settings()
    reach(settings)
    rows = _rows(settings)
    if as_json:
        for row in rows:
            print_json(row._asdict())
        return
    table(
        ["agent", "role", "instances", "running", "waiting", "mean run", "errors", "load", "hosts", "capabilities"],
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
                ", ".join(row.hosts) or None,
                ", ".join(row.capabilities),
            ]
            for row in rows
        ),
        right=["instances", "running", "waiting", "mean run", "errors", "load"],
        giving=["hosts", "capabilities", "role", "errors", "mean run", "load"],
    )
    remark("Load: 0 is idle; at 100 an agent gets no further task while another can take it.")


@agents.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one agent: its definition, and how it fares.

    Example: headway agents show code-reviewer
    """
    settings = load_settings()
    reach(settings)
    definition = _definition(settings, name)
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
    }
    table(["", ""], ([key, value or None] for key, value in facts.items()), fold=True)
    if definition["prompt"]:
        say("\n" + definition["prompt"])


@agents.command()
@click.argument("name")
def remove(name: str) -> None:
    """Take an agent that is gone for good out of the registry. Tasks that wait for it stay in its queue.

    One that was made on the page is taken out with its file; where it stood in for one that is shipped, that one works
    again. Agents of other files need none of this: `headway agents publish` takes out those whose file is gone.

    Example: headway agents remove shouter
    """
    from gateway import defining

    settings = load_settings()
    reach(settings)
    definition = _definition(settings, name)
    (waiting,) = (row.waiting for row in _rows(settings) if row.agent_id == name)
    if not defining.remove(settings, definition):
        say(f"{name} is as it is shipped again.")
        return
    say(f"{name} is taken out.")
    if waiting:
        left = many(waiting, "task")
        remark(f"Its queue still has {left}: `headway tasks --agent {name} --state open` lists what to cancel.")


@agents.command()
def publish() -> None:
    """Bring the registry in line with the agents' files while the line runs.

    The files are those shipped, those made on the page, and those of the folder `agents_dir`; `headway up` does the
    same when it starts.

    Example: headway agents publish
    """
    from infra import registry
    from infra.agent_file import BadAgentFile

    settings = load_settings()
    reach(settings)
    try:
        published = registry.publish(settings)
    except BadAgentFile as error:
        raise BadInput(str(error)) from error
    for names, what in ((published.changed, "published"), (published.removed, "taken out")):
        if names:
            say(f"{what}: {', '.join(names)}")
    if not published.changed and not published.removed:
        say("Nothing has changed.")


def _rows(settings: Settings) -> list[AgentRow]:
    now, lease = now_us(), lease_us(settings)
    return agent_rows(
        newest_by_key(settings, "agents.registry").values(),
        newest_by_key(settings, "pools.status").values(),
        # Two leases back: an instance that was not heard of for longer is gone.
        (record.event for record in read(settings, "agents.heartbeats", since_us=now - 2 * lease)),
        heard_since_us=now - lease,
        model_default=settings.model_default,
    )


def _definition(settings: Settings, name: str) -> dict[str, Any]:
    known = {
        definition["agent_id"]: definition
        for definition in newest_by_key(settings, "agents.registry").values()
        if not definition["removed"]
    }
    if name not in known:
        raise GatewayError(f"There is no agent {name}{did_you_mean(name, known)} `headway agents` lists them.")
    return known[name]
