"""Experiments as a report tells of them, from simulated data, for trying reports out without a line."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from gateway.reports.told import Told
from processors.experiments.metrics import parse
from processors.experiments.report import Plan
from processors.experiments.rows import Rows
from processors.experiments.story import story

START = 1_790_000_000_000_000
DAY_US = 86_400_000_000
METRICS = ("success:binary", "response_ms:mean:lower", "cost_usd/tasks:ratio:lower")


def told(
    units: int = 6000,
    arms: Sequence[str] = ("control", "b"),
    lift: float = 0.04,
    *,
    harm: float = 0.0,
    days: int = 9,
    seed: int = 7,
    metrics: Sequence[str] = METRICS,
    guardrails: Sequence[str] = ("redos:mean:lower",),
    shares: Sequence[float] | None = None,
    plan: dict[str, Any] | None = None,
    **over: Any,
) -> Told:
    """`lift` is what each arm after the first adds to success, times its place; `harm` makes it slower likewise."""
    random, names = np.random.default_rng(seed), tuple(arms)
    of_unit = random.choice(len(names), units, p=shares)
    success = random.random(units) < 0.78 + lift * of_unit
    columns = {
        "success": success.astype(np.float64),
        "response_ms": random.lognormal(8.4 + harm * of_unit, 0.7, units).round(),
        "cost_usd": random.gamma(2.0, 0.004, units),
        "tasks": random.integers(1, 5, units).astype(np.float64),
        "redos": random.poisson(0.2, units).astype(np.float64),
    }
    rows = Rows(names, np.arange(units), of_unit, columns)
    times = np.sort(START + random.integers(0, days * DAY_US, units))
    asked = Plan(
        [parse(spec, list(columns)) for spec in metrics],
        [parse(spec, list(columns)) for spec in guardrails],
        **{"control": names[0]} | (plan or {}),
    )
    exposed = np.bincount(of_unit, minlength=len(names)).tolist()
    told_of: dict[str, Any] = {
        "name": "router-2",
        "question": "Does the second router choose agents whose answers are accepted more often?",
        "parameter": "router",
        "arms": {name: f"rules/{i + 1}" for i, name in enumerate(names)},
        "split": {name: 1 / len(names) for name in names},
        "unit": "session",
        "layer": "routing",
        "status": "running",
        "started_at": START,
        "ended_at": None,
        "range_from": START,
        "range_to": int(times[-1]) + 1,
        "data_hash": hashlib.sha256(columns["success"].tobytes()).hexdigest(),
        "story": story(rows, times, asked),
        "why_none": None,
        "funnel": {
            name: [
                ("exposed", exposed[i] + 40),
                ("started", exposed[i] + 12),
                ("completed", exposed[i]),
                ("accepted at the first attempt", int(success[of_unit == i].sum())),
            ]
            for i, name in enumerate(names)
        },
        "history": [
            (START - 3_600_000_000, "created", "mika", ""),
            (START, "started", "mika", "with the release of Monday"),
        ],
        "next_step": "Adopt it: headway experiment adopt router-2 b",
    }
    return Told(**told_of | over)


def early(**over: Any) -> Told:
    """Nothing can be said yet."""
    why = "control has 12 sessions and b 9; a look takes 50 in each"
    return told(60, story=None, why_none=why, next_step="Wait: headway experiment show router-2", **over)


HOSTILE = "</title><script>alert(1)</script>\x1b[31m\u202e|`*[x](javascript:1)&amp;\n\"'"


def hostile() -> Told:
    """Every name and text that people choose is an attack."""
    control, arm, metric = f"{HOSTILE}0", f"{HOSTILE}1", HOSTILE
    random = np.random.default_rng(1)
    rows = Rows(
        (control, arm), np.arange(400), np.tile([0, 1], 200), {metric: random.random(400), "z": random.random(400)}
    )
    asked = Plan([parse(metric, [metric, "z"])], [parse("z:lower", [metric, "z"])], control=control)
    shown = told(name=HOSTILE, question=HOSTILE, parameter=HOSTILE, layer=HOSTILE, status=HOSTILE, unit=HOSTILE)
    return Told(
        **vars(shown)
        | {
            "arms": {control: HOSTILE, arm: HOSTILE},
            "split": {control: 0.5, arm: 0.5},
            "story": story(rows, START + np.arange(400), asked),
            "funnel": {control: [(HOSTILE, 9)], arm: [(HOSTILE, 8)]},
            "history": [(START, HOSTILE, HOSTILE, HOSTILE)],
            "next_step": HOSTILE,
        }
    )
