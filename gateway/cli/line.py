"""`headway topics`: what the line holds, and how far its readers are."""

from typing import Any

import click

from gateway.cli.output import json_option, print_json, table
from gateway.history import QUIET, reach
from gateway.lag import lags
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
        giving=["events", "key", "kept", "parts", "readers behind"],
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
