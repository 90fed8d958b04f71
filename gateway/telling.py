"""What there is to tell of an experiment on the line: its data up to a time, what they say, and what to do next."""

from collections.abc import Sequence

import numpy as np

from gateway.errors import GatewayError
from gateway.experiments import find, now_us
from gateway.reports.told import Told
from infra import experiments, warehouse
from infra.settings import Settings
from infra.warehouse.exposed import COLUMNS, Asked, Exposed, exposed, settled_until
from processors.experiments import line
from processors.experiments.assignment import BUCKETS
from processors.experiments.estimates import BadData
from processors.experiments.story import Story, story
from schemas.events import Experiment


def told(settings: Settings, name: str, as_of: int | None) -> Told:
    """`as_of` [µs]: the end of the data range, to compute a verdict again; None: the newest there can be. Raises
    GatewayError, WarehouseDown."""
    one = find(settings, name)
    changes = experiments.history(settings, name)
    start = one["started_at"] or now_us()
    try:
        with warehouse.client(settings) as client:
            until = settled_until(settings, client)
            if until is None:
                raise GatewayError(
                    "The warehouse is behind the topics: `headway sink status` shows how far. Try again."
                )
            if as_of is not None and as_of > until:
                raise GatewayError("That time is not 15 seconds ago yet: records of it may still be on their way.")
            until = max(as_of or until, start)
            columns = line.columns_of(one, COLUMNS)
            tasks = exposed(
                client, Asked(name, line.live_arms(one), one["unit"], columns, one["cluster"], start, until)
            )
    except warehouse.TROUBLES as error:
        raise warehouse.spoken(error, settings) from error
    found, why = _story(one, tasks, until)
    return Told(
        name=name,
        question=one["question"],
        parameter=one["parameter"],
        arms={arm["name"]: arm["value"] for arm in one["arms"]},
        split={arm["name"]: arm["share"] / BUCKETS for arm in one["arms"]},
        unit=one["unit"],
        layer=one["layer"],
        status=one["status"],
        started_at=one["started_at"],
        ended_at=one["ended_at"],
        range_from=start,
        range_to=until,
        data_hash=tasks.data_hash,
        story=found,
        why_none=why,
        funnel=_funnel(line.live_arms(one), tasks),
        history=[(change["at"], change["change"], change["by"], change["reason"]) for change in changes],
        next_step=_next_step(one, found),
    )


def _story(one: Experiment, tasks: Exposed, until: int) -> tuple[Story | None, str | None]:
    try:
        rows, plan, notes = line.analyzed(one, tasks, until)
        found = story(rows, tasks.at, plan)
    except BadData as error:
        return None, str(error)
    found.report.notes.extend(notes)
    return found, None


def _funnel(arms: Sequence[str], tasks: Exposed) -> dict[str, list[tuple[str, int]]]:
    return {
        arm: [(stage, _reached(tasks, place, column)) for stage, column in line.STAGES.items()]
        for place, arm in enumerate(arms)
    }


def _reached(tasks: Exposed, arm: int, column: str) -> int:
    values = tasks.columns[column][tasks.arm == arm]
    return int(np.isfinite(values).sum()) if column == "wait_ms" else int(np.nansum(values))


def _next_step(one: Experiment, found: Story | None) -> str:
    name, status = one["experiment"], one["status"]
    winner = found.report.winner if found else None
    if status == "draft":
        return f"Start it: `headway experiment start {name}`."
    if found is not None and found.report.verdict == "invalid":
        return f"Stop it and find out why: `headway experiment stop {name}`; no effect of it can be believed."
    if one["adopted"] is not None:
        return f"Nothing: {one['adopted']} is adopted. `headway experiment adopt {name} --none` gives it back."
    if winner is not None and winner != one["control"]:
        return f"Adopt {winner}: `headway experiment adopt {name} --arm {winner}`."
    if winner is not None and status != "completed":
        return f"Keep {winner} and end it: `headway experiment stop {name}`."
    if status == "paused":
        return f"Let it go on: `headway experiment resume {name}`."
    if status == "completed" and one["mode"] != "fixed" and winner is None:
        return f"Leave it so, or let it run longer: `headway experiment extend {name} --days 7`."
    if status == "completed":
        return "Nothing: it is over, and the line works with what it had."
    return f"Wait: it runs for {one['days']:g} days in all. `headway experiment stop {name}` ends it before."
