"""The result of a campaign as text: a table for the terminal, a section for the page. Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median

from lab.chaos.campaign import RECOVERY_BAR_S, RoundResult, Strike


def passed(results: Sequence[RoundResult]) -> bool:
    return all(result.holds and result.quick for result in results)


def table(results: Sequence[RoundResult]) -> str:
    lines = [f"{'process':<16}{'harm':<8}{'times':>6}{'median s':>10}{'longest s':>11}"]
    for (target, kind), seconds in _recoveries(results).items():
        seen = [s for s in seconds if s is not None]
        worst = f"{max(seen):.1f}" if len(seen) == len(seconds) else "never"
        lines.append(f"{target:<16}{kind:<8}{len(seconds):>6}{median(seen) if seen else 0:>10.1f}{worst:>11}")
    total = sum(result.tasks for result in results)
    lost, duplicated, stuck = (sum(map(len, column)) for column in _troubles(results))
    lines.append(f"{len(results)} rounds, {total:,} tasks: {lost} lost, {duplicated} duplicated, {stuck} stuck")
    lines += _account(results)
    lines.append("passed" if passed(results) else "FAILED")
    return "\n".join(lines)


def page(results: Sequence[RoundResult], about: Mapping[str, str], command: str) -> str:
    total = sum(result.tasks for result in results)
    strikes = sum(len(result.strikes) for result in results)
    lost, duplicated, stuck = (sum(map(len, column)) for column in _troubles(results))
    lines = [
        f"`{command}` on {about['date']}, commit {about['commit']}, {about['machine']}.",
        "",
        f"{len(results)} rounds, {strikes} strikes, {total:,} tasks handed in: **{lost} lost, {duplicated} duplicated, "
        f"{stuck} stuck**. The time counts from the harm (from the last one where several "
        "overlap, and from the end of a pause that nobody stepped in for) until every partition with work was seen "
        f"working again; at most {RECOVERY_BAR_S:.0f} s are allowed.",
        "",
        *_account(results),
        "",
        "| process | harm | times | median s | longest s |",
        "|---|---|--:|--:|--:|",
    ]
    for (target, kind), seconds in _recoveries(results).items():
        seen = [s for s in seconds if s is not None]
        worst = f"{max(seen):.1f}" if len(seen) == len(seconds) else "never"
        lines.append(f"| {target} | {kind} | {len(seconds)} | {median(seen) if seen else 0:.1f} | {worst} |")
    return "\n".join(lines)


def outage_page(results: Sequence[RoundResult], about: Mapping[str, str], command: str) -> str:
    (result,) = results
    (strike,) = result.strikes
    lines = [
        f"`{command}` on {about['date']}, commit {about['commit']}, {about['machine']}.",
        "",
        f"{result.tasks:,} tasks handed in: **{len(result.lost)} lost, {len(result.duplicated)} duplicated, "
        f"{len(result.stuck)} stuck**. In the {strike.fault.pause_s:.0f} s without {strike.fault.target} "
        f"{strike.ended:,} tasks and items ended; {result.stored_s:.0f} s after the last outcome all was stored and "
        "counted.",
        "",
        *_account(results),
    ]
    return "\n".join(lines)


def _account(results: Sequence[RoundResult]) -> list[str]:
    account = results[-1].account if results else {}
    if not account:
        return []
    figures = f"{account['records']:,} records, {account['rows']:,} rows, {account['lag']} still to come"
    exact = f"**{account['missing']} missing, {account['duplicates']} twice**"
    rollup = f"Tables against the rollup: **{account['differing']} tasks differ**."
    return [f"Topics against tables: {figures}: {exact}. {rollup}"]


def _troubles(results: Sequence[RoundResult]) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    last = results[-1:]  # lost and duplicated are counted over all rounds so far
    return [r.lost for r in last], [r.duplicated for r in last], [r.stuck for r in last]


def _recoveries(results: Sequence[RoundResult]) -> dict[tuple[str, str], list[float | None]]:
    """Seconds by service and kind of harm; None where no recovery was seen."""
    found: defaultdict[tuple[str, str], list[float | None]] = defaultdict(list)
    for strike in (strike for result in results for strike in result.strikes):
        found[_service(strike), strike.fault.kind].append(strike.recovery.seconds)
    return dict(sorted(found.items()))


def _service(strike: Strike) -> str:
    return strike.fault.target.split("-")[0]
