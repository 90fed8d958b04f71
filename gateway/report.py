"""What a batch of tasks came to, computed from its outcomes. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any


@dataclass
class AgentRow:
    agent_id: str
    tasks: int = 0
    completed: int = 0
    run_us: list[int] = field(default_factory=list)
    cost_usd_micros: int = 0

    @property
    def success(self) -> float:
        return self.completed / self.tasks

    @property
    def mean_run_us(self) -> float | None:
        return sum(self.run_us) / len(self.run_us) if self.run_us else None


@dataclass
class Report:
    tasks: int
    by_status: dict[str, int]
    retried: int
    redone: int
    to_start_us: list[int]
    to_finish_us: list[int]
    agents: list[AgentRow]
    cost_usd_micros: int
    tokens: int

    def as_json(self) -> dict[str, Any]:
        return {
            "tasks": self.tasks,
            "by_status": self.by_status,
            "retried": self.retried,
            "redone": self.redone,
            "to_start_ms": _spread_ms(self.to_start_us),
            "to_finish_ms": _spread_ms(self.to_finish_us),
            "agents": [
                {
                    "agent_id": a.agent_id,
                    "tasks": a.tasks,
                    "success": round(a.success, 4),
                    "mean_run_ms": None if a.mean_run_us is None else round(a.mean_run_us / 1000, 1),
                    "cost_usd_micros": a.cost_usd_micros,
                }
                for a in self.agents
            ],
            "cost_usd_micros": self.cost_usd_micros,
            "tokens": self.tokens,
        }


def percentile(values: Iterable[int], share: float) -> int | None:
    """The smallest value that at least this share of the values does not exceed; null when there are none."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None


def report_on(outcomes: Iterable[Mapping[str, Any]]) -> Report:
    """Agents by number of tasks, most first. A parent's cost is that of its items, so it is counted with them only."""
    seen = list(outcomes)
    agents: dict[str, AgentRow] = {}
    for outcome in seen:
        if outcome["agent_id"] is None:
            continue
        row = agents.setdefault(outcome["agent_id"], AgentRow(outcome["agent_id"]))
        row.tasks += 1
        row.completed += outcome["status"] == "completed"
        row.cost_usd_micros += outcome["cost_usd_micros"]
        if outcome["started_at"] is not None:
            row.run_us.append(outcome["finished_at"] - outcome["started_at"])
    leaves = [o for o in seen if not o["items"]]
    return Report(
        tasks=len(seen),
        by_status=dict(Counter(o["status"] for o in seen).most_common()),
        retried=sum(o["attempts"] - o["redos"] > 1 for o in seen),
        redone=sum(o["redos"] > 0 for o in seen),
        to_start_us=[o["started_at"] - o["submitted_at"] for o in seen if o["started_at"] is not None],
        to_finish_us=[o["finished_at"] - o["submitted_at"] for o in seen if o["status"] == "completed"],
        agents=sorted(agents.values(), key=lambda row: (-row.tasks, row.agent_id)),
        cost_usd_micros=sum(o["cost_usd_micros"] for o in leaves),
        tokens=sum(o["tokens_in"] + o["tokens_out"] for o in leaves),
    )


def _spread_ms(values: list[int]) -> dict[str, float | None]:
    return {
        name: None if (found := percentile(values, share)) is None else round(found / 1000, 1)
        for name, share in (("p50", 0.5), ("p99", 0.99))
    }
