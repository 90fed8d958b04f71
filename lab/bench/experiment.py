"""An experiment on a running line, from its start to its report: how much CUPED cuts the variance of the line's own
completion times, and whether a known effect is found."""

import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.bench.load import Load
from lab.own_line import OwnLine, own_settings, running

MIX = {
    "Write a function that parses a line of CSV": 30,
    "Review this change of the login module": 20,
    "Run the tests of the parser": 25,
    "Document the public interface of the parser": 15,
    "Say hello": 10,
}
"""Kinds of work with their shares, in %, as in the experiment with 200 agents."""
RATE = 15.0
BEFORE, DURING = 450, 1_500
SPEED, QUICKER = 60.0, 72.0
TRUE_EFFECT = SPEED / QUICKER - 1
"""Of the time an agent works; waits and the line's own time are not made shorter."""
SETTLED_S = 17.0
PATIENCE_S = 60.0
CUT_BAR = 0.3


def measure(folder: Path, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    before, during = (BEFORE // 5, DURING // 5) if quick else (BEFORE, DURING)
    with running(own_settings(folder / "experiment", sinks=1, sim_speed=SPEED, sim_failure_rate=0.0)) as line:
        load = Load(line.settings)
        _work_off(load, before)
        say(f"{before} tasks before the experiment")
        arm = ("--parameter", "sim_speed", "--arm", f"quicker={QUICKER}", "--unit", "task")
        _done(line, "create", "quicker-agents", *arm, "--metric", "completion_ms:mean:lower", "--start")
        time.sleep(2.0)  # for the router to hear of it; who comes before takes no part
        _work_off(load, during)
        load.close()
        time.sleep(SETTLED_S)
        began = time.monotonic()
        report = json.loads(_done(line, "report", "quicker-agents", "--format", "json"))
        took_s = time.monotonic() - began
    base, found = (report["report"]["metrics"]["completion_ms"][arm] for arm in ("control", "quicker"))
    say(f"CUPED cuts {found['cuped_variance_cut']:.1%}; effect {found['relative']:+.1%}; {report['verdict']}")
    return {
        "experiment_units": found["n"] + base["n"],
        "cuped_variance_cut": found["cuped_variance_cut"],
        "effect": found["relative"],
        "effect_low": found["cs"][0] / base["mean"],
        "effect_high": found["cs"][1] / base["mean"],
        "verdict": report["verdict"],
        "winner": report["winner"],
        "report_s": took_s,
    }


def section(found: dict[str, Any]) -> str:
    sequence = f"{found['effect_low']:+.1%} to {found['effect_high']:+.1%}"
    return " ".join(
        [
            f"CUPED cuts the variance of the line's own completion times by **{found['cuped_variance_cut']:.0%}** (at",
            f"least {CUT_BAR:.0%} is asked for): the covariate is what tasks of a kind took before the experiment.",
            f"Simulated agents, {QUICKER / SPEED:.1f} times as quick in one arm ({TRUE_EFFECT:+.1%} of the work);",
            f"{RATE:.0f} tasks/s of the usual mix, {BEFORE} before the start and {found['experiment_units']:,} in the",
            f"experiment. Found: {found['effect']:+.1%}, sequence {sequence}; verdict: {found['verdict']}",
            f"({found['winner']}). The report took {found['report_s']:.1f} s with the start of its process.",
        ]
    )


def _work_off(load: Load, count: int) -> None:
    """Hands tasks of the mix in at an even pace, and returns when all have ended."""
    chance = random.Random(count)
    texts = chance.choices(list(MIX), list(MIX.values()), k=count)
    began = time.monotonic()
    wanted: set[str] = set()
    for n, text in enumerate(texts):
        while time.monotonic() < began + n / RATE:
            wanted -= {outcome["task_id"] for outcome in load.outcomes(0.01)}
        wanted.add(load.submit(text=f"{text} {n}"))
    load.flush()
    until = time.monotonic() + PATIENCE_S
    while wanted and time.monotonic() < until:
        wanted -= {outcome["task_id"] for outcome in load.outcomes(0.05)}
    if wanted:
        raise RuntimeError(f"{len(wanted)} of {count} tasks had no outcome within {PATIENCE_S:.0f} s")


def _done(line: OwnLine, *words: str) -> str:
    done = line.headway("experiment", *words)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout
