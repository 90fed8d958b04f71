"""The result of a run: its figures, whether its targets hold, and both as text. Pure, and the same for the same run."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from lab.scale.mix import SECOND, URGENT
from lab.scale.scenario import AGENTS, Scenario
from lab.scale.tally import THERE, Minute, Tally
from lab.scale.weighing import Waits, weighed

_BARS = "▁▂▃▄▅▆▇█"
_CHART = 60
"""Columns of a chart in the terminal."""
_POINTS = 1440
"""Of a series in JSON, at the most."""
_REASONS = 8


def figures(tally: Tally, scenario: Scenario, *, agents: int, slots: int, left: int) -> dict[str, Any]:
    """All that a run tells, ready for JSON. `left`: what the dispatchers still hold."""
    whole = weighed(tally)
    counts = whole.counts
    by_status = {str(status): counts[what, status] for what, status in sorted(counts) if what == "status"}
    refused = by_status.get("refused", 0)
    accepted = whole.handed_in - refused
    bad = sum(by_status.get(status, 0) for status in ("failed", "dead_lettered"))
    every = Waits.joined(whole.waits.values()).quantiles()
    urgent = Waits.joined(waits for priority, waits in whole.waits.items() if priority <= URGENT).quantiles()
    recovered = Waits(np.array(tally.recovered, np.int64), np.ones(len(tally.recovered))).quantiles()
    passed = tally.passed_minutes
    counted_minutes = (tally.end - tally.warm) / 60 / SECOND + passed
    times = agents / AGENTS
    told: dict[str, Any] = {
        "simulated_minutes": _rounded((tally.end - tally.begin) / 60 / SECOND, 4),
        "passed_over_minutes": passed,
        "handed_in": whole.handed_in,
        "accepted": accepted,
        "outcomes": by_status,
        "refused_by_priority": {str(sort): counts[what, sort] for what, sort in sorted(counts) if what == "refused"},
        "lost": len(tally.open),
        "doubled": tally.doubled,
        "left": left,
        "attempts_again": counts["again", ""],
        "throughput_per_minute": _rounded(whole.in_time / counted_minutes / times, 2),
        "completed_of_offered": _share(by_status.get("completed", 0), whole.handed_in),
        "completed_of_accepted": _share(by_status.get("completed", 0), accepted),
        "errors": _share(bad, accepted),
        "refused": _share(refused, whole.handed_in),
        "wait_s": every,
        "wait_s_by_priority": {str(priority): waits.quantiles() for priority, waits in whole.waits.items()},
        "wait_p50_s": every["p50"],
        "wait_p99_s": every["p99"],
        "wait_p99_urgent_s": urgent["p99"],
        "utilisation": _share(counts["busy", "us"], counts[THERE] * slots),
        "spread_by_agent": (spreads := _spreads(tally)),
        "spread": max(spreads.values(), default=None),
        "kills": tally.kills,
        "recovery_s": recovered,
        "recovery_max_s": recovered["max"],
        "not_recovered": len(tally.hit),
        "health": dict(sorted(tally.events.items())),
        "scalings": [_scaling(tally, decision) for decision in tally.scalings],
        "instances": _ends([minute.instances for minute in whole.minutes]),
        "growth": _growth(tally.minutes) if len(scenario.phases) == 1 else None,
        "tokens": counts["tokens", ""],
        "cost_usd_micros": counts["cost", "usd_micros"],
        "minutes": series(whole.minutes),
    }
    told["targets"] = [
        {"target": str(target), "value": told[target.figure], "holds": target.holds(told[target.figure])}
        for target in scenario.targets
    ]
    return told


def _growth(minutes: list[Minute]) -> float | None:
    """By what share the dispatchers keep more in the last fifth of the simulated minutes than in the second one."""
    fifth = len(minutes) // 5
    if not fifth:
        return None
    early, late = (sum(m.held for m in part) for part in (minutes[fifth : 2 * fifth], minutes[len(minutes) - fifth :]))
    return _share(late - early, early)


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
    return {"minute": _rounded(tally.scenario_us(decision["at"]) / 60 / SECOND, 1)} | {n: decision[n] for n in names}


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
        *_passed_words(found),
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
    if found["growth"] is not None:
        rows.append(
            ("growth of what is kept", f"{found['growth']:+.1%} by the dispatchers, at the end beside early on")
        )
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


def _passed_words(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    simulated, passed = found["simulated_minutes"], found["passed_over_minutes"]
    if not passed:
        return []
    return [
        ("minutes simulated", f"{simulated:g}, and {passed:g} passed over, for one was like another"),
        ("", "tasks, waits, utilisation and cost: of the simulated ones, and an estimate of the others"),
        ("", "lost, doubled, left, health, spread, growth: of the simulated ones alone"),
    ]


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
