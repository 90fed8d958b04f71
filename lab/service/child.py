"""`python -m lab.service.child`: one run, read from stdin; on stdout a line of JSON whenever there is something new."""

import json
import resource
import sys
import time
from collections.abc import Mapping
from typing import Any

from schemas.events import LabReport, LabSeries

POINTS = 300
SCALINGS = 200
TOLD_S = 0.5


def main() -> None:
    asked, text, limits = json.load(sys.stdin)
    cpu_s = int(limits["cpu_s"])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))
    resource.setrlimit(resource.RLIMIT_AS, (limits["memory_bytes"], limits["memory_bytes"]))
    try:
        found = run(asked, text)
    except MemoryError:
        said = "It took more memory than a run may have: take fewer minutes or instances."
        print(json.dumps({"problem": said}))
    else:
        print(json.dumps({"report": found}))


def run(asked: Mapping[str, Any], text: str) -> LabReport:
    # Only here: what it takes goes with this process.
    from lab.scale.fleet import simulate
    from lab.scale.scenario import parse
    from lab.scale.tally import Tally

    scenario, told_at = parse(asked["scenario"], text).cut(asked["minutes"]), 0.0

    def watch(tally: Tally) -> None:
        nonlocal told_at
        minutes = len(tally.minutes) + tally.passed_minutes
        if time.monotonic() - told_at >= TOLD_S or minutes == int(scenario.minutes):
            told_at = time.monotonic()
            handed_in = tally.handed_in + round(sum(stretch.tasks for stretch in tally.passed))
            step = {"minutes": float(minutes), "handed_in": handed_in, "series": series_of(tally)}
            print(json.dumps({"progress": step}), flush=True)

    options = {"scaling": asked["scaling"], "quick": asked["quick"], "watch": watch}
    found = simulate(scenario, asked["agents"], asked["seed"], asked["balancer"], **options)
    return report_of(found)


def series_of(tally: Any) -> LabSeries:
    from lab.scale.report import series
    from lab.scale.weighing import minutes_of

    found: Any = series(minutes_of(tally), POINTS)
    found["step_minutes"] = found.pop("step")[0]
    return found  # type: ignore[no-any-return]


def report_of(found: Mapping[str, Any]) -> LabReport:
    """What is told of all that the model finds."""
    same = set(LabReport.__annotations__) - {"scalings_count"}
    told: Any = {name: found[name] for name in same} | {"scalings_count": len(found["scalings"])}
    return told | {"scalings": found["scalings"][:SCALINGS]}  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
