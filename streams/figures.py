"""The dispatcher's metrics, read off the events it sends.

What a transaction that is given up had counted is counted again when it is done again.
"""

from typing import Any

from infra import metrics


class Figures:
    """Of one partition."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._pools: set[str] = set()
        self._readers = {
            "TaskAssigned": _assigned,
            "TaskMoved": _moved,
            "TaskOutcome": _outcome,
            "Evaluation": _evaluation,
            "PoolStatus": self._status,
        }

    def sent(self, event: str, value: Any) -> None:
        read = self._readers.get(event)
        if read is not None:
            read(value)

    def waiting(self, size: int) -> None:
        metrics.QUEUED_BYTES.labels(self._partition).set(size)

    def close(self) -> None:
        """Takes back what would stand for ever once another process has the partition."""
        metrics.QUEUED_BYTES.remove(self._partition)
        for pool in self._pools:
            for gauge in (metrics.QUEUED, metrics.SLOTS_TAKEN, metrics.SLOTS, metrics.INSTANCES):
                gauge.remove(pool)

    def _status(self, status: Any) -> None:
        pool = status["pool"]
        self._pools.add(pool)
        metrics.QUEUED.labels(pool).set(status["waiting"])
        metrics.SLOTS_TAKEN.labels(pool).set(status["running"])
        metrics.SLOTS.labels(pool).set(status["slots"])
        metrics.INSTANCES.labels(pool).set(status["instances"])


def _assigned(assigned: Any) -> None:
    if assigned["kind"] == "cancel":
        metrics.TAKEN_BACK.labels(assigned["pool"]).inc()
    elif assigned["attempt"] > 1:
        metrics.ATTEMPTS_AGAIN.labels(assigned["pool"]).inc()


def _moved(moved: Any) -> None:
    metrics.MOVED.labels(moved["from_agent_id"], moved["agent_id"]).inc()


def _outcome(outcome: Any) -> None:
    agent_id = outcome["agent_id"] or ""
    metrics.OUTCOMES.labels(agent_id, outcome["status"]).inc()
    # The submitter's clock may be ahead of ours.
    metrics.TASK.labels(agent_id).observe(max(0, outcome["finished_at"] - outcome["submitted_at"]) / 1e6)
    if outcome["started_at"] is not None:
        metrics.WAIT.labels(agent_id).observe(max(0, outcome["started_at"] - outcome["submitted_at"]) / 1e6)


def _evaluation(evaluation: Any) -> None:
    metrics.QUALITY.labels(evaluation["agent_id"]).observe(evaluation["quality"])
