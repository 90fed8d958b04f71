"""`headway topics` and `headway agents`: what the line holds, and who works."""

from typing import Any

import click

from gateway.cli.output import json_option, print_json, table
from gateway.fleet import agent_rows
from gateway.history import QUIET, newest_by_key, reach, read
from gateway.lag import lags
from gateway.sending import now_us
from gateway.units import duration
from infra import kafka
from infra.settings import Settings, load_settings
from schemas.topics import TOPICS, Topic


@click.command()
@json_option
def topics(as_json: bool) -> None:
    """Show the topics, how much they hold, and how far their readers are.

    Example: headway topics
    """
    settings = load_settings()
    reach(settings)
    behind = lags(settings)
    rows = [_topic_row(settings, topic, behind.get(topic.name, {})) for topic in TOPICS.values()]
    if as_json:
        for row in rows:
            print_json(row)
        return
    table(
        ["topic", "parts", "offsets", "kept", "key", "readers behind", "events"],
        (
            [
                row["topic"],
                row["partitions"],
                row["end_offsets"],
                "newest" if row["compacted"] else f"{row['retention_ms'] // 86_400_000} d",
                row["key"],
                ", ".join(f"{reader} {count}" for reader, count in row["behind"].items()) or None,
                ", ".join(row["events"]),
            ]
            for row in rows
        ),
        right=["parts", "offsets"],
    )


def _topic_row(settings: Settings, topic: Topic, behind: dict[str, int]) -> dict[str, Any]:
    end_offsets = kafka.ends(settings, topic.name, **QUIET)
    return {
        "topic": topic.name,
        "partitions": len(end_offsets),
        "end_offsets": sum(end_offsets.values()),
        "compacted": topic.compacted,
        "retention_ms": topic.retention_ms,
        "key": topic.key,
        "events": list(topic.events),
        "behind": behind,
    }


@click.command()
@json_option
def agents(as_json: bool) -> None:
    """Show the agents, their live instances and their load.

    Example: headway agents --json
    """
    settings = load_settings()
    reach(settings)
    now = now_us()
    # Two leases back: an instance that was not heard of for longer is gone.
    since = now - int(2_000_000 * settings.lease_s)
    rows = agent_rows(
        newest_by_key(settings, "agents.registry").values(),
        newest_by_key(settings, "pools.status").values(),
        (record.event for record in read(settings, "agents.heartbeats", since_us=since)),
        heard_since_us=now - int(1_000_000 * settings.lease_s),
    )
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
    )
