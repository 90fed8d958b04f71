"""`headway orchestrators`: the workers that decide about tasks, as Redis knows them; who owns a session."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import click

from gateway.cli.output import json_option, print_json, remark, say, table
from gateway.cli.submit import Duration
from gateway.errors import Unreachable
from gateway.owners import owners_of
from gateway.units import duration
from infra.orchestrators import Orchestrators, Store, StoreDown, Watch, availability, of_session
from infra.settings import Settings, load_settings


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def orchestrators(ctx: click.Context, as_json: bool) -> None:
    """Show the routers and dispatchers: status, health, load, partitions. Those that ended stay for an hour.

    Example: headway orchestrators --json
    """
    if ctx.invoked_subcommand is not None:
        return
    settings = load_settings()
    with _store(settings) as store:
        rows = Orchestrators(store, settings).list()
    if as_json:
        for row in rows:
            print_json(row._asdict())
        return
    if not rows:
        say("No router or dispatcher has said anything in Redis; `headway status` shows whether any run.")
        return
    table(
        ["orchestrator", "status", "health", "load", "partitions", "sessions", "last word", "where"],
        (
            [
                row.orchestrator_id,
                row.ended or row.status,
                row.health_status,
                f"{row.current_load:,}/{row.max_capacity:,}",
                ", ".join(place.rpartition("/")[2] for place in row.partitions) or None,
                row.active_sessions,
                f"{duration(row.silent_s * 1e6)} ago",
                f"{row.instance_info.get('host', '-')} {row.instance_info.get('pid', '')}",
            ]
            for row in rows
        ),
        right=["load", "sessions"],
        giving=["where", "sessions", "load"],
    )
    share = availability(rows)
    if share is not None:
        remark(f"Healthy: {share:.0%} of those that did not stop by their own will.")


@orchestrators.command()
@click.argument("session")
@json_option
def owner(session: str, as_json: bool) -> None:
    """Tell which router works on a session, and who holds it for itself.

    Example: headway orchestrators owner 0199b1c2-7a60-7000-8000-000000000000
    """
    settings = load_settings()
    with _store(settings) as store:
        found = owners_of(store, settings, session)
    if as_json:
        print_json(found)
        return
    router, held = found["router"], found["held_by"]
    what = f"Session {session} lies in partition {found['partition']} of the routers"
    if router is None:
        say(f"{what}, which nobody has at this moment; `headway orchestrators` shows who works.")
    else:
        say(f"{what}, which {router['holder']} has (token {router['token']}).")
    if held is not None:
        say(f"{held['holder']} holds it for itself for {duration(held['left_s'] * 1e6)} more (token {held['token']}).")


@orchestrators.command()
@click.argument("sessions", nargs=-1)
@click.option("--for", "length", type=Duration(1_000_000), help="Stop after that long, as 30s; else at Ctrl-C.")
@json_option
def watch(sessions: tuple[str, ...], length: int | None, as_json: bool) -> None:
    """Tell what changes: who joins, dies and ends, who gets which partition, who holds the SESSIONS named.

    Example: headway orchestrators watch --for 1m
    """
    settings = load_settings()
    watched = Watch(settings, [of_session(session) for session in sessions])
    try:
        for change in watched.changes(None if length is None else length / 1e6):
            if as_json:
                print_json(change._asdict())
                continue
            what = {"line": "partition", "session": "session"}.get(change.what, change.what)
            at = datetime.now().strftime("%H:%M:%S")
            say(f"{at}  {what} {change.name}: {change.before or '-'} → {change.after or '-'}")
    except KeyboardInterrupt:
        pass
    finally:
        watched.close()


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    store = Store(settings)
    try:
        yield store
    except StoreDown as error:
        raise Unreachable(f"{error}. The line works without; owners are known again when Redis is back.") from error
    finally:
        store.close()
