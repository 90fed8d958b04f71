"""The result of the campaign as text: for the terminal, and as a section of the page. Pure."""

from collections.abc import Mapping
from typing import Any

from lab.disconnects.campaign import Result

KINDS = {
    "socket": "WebSocket, by hand",
    "events": "server-sent events, by hand",
    "asyncio": "Python client",
    "threads": "Python client without asyncio",
    "browser": "JavaScript client",
}
_SHOWN = 5


def figures(result: Result) -> dict[str, Any]:
    verdicts = [verdict for _, verdict in result.clients]
    counts = {
        name: sum(len(getattr(v, name)) for v in verdicts) for name in ("missing", "twice", "unknown", "disorder")
    }
    return {
        "passed": result.holds,
        "disconnects": result.disconnects,
        "seconds": round(result.seconds),
        "tasks": result.tasks,
        "events": result.facts,
        "told": sum(v.told for v in verdicts),
        "gaps": len(result.gaps),
        **counts,
        "late": sum(v.late for v in verdicts),
        "harm": dict(result.harm),
        "closes": dict(result.closes),
    }


def table(result: Result) -> str:
    lines = [f"{'client':<32}{'clients':>8}{'told':>10}{'missing':>9}{'twice':>7}{'disorder':>10}{'late':>7}"]
    for kind, label in KINDS.items():
        verdicts = [verdict for heard, verdict in result.clients if heard.kind == kind]
        if verdicts:
            told, late = sum(v.told for v in verdicts), sum(v.late for v in verdicts)
            missing, twice, disorder = (
                sum(len(getattr(v, name)) for v in verdicts) for name in ("missing", "twice", "disorder")
            )
            lines.append(f"{label:<32}{len(verdicts):>8}{told:>10}{missing:>9}{twice:>7}{disorder:>10}{late:>7}")
    for heard, verdict in result.clients:
        if not verdict.holds or heard.gaps:
            lines.append(f"{heard.kind} {heard.to}: gaps {heard.gaps}")
            for name in ("missing", "twice", "unknown", "disorder"):
                found = getattr(verdict, name)
                lines += [f"  {name} {len(found)}: {found[:_SHOWN]}"] if found else []
    lines.append(str(figures(result)))
    lines.append("passed" if result.holds else "FAILED")
    return "\n".join(lines)


def page(result: Result, about: Mapping[str, str], command: str) -> str:
    found = figures(result)
    harm = ", ".join(f"{count} × {name}" for name, count in sorted(found["harm"].items()))
    lines = [
        f"`{command}` on {about['date']}, commit {about['commit']}, {about['machine']}.",
        "",
        f"{found['disconnects']:,} disconnects in {found['seconds']} s under load ({harm}), away for up to half a "
        f"minute each: **{found['gaps']} gaps, {found['missing']} missing, {found['twice']} told twice, "
        f"{found['disorder']} out of order**, of {found['told']:,} messages to {len(result.clients)} clients about "
        f"{found['events']:,} records of the topics. Progress that was read after the end of its task, and is not told "
        f"then: {found['late']}.",
        "",
        "| client | clients | messages | missing | twice | out of order |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for kind, label in KINDS.items():
        verdicts = [verdict for heard, verdict in result.clients if heard.kind == kind]
        if verdicts:
            sums = [sum(len(getattr(v, name)) for v in verdicts) for name in ("missing", "twice", "disorder")]
            cells = " | ".join(map(str, sums))
            lines.append(f"| {label} | {len(verdicts)} | {sum(v.told for v in verdicts):,} | {cells} |")
    return "\n".join(lines)
