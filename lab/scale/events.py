"""The events that the model makes itself, in place of the router, the agents' files and whoever changes sizes."""

from collections.abc import Mapping

from lab.scale.mix import Arrival
from processors.scaling.autoscaler import BY
from schemas.events import AgentDefinition, AgentDesired, RoutingDecision, ScalingDecision


def definition(agent_id: str, instances: int, now: int) -> AgentDefinition:
    return {
        "agent_id": agent_id,
        "description": "",
        "role": "standard",
        "capabilities": [],
        "perspectives": [],
        "keywords": [],
        "fallback": False,
        "runner": "simulated",
        "model": None,
        "max_tokens": 1024,
        "instances": instances,
        "prompt": "",
        "removed": False,
        "updated_at": now,
    }


def wish(made: ScalingDecision, of_zones: Mapping[str, int]) -> AgentDesired:
    """What the autoscaler asks for when it carries a decision out."""
    return {
        "event_id": made["event_id"],
        "agent_id": made["agent_id"],
        "zones": [{"zone": zone, "instances": count} for zone, count in of_zones.items()],
        "at": made["at"],
        "by": BY,
        "reason": made["reason"],
    }


def decision(arrival: Arrival, task: bytes, now: int) -> RoutingDecision:
    """The submitter names the agent, so that the router has nothing to choose."""
    return {
        "event_id": f"{arrival.task_id}/decision",
        "task_id": arrival.task_id,
        "session_id": arrival.session,
        "tenant_id": arrival.tenant,
        "decided_at": now,
        "agent_id": arrival.kind.agent_id,
        "pool": arrival.kind.agent_id,
        "skill": arrival.kind.skill,
        "task": task,
        "model": arrival.kind.model or None,
        "complexity": 0.1,
        "confidence": 1.0,
        "propensity": 1.0,
        "router": "named",
        "reason": "",
        "candidates": [],
        "refusal": None,
        "exposures": [],
        "settings": [],
        "decided": None,
        "steps": [],
        "alternative": None,
    }
