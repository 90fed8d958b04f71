"""Definitions, pool states and tasks with everything filled in, for tests that care about one or two fields."""

from typing import Any

from schemas.events import AgentDefinition, PoolStatus, SkillDefinition, TaskSubmitted
from tests.support.world import submission


def agent(agent_id: str, *capabilities: str, **over: Any) -> AgentDefinition:
    return {  # type: ignore[return-value]
        "agent_id": agent_id,
        "description": agent_id,
        "role": "standard",
        "capabilities": list(capabilities),
        "perspectives": [],
        "keywords": [],
        "fallback": False,
        "runner": "auto",
        "model": None,
        "max_tokens": 1024,
        "instances": 2,
        "prompt": "Do it.",
        "removed": False,
        "updated_at": 0,
    } | over


def skill(name: str, **over: Any) -> SkillDefinition:
    return {  # type: ignore[return-value]
        "skill": name,
        "description": name,
        "category": "",
        "words": [],
        "capabilities": [],
        "preferred": [],
        "fallback": [],
        "cost_weight": 0.3,
        "performance_weight": 0.7,
        "removed": False,
        "updated_at": 0,
    } | over


def registry(*agents: AgentDefinition) -> dict[str, AgentDefinition]:
    return {a["agent_id"]: a for a in agents}


def pool(agent_id: str, **over: Any) -> PoolStatus:
    return {  # type: ignore[return-value]
        "event_id": f"{agent_id}/0",
        "pool": agent_id,
        "agent_id": agent_id,
        "at": 0,
        "waiting": 0,
        "waiting_max": 1000,
        "running": 0,
        "slots": 10,
        "instances": 2,
        "oldest_wait_ms": 0,
        "completed": 0,
        "failed": 0,
        "mean_response_ms": 0.0,
        "error_rate": 0.0,
        "load_score": 0.0,
    } | over


def task(text: str, **over: Any) -> TaskSubmitted:
    fields: Any = {"session_id": "s-1", "tenant_id": "default", "text": text} | over
    return submission(fields.pop("task_id", "t-1"), **fields)  # type: ignore[return-value]
