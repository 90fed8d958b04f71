"""`headway samples`: what there is to learn from, as the joiner wrote it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import click

from gateway.cli.output import json_option, print_json, remark, table
from gateway.cli.submit import Duration
from gateway.errors import GatewayError
from gateway.history import reach, read, settle, since_of, whole_id
from gateway.sending import now_us
from gateway.units import duration, many
from infra.settings import Settings, load_settings

TOPIC = "training.samples"
_COLUMNS = ["task", "skill", "agent", "label", "feedback", "propensity", "router", "joined"]


@click.command()
@click.option("--task", "task_id", metavar="ID", help="Every revision of one task's sample.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Show at most this many.")
@click.option("--since", type=Duration(), default="24h", show_default=True, help="How far to look back.")
@json_option
def samples(task_id: str | None, limit: int, since: int, as_json: bool) -> None:
    """Show what there is to learn from: a sample a task, the newest first; of several revisions the last counts.

    \b
    Example: headway samples --since 7d
    Example: headway samples --task 5a3c1f0e8b11 --json
    """
    settings = load_settings()
    reach(settings)
    if task_id is not None:
        found, said = _of_task(settings, task_id), None
    else:
        newest = Newest(limit)
        for record in read(settings, TOPIC, since_us=max(0, now_us() - since)):
            newest.see(record.event)
        found, said = newest.samples(), f"{newest.words()} in the last {duration(since)}."
    if as_json:
        for sample in found:
            print_json(sample)
        return
    table(_COLUMNS, map(_row, found), right=["label", "propensity"], giving=["joined", "router", "propensity", "skill"])
    if said:
        remark(said)


class Newest:
    """Counts the tasks that have a sample, and keeps the `limit` that were joined last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._told: dict[str, tuple[int, float, str | None]] = {}
        """Task → revision, label and feedback of its newest sample: a day may have a million."""
        self._kept: dict[str, dict[str, Any]] = {}

    def see(self, sample: dict[str, Any]) -> None:
        task_id, revision = sample["task_id"], sample["revision"]
        if task_id in self._told and self._told[task_id][0] >= revision:
            return
        self._told[task_id] = (revision, sample["label"], sample["feedback"])
        self._kept[task_id] = sample
        if len(self._kept) > 4 * self._limit:
            self._kept = {kept["task_id"]: kept for kept in self.samples()}

    def samples(self) -> list[dict[str, Any]]:
        """Those joined last, the last first."""
        return sorted(self._kept.values(), key=lambda s: (s["at"], s["task_id"]), reverse=True)[: self._limit]

    def words(self) -> str:
        if not self._told:
            return "No sample"
        mean = sum(label for _, label, _ in self._told.values()) / len(self._told)
        said = Counter(feedback for _, _, feedback in self._told.values() if feedback)
        kinds = ", ".join(f"{said[kind]} {kind}" for kind in ("positive", "neutral", "negative") if said[kind])
        judged = f"{said.total()} with feedback ({kinds})" if said else "none with feedback"
        return f"{many(len(self._told), 'sample')}, {judged}, mean label {mean:.2f},"


def _of_task(settings: Settings, given: str) -> Iterable[dict[str, Any]]:
    task_id = whole_id(settings, given)
    settle(settings, TOPIC)
    records = read(settings, TOPIC, since_us=since_of(task_id), containing=task_id)
    found = {r.event["revision"]: r.event for r in records if r.event["task_id"] == task_id}
    if not found:
        raise GatewayError(
            f"Task {task_id} has no sample: it has not ended, or teaches nothing (docs/routing.md). "
            f"See `headway task {task_id}`."
        )
    return [found[revision] for revision in sorted(found, reverse=True)]


def _row(sample: dict[str, Any]) -> list[Any]:
    decided = sample["decided"]
    return [
        sample["task_id"],
        sample["skill"],
        sample["agent_id"],
        f"{sample['label']:.2f}",
        sample["feedback"],
        f"{decided['propensity']:.3g}",
        decided["router"],
        f"{duration(max(0, now_us() - sample['at']))} ago",
    ]
