"""The report of a run of the lab, for the terminal and as Markdown."""

from collections.abc import Mapping
from typing import Any

from gateway.reports import markdown, text
from gateway.reports.document import Block, Document, Facts, Points, Section, Table
from gateway.reports.document import Text as Said
from gateway.units import duration, many, moment, money
from schemas.events import LabFault, LabPlan, LabReport, LabRun, LabSeries

QUANTILES = ("p50", "p90", "p99", "max")


def document(run: LabRun) -> Document:
    asked, report, plan = run["asked"], run["report"], run["plan"]
    about = [
        many(asked["agents"], "instance"),
        f"seed {asked['seed']}",
        asked["balancer"] or "balanced as shipped",
        f"autoscaler {'on' if asked['scaling'] else 'off'}",
        *(["quick"] if asked["quick"] else []),
    ]
    if plan is not None:
        about.insert(1, f"{plan['minutes']:,g} simulated minutes")
    sections = []
    if report is not None:
        sections += [_targets(report), _tasks(report, plan), _fleet(report)]
    if run["series"] is not None:
        sections.append(Section("Course", [_course(run["series"])], folded=True))
    if plan is not None:
        sections.append(_plan(plan))
    sections.append(Section("Run", [Facts(_about_run(run))]))
    return Document(f"{asked['scenario']} in the lab", about, _conclusion(run), "", sections)


def as_text(run: LabRun, *, width: int = 100, colour: bool = False) -> str:
    return text.text(document(run), width=width, colour=colour)


def as_markdown(run: LabRun) -> str:
    return markdown.markdown(document(run))


def _conclusion(run: LabRun) -> Said:
    report = run["report"]
    if report is None:
        said = {"waiting": "It waits for the runs before it.", "running": f"It runs: {_so_far(run)}."}
        words = said.get(run["state"]) or run["reason"]
        return Said(words, "bad" if run["state"] == "failed" else "plain")
    missed = [target["target"] for target in report["targets"] if not target["holds"]]
    if not missed:
        return Said(f"All {len(report['targets'])} targets hold.", "good")
    return Said(f"{len(missed)} of {len(report['targets'])} targets do not hold: {'; '.join(missed)}.", "bad")


def _so_far(run: LabRun) -> str:
    of = f" of {run['plan']['minutes']:,g}" if run["plan"] else ""
    return f"{run['simulated_minutes']:,g}{of} simulated minutes, {many(run['handed_in'], 'task')}"


def _targets(report: LabReport) -> Section:
    rows = [(t["target"], _figure(t["value"]), "PASS" if t["holds"] else "FAIL") for t in report["targets"]]
    tones: Any = ["good" if target["holds"] else "bad" for target in report["targets"]]
    return Section("Targets", [Table(("target", "found", ""), rows, ("found",), tones, "")])


def _tasks(report: LabReport, plan: LabPlan | None) -> Section:
    ended = ", ".join(f"{count:,} {status.replace('_', '-')}" for status, count in sorted(report["outcomes"].items()))
    facts = [
        ("handed in", f"{report['handed_in']:,}: {ended or 'none'}"),
        ("lost, doubled, left", f"{report['lost']:,}, {report['doubled']:,}, {report['left']:,}"),
        ("attempts after the first", f"{report['attempts_again']:,}"),
        ("completed a minute, for 200 instances", f"{report['throughput_per_minute']:,.1f}"),
    ]
    if report["passed_over_minutes"] and plan is not None:
        said = f"{report['passed_over_minutes']:,g} of {plan['minutes']:,g} minutes, for one was like another: of them "
        said += "tasks, waits, use of the slots and cost are an estimate, and the rest does not tell of them"
        facts.append(("passed over", said))
    waits: dict[str, Mapping[str, Any]] = {"all": report["wait_s"]}
    waits |= {f"priority {name}": one for name, one in sorted(report["wait_s_by_priority"].items(), key=_number_of)}
    if report["kills"]:
        waits[f"work of {many(report['kills'], 'dead host')}, until elsewhere"] = report["recovery_s"]
    rows = [[name, *(_seconds(wait[quantile]) for quantile in QUANTILES)] for name, wait in waits.items()]
    return Section("Tasks", [Facts(facts), Table(("wait to the start", *QUANTILES), rows, QUANTILES)])


def _fleet(report: LabReport) -> Section:
    sizes = report["instances"]
    spread = ", ".join(f"{name} {share:.1%}" for name, share in sorted(report["spread_by_agent"].items()))
    facts = [
        ("instances", f"{sizes['first']} → {sizes['last']} ({sizes['least']} to {sizes['most']})"),
        ("slots in use", "–" if report["utilisation"] is None else f"{report['utilisation']:.1%}"),
        ("spread of load", spread or "–"),
        ("cost", f"{money(report['cost_usd_micros'])}, {report['tokens'] / 1e6:,.1f} million tokens"),
        ("changes of size", f"{report['scalings_count']:,}"),
    ]
    changes = [
        f"minute {one['minute']:g}: {one['agent_id']} {one['before']} → {one['after']}. {one['reason']}"
        for one in report["scalings"]
    ]
    return Section("Fleet", [Facts(facts), *([Points(changes)] if changes else [])])


def _course(series: LabSeries) -> Block:
    names = ("instances", "waiting", "running", "completed")
    values: Any = series
    rows = [
        [f"{(n + 1) * series['step_minutes']:,}", *(f"{values[name][n]:,}" for name in names)]
        for n in range(len(series["completed"]))
    ]
    return Table(("to minute", *names), rows, ("to minute", *names))


def _plan(plan: LabPlan) -> Section:
    load = [f"{phase['minutes']:g} min at {phase['per_minute']:g} a minute" for phase in plan["load"][:20]]
    more = len(plan["load"]) - len(load)
    facts = [("about", plan["about"]), ("load", ", ".join(load) + (f", and {more} more" if more else ""))]
    facts.append(("attempts that fail", f"{plan['failures']:.2%}"))
    facts += [("fault", fault_words(fault)) for fault in plan["faults"]]
    return Section("Scenario", [Facts(facts)])


def fault_words(fault: LabFault) -> str:
    what = {
        "kill": f"{fault['percent']:g} % of the hosts die",
        "delay": f"each hop takes {fault['delay_ms']:g} ms longer",
        "failover": "the dispatchers fail over",
    }.get(fault["kind"], fault["kind"])
    again = f", again every {fault['every_minutes']:g}" if fault["every_minutes"] else ""
    return f"{what} at minute {fault['first_minutes']:g}{again}, for {fault['away_s']:g} s"


def _about_run(run: LabRun) -> list[tuple[str, str]]:
    facts = [("id", run["run_id"]), ("asked for", f"{moment(run['asked_at'])} by {run['asked_by']}")]
    if run["started_at"] and run["over_at"]:
        facts.append(("took", duration(run["over_at"] - run["started_at"])))
    if run["starts"] > 1:
        facts.append(("started", f"{run['starts']} times, as its lab process died"))
    return facts


def _number_of(pair: tuple[str, Any]) -> int:
    return int(pair[0]) if pair[0].isdecimal() else 99


def _figure(value: float | None) -> str:
    return "nothing was measured" if value is None else f"{value:,g}"


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3g} s"
