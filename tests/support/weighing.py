"""Days of work and what people said of it, for tests of weights."""

from typing import Any

from processors.weighing.day import Shown, Shows
from schemas.events import AgentWeight


def shown(runs: int = 0, failed: int = 0, good: int = 0, neutral: int = 0, bad: int = 0) -> Shown:
    return Shown(runs, runs - failed, good, neutral, bad, good + neutral / 2)


def shows(kind: str = "code_review", **agents: Shown) -> Shows:
    """What a day showed of these agents at one kind of work."""
    return {(name, kind): one for name, one in agents.items()}


def weight(agent_id: str, value: float, **over: Any) -> AgentWeight:
    made: dict[str, Any] = {
        "event_id": f"{agent_id}/weight/2026-09-21",
        "agent_id": agent_id,
        "day": "2026-09-21",
        "at": 1_790_035_500_000_000,
        "weight": value,
        "before": 1.0,
        "target": value,
        "applied": True,
        "by": "weights",
        "reason": "People called 0 answers good and 9 bad (others' worth 84%): 1.00 → 0.94, on the way to 0.66.",
        "runs": 20,
        "completed": 19,
        "good": 0,
        "neutral": 0,
        "bad": 9,
        "praise": 0.0,
        "blame": 7.5,
    }
    return made | over  # type: ignore[return-value]
