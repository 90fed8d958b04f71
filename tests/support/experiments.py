"""An experiment for tests."""

from typing import Any

from schemas.events import Experiment


def experiment(name: str = "quick", **over: Any) -> Experiment:
    """A draft: control and b, half and half of all sessions."""
    arms = [
        {"name": "control", "value": "weighted_round_robin", "share": 5000, "stopped": False},
        {"name": "b", "value": "adaptive", "share": 5000, "stopped": False},
    ]
    plan: Any = {
        "experiment": name,
        "version": 1,
        "change": "created",
        "at": 1_000_000,
        "by": "test",
        "reason": "",
        "question": "",
        "status": "draft",
        "parameter": "balancer",
        "arms": arms,
        "control": "control",
        "unit": "session",
        "layer": "balancer",
        "first_bucket": -1,
        "buckets": 10_000,
        "metrics": ["completion_ms:mean:lower"],
        "guardrails": [],
        "covariates": [],
        "cluster": None,
        "mode": "sequential",
        "days": 14.0,
        "adopt_winner": False,
        "created_at": 1_000_000,
        "started_at": None,
        "ran_ms": 0,
        "ended_at": None,
        "adopted": None,
    }
    made: Experiment = plan | over
    return made


def running(name: str = "quick", **over: Any) -> Experiment:
    return experiment(name, **{"status": "running", "first_bucket": 0, "started_at": 1_000_000} | over)
