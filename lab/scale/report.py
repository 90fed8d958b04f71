"""The result of a run: its figures, whether its targets hold, and both as text. Pure, and the same for the same run."""

from array import array
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from lab.scale.mix import SECOND, URGENT
from lab.scale.scenario import AGENTS, Scenario
from lab.scale.tally import Minute, Tally

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
_BARS = "▁▂▃▄▅▆▇█"
_CHART = 60
"""Columns of a chart in the terminal."""
_POINTS = 1440
"""Of a series in JSON, at the most."""
_REASONS = 8


def figures(tally: Tally, scenario: Scenario, *, agents: int, slots: int, left: int) -> dict[str, Any]:
    """All that a run tells, ready for JSON. `left`: what the dispatchers still hold."""
    by_status = dict(sorted(tally.statuses.items()))
    refused = by_status.get("refused", 0)
    accepted = tally.handed_in - refused
    bad = sum(by_status.get(status, 0) for status in ("failed", "dead_lettered"))
    waits = {priority: _waits(values) for priority, values in sorted(tally.waits.items())}
    every = _waits(_joined(tally.waits.values()))
    urgent = _waits(_joined(values for priority, values in tally.waits.items() if priority <= URGENT))
    recovered = _waits(tally.recovered)
    slot_time = sum(tally.was_there.values()) * slots
    times = agents / AGENTS
    told: dict[str, Any] = {
        "handed_in": tally.handed_in,
        "accepted": accepted,
        "outcomes": by_status,
        "refused_by_priority": {str(priority): count for priority, count in sorted(tally.refused.items())},
        "lost": len(tally.open),
        "doubled": tally.doubled,
        "left": left,
        "attempts_again": tally.again,
        "throughput_per_minute": _rounded(tally.in_time / ((tally.end - tally.warm) / 60 / SECOND) / times, 2),
        "completed_of_offered": _share(by_status.get("completed", 0), tally.handed_in),
        "completed_of_accepted": _share(by_status.get("completed", 0), accepted),
        "errors": _share(bad, accepted),
        "refused": _share(refused, tally.handed_in),
        "wait_s": every,
        "wait_s_by_priority": {str(priority): found for priority, found in waits.items()},
        "wait_p50_s": every["p50"],
        "wait_p99_s": every["p99"],
        "wait_p99_urgent_s": urgent["p99"],
        "utilisation": _share(sum(tally.busy.values()), slot_time),
        "spread_by_agent": (spreads := _spreads(tally)),
        "spread": max(spreads.values(), default=None),
        "kills": tally.kills,
        "recovery_s": recovered,
        "recovery_max_s": recovered["max"],
        "not_recovered": len(tally.hit),
        "health": dict(sorted(tally.events.items())),
        "scalings": [_scaling(tally, decision) for decision in tally.scalings],
        "instances": _ends([minute.instances for minute in tally.minutes]),
        "tokens": tally.tokens,
        "cost_usd_micros": tally.cost_usd_micros,
        "minutes": series(tally.minutes),
    }
    told["targets"] = [
        {"target": str(target), "value": told[target.figure], "holds": target.holds(told[target.figure])}
        for target in scenario.targets
    ]
    return told


def _waits(values: "array[int]") -> dict[str, float | None]:
    """Quantiles by nearest rank, and the longest [s]."""
    if not values:
        return {**dict.fromkeys(_QUANTILES), "max": None}
    ordered = np.sort(np.frombuffer(values, dtype=np.int64))
    last = len(ordered) - 1
    found = {name: int(ordered[min(last, int(len(ordered) * share))]) for name, share in _QUANTILES.items()}
    return {name: _rounded(us / SECOND, 3) for name, us in {**found, "max": int(ordered[last])}.items()}


def _joined(parts: Iterable["array[int]"]) -> "array[int]":
    whole = array("q")
    for part in parts:
        whole.extend(part)
    return whole


def _spreads(tally: Tally) -> dict[str, float]:
    """By agent: busiest less idlest beside their mean, of the instances that were there nearly always."""
    span = tally.end - tally.begin
    shares: dict[str, list[float]] = {}
    for name, there in tally.was_there.items():
        if there >= 0.9 * span:
            agent_id = name.rpartition("-")[0].partition("@")[0]
            shares.setdefault(agent_id, []).append(tally.busy[name] / there)
    means = {agent_id: sum(of) / len(of) for agent_id, of in shares.items() if len(of) > 1}
    return {a: _rounded((max(shares[a]) - min(shares[a])) / mean, 4) for a, mean in sorted(means.items()) if mean}


def _scaling(tally: Tally, decision: Mapping[str, Any]) -> dict[str, Any]:
    names = ("agent_id", "before", "after", "reason")
    return {"minute": _rounded((decision["at"] - tally.begin) / 60 / SECOND, 1)} | {n: decision[n] for n in names}


def _ends(values: list[int]) -> dict[str, int | None]:
    if not values:
        return dict.fromkeys(("first", "least", "most", "last"))
    return {"first": values[0], "least": min(values), "most": max(values), "last": values[-1]}


def series(minutes: list[Minute], points: int = _POINTS) -> dict[str, list[int]]:
    """The newest value of each step of a minute or more, in so many steps at the most; of what ended, the sum."""
    step = max(1, -(-len(minutes) // points))
    parts = [minutes[first : first + step] for first in range(0, len(minutes), step)]
    newest = {name: [getattr(part[-1], name) for part in parts] for name in ("instances", "waiting", "running")}
    return {"step": [step], **newest, "completed": [sum(minute.ended for minute in part) for part in parts]}


def _share(part: float, whole: float) -> float | None:
    return _rounded(part / whole, 5) if whole else None


def _rounded(value: float, digits: int) -> float:
    return round(float(value), digits)


# --- as text


def table(found: Mapping[str, Any], title: str, about: str) -> str:
    """One scenario for the terminal."""
    outcomes = ", ".join(f"{count:,} {status}" for status, count in found["outcomes"].items())
    rows = [
        ("tasks", f"{found['handed_in']:,} handed in: {outcomes}"),
        ("lost, doubled, left", f"{found['lost']}, {found['doubled']}, {found['left']}"),
        ("attempts after the first", f"{found['attempts_again']:,}"),
        ("completed a minute", f"{found['throughput_per_minute']:,.1f} for {AGENTS} instances"),
        ("wait, all", _wait_words(found["wait_s"])),
        *((f"wait, priority {p}", _wait_words(waits)) for p, waits in found["wait_s_by_priority"].items()),
        ("utilisation of slots", _percent(found["utilisation"])),
        ("spread of load", ", ".join(f"{name} {_percent(s)}" for name, s in found["spread_by_agent"].items()) or "–"),
        ("health", ", ".join(f"{count} {what}" for what, count in found["health"].items()) or "nothing to tell"),
    ]
    if found["kills"]:
        rows.append((f"work of {found['kills']} dead hosts", f"elsewhere after {_wait_words(found['recovery_s'])}"))
    rows.append(("cost", f"${found['cost_usd_micros'] / 1e6:,.2f}, {found['tokens'] / 1e6:,.1f} million tokens"))
    ends = found["instances"]
    rows.append(("instances", f"{ends['first']} → {ends['last']} ({ends['least']} to {ends['most']})"))
    rows += [(name, _spark(found["minutes"][name])) for name in ("instances", "waiting", "completed")]
    lines = [title, about, ""] + [f"  {name:<24} {value}" for name, value in rows]
    lines += ["", f"  {len(found['scalings'])} changes of size"]
    lines += [f"    {_scaling_words(change)}" for change in found["scalings"][:_REASONS]]
    if len(found["scalings"]) > _REASONS:
        lines.append(f"    and {len(found['scalings']) - _REASONS} more (--json has all)")
    lines += ["", "  targets"]
    for target in found["targets"]:
        value = "nothing was measured" if target["value"] is None else f"{target['value']:g}"
        lines.append(f"    {'PASS' if target['holds'] else 'FAIL'}  {target['target']}: {value}")
    return "\n".join(lines)


def _scaling_words(change: Mapping[str, Any]) -> str:
    return (
        f"minute {change['minute']:g}: {change['agent_id']} {change['before']} → {change['after']}. {change['reason']}"
    )


def _wait_words(waits: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {'–' if value is None else f'{value:,.3g} s'}" for name, value in waits.items())


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _spark(values: list[int]) -> str:
    """The greatest value of each part of the time, from none to the most there was."""
    if not values:
        return ""
    columns = min(_CHART, len(values))
    edges = [len(values) * column // columns for column in range(columns + 1)]
    tops = [max(values[low:high]) for low, high in pairwise(edges)]
    most = max(tops)
    bars = "".join(_BARS[round(top / most * (len(_BARS) - 1))] if most else _BARS[0] for top in tops)
    return f"{bars} at most {most:,}"
