"""The way to a choice as clients are told it: what the text was found to be, its skill, its model, its agent. Pure."""

from collections.abc import Mapping
from typing import Any

TOLD = ("analyse", "skill", "model", "agent")
"""Steps that are told live and in a conversation; how the rules and the model compare is with the task."""

RESULT_CHARS, REASON_CHARS = 120, 400
"""Of each: four of them go with every task that is routed."""


def way_of(decision: Mapping[str, Any]) -> list[dict[str, str]]:
    """In the order in which they were taken; none where the task did not need it, as when an agent was named."""
    told = [one for one in decision["steps"] if one["step"] in TOLD][: len(TOLD)]
    return [
        {
            "step": one["step"],
            "result": short(one["result"], RESULT_CHARS),
            "reason": short(one["reason"], REASON_CHARS),
        }
        for one in told
    ]


def short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
