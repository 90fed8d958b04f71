"""What an experiment will be able to tell, before it starts: for the form in which it is drafted."""

from itertools import islice
from typing import Any

from gateway.errors import BadInput
from gateway.experiments import CONTROL, now_us
from gateway.server.declare import Call, Reply, Route
from gateway.server.recent import Recent, Task
from gateway.server.routes.experiments import NEW
from gateway.server.services import Services
from gateway.server.shapes import Schema, many, number, or_null, record, ref, text, whole

SAMPLE_MAX = 20_000
"""Tasks that a plan learns from, the newest."""


async def plan(call: Call) -> Reply:
    found = await call.services.slow(_planned, call.services, call.body)
    return Reply(found)


def _planned(services: Services, body: dict[str, Any]) -> dict[str, Any]:
    from gateway import planning  # with numpy, and scipy
    from infra.warehouse.exposed import COLUMNS
    from processors.experiments import line
    from processors.experiments.estimates import BadData

    specs = body.get("metrics") or line.METRICS
    try:
        metrics = line.checked(specs, list(COLUMNS))
    except BadData as error:
        raise BadInput(str(error)) from error
    arms = dict.fromkeys((CONTROL, *body.get("arms", ("b",))))
    if len(arms) < 2:
        raise BadInput("An experiment has an arm beside control: name one, with its value.")
    split = body.get("split") or dict.fromkeys(arms, 1 / len(arms))
    if split.keys() != arms.keys():
        raise BadInput(f"The split names {', '.join(split)}, and the arms are {', '.join(arms)}.")
    wanted = planning.Planned(
        metric=metrics[0],
        split=split,
        unit=body.get("unit", "session"),
        cluster=body.get("cluster"),
        traffic=body.get("traffic", 1.0),
        comparisons=(len(arms) - 1) * len(metrics),
        sequential=body.get("mode", "sequential") != "fixed",
        days=body.get("days", 14.0),
        **{name: body.get(name) for name in ("effect", "power", "baseline", "deviation", "units_a_day")},
    )
    return planning.plan(wanted, _ended_lately(services.recent), services.following.freshness.as_of or now_us())


def _ended_lately(recent: Recent) -> list[Task]:
    ended = (task for some in recent.back_from(None) for task in some if task.ended)
    return list(islice(ended, SAMPLE_MAX))


# --- the declarations

_PLANNED: Schema = {
    **NEW,
    "description": "What is to be found out, as far as it is known, and what to plan with.",
    "required": [],
    "properties": NEW["properties"]
    | {
        "effect": number("Difference of the first metric from control that is to be found: 0.03, or -0.03."),
        "power": number("Share of such experiments that find it; 0.8 when left out.", minimum=0.01, maximum=0.999),
        "baseline": number("What the metric is today; else as it was lately."),
        "deviation": number("Standard deviation of a unit's value; else as it was lately.", exclusiveMinimum=0),
        "units_a_day": number("How many units come in a day; else as lately.", exclusiveMinimum=0, maximum=1e9),
    },
}
_OUTLOOK: Schema = record(
    "What an experiment of so many units will be able to tell.",
    {
        "mode": text("How it is judged."),
        "found": text("Which of effect, units and power was asked for.", enum=["effect", "units", "power"]),
        "effect": number("Difference from control that is found."),
        "units": whole("Units in all arms together."),
        "power": number("Share of such experiments that find it."),
        "arms": {"type": "object", "additionalProperties": {"type": "integer"}, "description": "Units by arm."},
        "days": or_null(number("Until that many have come; null: it is not known how many come.")),
        "expected_units": or_null(whole("Mean until the verdict, of a sequence.")),
        "expected_days": or_null(number("The same in days.")),
        "fixed_units": or_null(whole("What a single test at the end takes for the same.")),
        "baseline": or_null(number("What the metric is in control.")),
        "deviation": number("Of a unit's value."),
        "alpha": number("Share of experiments without an effect in which one is claimed."),
        "alpha_each": number("Of one comparison."),
        "comparisons": whole("Corrected for together."),
        "method": text("How it was reckoned."),
        "sentences": many(text(""), "All of it in words."),
    },
)
_SEEN = record(
    "What the tasks that ended lately tell of the metric.",
    {
        "tasks": whole("Tasks looked at."),
        "from_at": whole("When the oldest of them was handed in [µs, UTC]"),
        "to_at": whole("Until when [µs, UTC]"),
        "units": whole("Units with a value."),
        "units_a_day": or_null(number("Units that come in a day at this traffic; null where that is not known.")),
        "baseline": number("What the metric is."),
        "deviation": number("Of a unit's value."),
        "cluster_size": number("Units of a cluster; 1 where they stand alone."),
        "intraclass_correlation": number("How much alike a cluster's units are."),
    },
)
PARTS: dict[str, Schema] = {"Outlook": _OUTLOOK}


def _example_planned() -> dict[str, Any]:
    """As `plan` answers to the example of its body, of a line where 400 sessions come in a day."""
    needed: dict[str, Any] = {
        "mode": "fixed",
        "found": "units",
        "effect": 0.03,
        "units": 2711,
        "power": 0.8000390137081874,
        "arms": {"control": 1356, "quick": 1356},
        "days": 6.7775,
        "expected_units": None,
        "expected_days": None,
        "fixed_units": 2711,
        "baseline": 0.9,
        "deviation": 0.3,
        "alpha": 0.05,
        "alpha_each": 0.05,
        "comparisons": 1,
        "method": "one look: noncentral t, or the normal approximation of two proportions",
        "sentences": [
            "With 400 sessions a day it takes 7 days, 2,711 sessions, to find 3 points more (90 % to 93 %).",
            "By arm: control 1,356, quick 1,356.",
            "It is read once, at its end, and not before 14 days.",
        ],
    }
    seen: dict[str, Any] = {
        "tasks": 5000,
        "from_at": 1_790_000_000_000_000,
        "to_at": 1_790_259_200_000_000,
        "units": 1200,
    }
    seen |= {
        "units_a_day": 400.0,
        "baseline": 0.9,
        "deviation": 0.3,
        "cluster_size": 1.0,
        "intraclass_correlation": 0.0,
    }
    return {
        "metric": "completed",
        "seen": seen,
        "least": None,
        "needed": needed,
        "why_none": None,
        "sentences": needed["sentences"][:1],
    }


ROUTES = [
    Route(
        "POST",
        "/api/experiments/plan",
        plan,
        "admin",
        "Tell, before the start, what an experiment will be able to find",
        answer=record(
            "Of its first metric, which is the one planned for.",
            {
                "metric": text("The metric."),
                "seen": {"anyOf": [_SEEN, {"type": "null"}]},
                "least": {
                    "anyOf": [ref("Outlook"), {"type": "null"}],
                    "description": "The least effect that is found in `days`, at the traffic there is.",
                },
                "needed": {
                    "anyOf": [ref("Outlook"), {"type": "null"}],
                    "description": "What it takes to find `effect`; null without one.",
                },
                "why_none": or_null(text("Why something cannot be told, and what to give.")),
                "sentences": many(text(""), "The result in words."),
            },
        ),
        example=_example_planned,
        doc="Quick enough for a form: earlier data are the tasks in memory, and covariates are not counted on. "
        "`headway experiment plan` reckons in the same way from a table.",
        body=_PLANNED,
        body_examples=lambda: {
            "two values of a setting": {
                "parameter": "balancer",
                "arms": {"quick": "adaptive"},
                "metrics": ["completed:binary"],
                "mode": "fixed",
                "effect": 0.03,
            }
        },
    ),
]
