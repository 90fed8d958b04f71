"""The result of the campaign as text: for the terminal, and as a section of the page. Pure."""

import math
from collections.abc import Mapping
from typing import Any

from lab.learning import world
from lab.learning.campaign import Ended, Result, share

BLOCK = 250
"""Tasks of one point of the curve."""
IN_USE_BAR_S = 5.0


def curve(result: Result) -> list[tuple[str, int, float, float]]:
    """Phase, tasks until then, share that completed, and half the width of its 95 % interval."""
    points, before = [], 0
    for phase, ended in result.phases.items():
        for first in range(0, len(ended), BLOCK):
            block = ended[first : first + BLOCK]
            p = share(block)
            before += len(block)
            points.append((phase, before, p, 1.96 * math.sqrt(p * (1 - p) / len(block))))
    return points


def hard_tasks(ended: list[Ended]) -> tuple[float, float]:
    """Of the tasks that no team is good at: share that completed, and share that the newcomer had."""
    hard = [one for one in ended if one.subject == world.HARD]
    return share(hard), sum(one.agent_id == world.NEWCOMER for one in hard) / max(1, len(hard))


def figures(result: Result) -> dict[str, Any]:
    report = result.experiment["report"]["metrics"]["completed"]
    rules, hybrid = report["rules"], report["control"]
    return {
        **{f"completed {phase}": round(share(ended), 4) for phase, ended in result.phases.items()},
        "train_s": [round(training["seconds"], 1) for training in result.trainings],
        "gate": [training["status"] for training in result.trainings],
        "in_use_s": round(result.in_use_s, 2),
        "samples": [training["samples"] for training in result.trainings],
        "models": [training["kind"] for training in result.trainings],
        "ab_rules": round(rules["mean"], 4),
        "ab_learned": round(hybrid["mean"], 4),
        "ab_low": round(rules["cs"][0], 4),
        "ab_high": round(rules["cs"][1], 4),
        "verdict": result.experiment["verdict"],
        "hard_before": round(hard_tasks(result.phases["learned again"])[0], 4),
        "hard_after": round(hard_tasks(result.phases["learned once more"])[0], 4),
        "newcomer_at_first": round(hard_tasks(result.phases["with the newcomer"])[1], 4),
        "newcomer_next": round(hard_tasks(result.phases["learned of the newcomer"])[1], 4),
        "newcomer_share": round(hard_tasks(result.phases["learned once more"])[1], 4),
    }


def holds(result: Result) -> bool:
    """Whether what was learned is better than the rules beyond chance, is in use in time, and the newcomer got work."""
    found = figures(result)
    return bool(found["ab_high"] < 0 and found["in_use_s"] <= IN_USE_BAR_S and found["newcomer_share"] > 0)


def table(result: Result) -> str:
    rows = [f"{tasks:>6}  {p:6.1%} ± {half:5.1%}  {phase}" for phase, tasks, p, half in curve(result)]
    return "\n".join(["  task  completed        phase", *rows, str(figures(result))])


def page(result: Result, about: Mapping[str, str], command: str) -> str:
    found = figures(result)
    rows = [f"| {tasks:,} | {phase} | {p:.1%} ± {half:.1%} |" for phase, tasks, p, half in curve(result)]
    return "\n".join(
        [
            f"`{command}`, {about['date']}, {about['machine']}.",
            "",
            f"Six agents that look alike to the rules; each subject but one has an agent that succeeds at "
            f"{world.GOOD:.0%} of its tasks, the others at {world.POOR:.0%}, which only outcomes tell. Before the "
            f"newcomer {world.BEST:.0%} is the most. Models were trained from {_numbers(found['samples'])} samples of "
            f"the line in {_numbers(found['train_s'])} s ({', '.join(found['models'])}; the gate: "
            f"{', '.join(found['gate'])}), and the first was in use {found['in_use_s']} s after its promotion.",
            "",
            "| tasks so far | phase | completed |",
            "| --- | --- | --- |",
            *rows,
            "",
            f"Held against each other in an experiment (`routing`, unit task): learned {found['ab_learned']:.1%}, "
            f"rules {found['ab_rules']:.1%}; rules less learned {found['ab_low']:+.1%} to {found['ab_high']:+.1%}. A "
            f"new agent came whose file says that it knows `{world.HARD}`, which no team is good at, with nothing "
            f"started again: it had {found['newcomer_at_first']:.0%} of those tasks at first, "
            f"{found['newcomer_next']:.0%} after the next training, {found['newcomer_share']:.0%} after one more; "
            f"{found['hard_before']:.0%} of them completed before it came, {found['hard_after']:.0%} in the end.",
        ]
    )


def _numbers(values: list[float]) -> str:
    return ", ".join(f"{value:,g}" for value in values)
