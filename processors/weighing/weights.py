"""How much each agent is preferred among those who can do a task, tuned once a day by what people said and what ended.

A weight is 1 for everybody, and from 0.5 to 2. A day moves it by at most one step, such as the factor 1.1. What a day
showed of an agent is held against what it showed of the others at the same kinds of work (comparing.py), so that
neither hard work nor a strict public counts against anybody. The rest is

    target = 2 ** clear(belief)          belief: −1 … 1, 0 where nothing speaks for or against
    belief = (praise − blame + PRIOR · runs) / (praise + blame + PRIOR)

Praise and blame are what people's words say beyond what others got: a bad word blames by the share of good words that
others have, a good one praises by the share of bad ones. They are remembered, a tenth less each day, for most tasks
get no word. `runs`, the same of completed and failed tasks of the day alone, is what is believed before people speak:
it counts like PRIOR such words, and for half at most, as a success does (labels.py). A word more against an agent
never raises its weight, whatever else happened. Without evidence all fades, and the weight goes back to 1.
"""

from collections.abc import Mapping
from datetime import date
from math import inf, isfinite, log2

from processors.labels import COMPLETED
from processors.weighing.comparing import Sums, compared
from processors.weighing.day import Shown, Shows, totals
from schemas.events import AgentWeight

LEAST, MOST = 0.5, 2.0
BY = "weights"
"""Who sets a weight that no person set."""
ON = "on"
"""The setting `weights` with which a router counts with them."""
PRIOR = 4.0
"""Evidence in words that speak fully against, or for, before which a belief is less than half as strong as they are."""
UNCLEAR = 0.15
"""A belief no stronger than that moves nothing, a stronger one by what it is more: a word or two are no reason."""
KEPT = 0.9
"""Of praise and blame, from one day to the next."""
REMEMBERED = 20.0
"""Praise and blame that are kept at most: what was said of an agent that does nothing now is forgotten in weeks."""
_NEAR = 0.005
"""So near to 1 a weight without evidence is 1, and so little evidence none."""


def is_reckoned(known: Mapping[str, AgentWeight], day: date) -> bool:
    """Whether the weights after this day, or a later one, are there."""
    days = (_date(one["day"]) for one in known.values())
    return any(one is not None and one >= day for one in days)


def weigh(
    day: date, known: Mapping[str, AgentWeight], shows: Shows, *, step: float, applied: bool, now: int
) -> list[AgentWeight]:
    """The weights after a day, of all of whom there is something to say, by their ids. `step`: the factor, from 1 to 2,
    by which a day moves a weight at most; `applied`: whether the router counts with them. Days before this one that
    nobody reckoned move nothing: what is remembered only fades."""
    sums, whole = compared(shows), totals(shows)
    names = sorted(whole.keys() | {name for name, one in known.items() if _matters(one)})
    weighed = []
    for name in names:
        made = _blank(name, day.isoformat(), f"{name}/weight/{day.isoformat()}", now)
        made["applied"] = applied
        _weigh(made, day, known.get(name), whole.get(name, Shown()), sums.get(name, Sums()), step)
        weighed.append(made)
    return weighed


def set_by(
    agent_id: str, before: AgentWeight | None, weight: float, by: str, *, event_id: str, now: int
) -> AgentWeight:
    """A weight that a person sets. It counts from now on, and the days to come move it on from there."""
    made = _blank(agent_id, before["day"] if before else "", event_id, now)
    made["before"] = before["weight"] if before else 1.0
    made["weight"] = made["target"] = weight
    made["by"], made["reason"] = by, f"Set by {by}."
    return made


def counted(known: Mapping[str, AgentWeight], mode: str) -> dict[str, AgentWeight]:
    """Those that a router counts with when the setting `weights` is `mode`; whoever is not named has 1."""
    return {name: one for name, one in known.items() if mode == ON and one["applied"] and factor(one) != 1}


def factor(weight: AgentWeight | None) -> float:
    """A record that the line did not make may hold any number."""
    return _within(weight["weight"]) if weight else 1.0


def told(weight: AgentWeight) -> str:
    """The weight and what it rests on, among other reasons."""
    if weight["by"] != BY:
        return f"weight {factor(weight):.2f} (set by {weight['by']})"
    said = f": people called {weight['good']} good, {weight['bad']} bad" if weight["good"] + weight["bad"] else ""
    runs = f"; {weight['completed']} of {weight['runs']} runs completed" if weight["runs"] else ""
    return f"weight {factor(weight):.2f} (of {weight['day']}{said}{runs})"


# -- details ----------------------------------------------------------------------------------------------------------


def _weigh(made: AgentWeight, day: date, known: AgentWeight | None, shown: Shown, sums: Sums, step: float) -> None:
    # What a dry run came to was never in use: the first day that counts begins at 1, so that it too is one step.
    made["before"] = factor(known) if known and (known["applied"] or not made["applied"]) else 1.0
    made["runs"], made["completed"] = shown.runs, shown.completed
    made["good"], made["neutral"], made["bad"] = shown.good, shown.neutral, shown.bad
    made["praise"], made["blame"] = _remembered(known, day, sums)
    made["target"] = 2.0 ** _clear(_belief(made["praise"], made["blame"], sums))
    made["weight"] = _moved(made["before"], made["target"], step)
    made["reason"] = f"{_seen(made, sums)}: {_follows(made)}."


def _remembered(known: AgentWeight | None, day: date, sums: Sums) -> tuple[float, float]:
    praise, blame = (known["praise"], known["blame"]) if known else (0.0, 0.0)
    said = praise + blame
    if known is None or not (praise >= 0 <= blame and _NEAR < said < inf):
        return sums.praise, sums.blame
    kept = KEPT ** _days(known["day"], day) * min(1.0, REMEMBERED / said)
    if kept * said < _NEAR:
        return sums.praise, sums.blame
    return kept * praise + sums.praise, kept * blame + sums.blame


def _days(since: str, day: date) -> int:
    """One at least, and one where nothing was reckoned yet."""
    before = _date(since)
    return 1 if before is None else max(1, (day - before).days)


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _belief(praise: float, blame: float, sums: Sums) -> float:
    runs = COMPLETED * (sums.well - sums.badly) / (sums.well + sums.badly + PRIOR)
    return (praise - blame + PRIOR * runs) / (praise + blame + PRIOR)


def _clear(belief: float) -> float:
    rest = max(0.0, abs(belief) - UNCLEAR) / (1 - UNCLEAR)
    return rest if belief > 0 else -rest


def _moved(before: float, target: float, step: float) -> float:
    """A share of the way, and at most the step: so a steady world is come to without ever going beyond it."""
    start, way = log2(before), log2(target) - log2(before)
    moved = 2.0 ** (start + log2(step) * min(1.0, max(-1.0, way)))
    if abs(start) < _NEAR and (before - 1) * (target - 1) <= 0:  # 1 itself would never be come to
        moved = max(moved, 1.0) if before < 1 else min(moved, 1.0) if before > 1 else moved
    return _within(moved)


def _within(weight: float) -> float:
    return min(MOST, max(LEAST, weight)) if isfinite(weight) else 1.0


def _matters(known: AgentWeight) -> bool:
    return known["weight"] != 1 or known["praise"] + known["blame"] > 0


def _blank(name: str, day: str, event_id: str, now: int) -> AgentWeight:
    return {
        "event_id": event_id,
        "agent_id": name,
        "day": day,
        "at": now,
        "weight": 1.0,
        "before": 1.0,
        "target": 1.0,
        "applied": True,
        "by": BY,
        "reason": "",
        "runs": 0,
        "completed": 0,
        "good": 0,
        "neutral": 0,
        "bad": 0,
        "praise": 0.0,
        "blame": 0.0,
    }


def _seen(made: AgentWeight, sums: Sums) -> str:
    """The evidence, in words."""
    parts = []
    if made["good"] + made["neutral"] + made["bad"]:
        usual = "nobody else's" if sums.usual_words is None else f"others' worth {sums.usual_words:.0%}"
        neither = f", {made['neutral']} neither" if made["neutral"] else ""
        parts.append(f"people called {made['good']} answers good and {made['bad']} bad{neither} ({usual})")
    if made["runs"]:
        usual = "nobody else does such work" if sums.usual_runs is None else f"others {sums.usual_runs:.0%}"
        parts.append(f"{made['completed']} of {made['runs']} runs completed ({usual})")
    if made["praise"] + made["blame"] > sums.praise + sums.blame:
        parts.append("people's words of the days before count on")
    told = "; ".join(parts) or "nothing was seen of it"
    return told[0].upper() + told[1:]


def _follows(made: AgentWeight) -> str:
    before, weight, target = made["before"], made["weight"], made["target"]
    if weight == before:
        return f"it stays {weight:.2f}"
    where = "back towards 1" if target == 1 else f"on the way to {target:.2f}"
    return f"{before:.2f} → {weight:.2f}, {where}"
