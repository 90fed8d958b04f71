"""The life of an experiment: draft, running, paused, completed. Each function makes the next record from the newest.

Pure. Whoever writes the records sees to it that nobody else does between reading and writing.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from processors.experiments.assignment import BUCKETS, named
from schemas.events import Arm, Experiment, ExperimentChange

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
ARMS_MAX = 10
DAY_MS = 86_400_000
FREE_BUCKETS_MIN = 100


class BadChange(ValueError):
    """It cannot be changed so; the sentence says what to do."""


def created(plan: Experiment, present: Experiment | None) -> Experiment:
    """A draft, new or in place of one that was never started."""
    name = plan["experiment"]
    if not NAME.fullmatch(name):
        raise BadChange(f'"{name}" is no name for an experiment: use a-z, 0-9, _ and -, 63 characters at most.')
    if present is not None and present["started_at"] is not None:
        raise BadChange(f"There is an experiment {name} already, and it has data: take another name.")
    _check_arms(plan)
    if plan["mode"] == "bandit" and plan["unit"] != "task":
        raise BadChange("A bandit moves its shares, and a unit must keep its arm: use --unit task.")
    if plan["mode"] == "bandit" and plan["cluster"] is not None:
        raise BadChange("A bandit's tasks are weighted one by one: leave out --cluster.")
    if not 0 < plan["days"] <= 365:
        raise BadChange(f"An experiment runs up to 365 days, not {plan['days']:g}.")
    return {**plan, "version": present["version"] + 1 if present else 1}


def _check_arms(plan: Experiment) -> None:
    arms = plan["arms"]
    names = [arm["name"] for arm in arms]
    if not 2 <= len(arms) <= ARMS_MAX:
        raise BadChange(f"An experiment has 2 to {ARMS_MAX} arms, not {len(arms)}.")
    if len(set(names)) < len(names):
        raise BadChange(f"Two arms have one name: {', '.join(names)}.")
    if bad := [name for name in names if not NAME.fullmatch(name)]:
        raise BadChange(f'"{bad[0]}" is no name for an arm: use a-z, 0-9, _ and -.')
    if plan["control"] not in names:
        raise BadChange(f'There is no arm "{plan["control"]}" to be the control; there are {", ".join(names)}.')
    if sum(arm["share"] for arm in arms) != BUCKETS or min(arm["share"] for arm in arms) < 1:
        raise BadChange(f"The shares of the arms must make {BUCKETS:,} ten-thousandths, each at least one.")


def shares(split: Sequence[float]) -> list[int]:
    """Ten-thousandths that are as near to `split` as whole ones can be, and make 10,000."""
    exact = [share / sum(split) * BUCKETS for share in split]
    whole = [int(share) for share in exact]
    nearest = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
    for i in nearest[: BUCKETS - sum(whole)]:
        whole[i] += 1
    return whole


def started(
    experiment: Experiment, others: Mapping[str, Experiment], now: int, by: str, reason: str = ""
) -> Experiment:
    """Gets its buckets and runs."""
    _must_be(experiment, "start", "draft")
    first = _free_range(experiment, others)
    return _changed(experiment, "started", now, by, reason, status="running", first_bucket=first, started_at=now)


def paused(experiment: Experiment, now: int, by: str, reason: str = "") -> Experiment:
    _must_be(experiment, "pause", "running")
    return _changed(experiment, "paused", now, by, reason, status="paused")


def resumed(experiment: Experiment, now: int, by: str, reason: str = "") -> Experiment:
    _must_be(experiment, "resume", "paused")
    return _changed(experiment, "resumed", now, by, reason, status="running")


def stopped(experiment: Experiment, now: int, by: str, reason: str = "") -> Experiment:
    _must_be(experiment, "stop", "draft", "running", "paused")
    return _changed(experiment, "stopped", now, by, reason, status="completed", ended_at=now)


def ended(experiment: Experiment, now: int, by: str, reason: str) -> Experiment:
    """By its plan or its verdict."""
    _must_be(experiment, "end", "running")
    return _changed(experiment, "ended", now, by, reason, status="completed", ended_at=now)


def extended(
    experiment: Experiment, others: Mapping[str, Experiment], days: float, now: int, by: str, reason: str = ""
) -> Experiment:
    """Runs longer than planned; one that is over runs again, with the same buckets."""
    _must_be(experiment, "extend", "running", "paused", "completed")
    if days <= 0:
        raise BadChange(f"An experiment is extended by more than no time, not by {days:g} days.")
    over = experiment["status"] == "completed"
    if over and experiment["started_at"] is None:
        raise BadChange("It was stopped before it started: create it anew.")
    if over and experiment["adopted"] is not None:
        raise BadChange("Its winner is adopted, so there is nothing left to find out: create a new experiment.")
    if over and experiment["mode"] == "fixed":
        raise BadChange(
            "A fixed-horizon test is read once, at its end, and that is past: more units after a look find "
            "differences that are not there. Create a new one, or one that is --sequential."
        )
    changes: dict[str, Any] = {"days": experiment["days"] + days}
    if over:
        _check_parameter(experiment, others)
        taken = _taken(experiment, others)
        first, after = experiment["first_bucket"], experiment["first_bucket"] + experiment["buckets"]
        if any(low < after and first < high for low, high, _ in taken):
            raise BadChange(f"Its units are in {_holders(taken)} by now: stop that first, or create a new experiment.")
        changes |= {"status": "running", "ended_at": None}
        # A plan that was cut short leaves no time to make up for: the extension counts from now.
        changes["days"] = experiment["ran_ms"] / DAY_MS + days
    return _changed(experiment, "extended", now, by, reason, **changes)


def arm_stopped(experiment: Experiment, arm: str, now: int, by: str, reason: str) -> Experiment:
    """Takes out an arm that does harm; with only control left there is nothing to compare, and the experiment ends."""
    _must_be(experiment, "stop an arm", "running")
    if arm == experiment["control"]:
        raise BadChange("Control is what the others are compared with: stop the experiment instead.")
    arms: list[Arm] = [{**one, "stopped": one["stopped"] or one["name"] == arm} for one in experiment["arms"]]
    if sum(not one["stopped"] for one in arms) > 1:
        return _changed(experiment, "arm_stopped", now, by, reason, arms=arms)
    return _changed(experiment, "ended", now, by, reason, arms=arms, status="completed", ended_at=now)


def tuned(experiment: Experiment, new_shares: Mapping[str, int], now: int, by: str, reason: str = "") -> Experiment:
    """A bandit gives other shares to its arms."""
    _must_be(experiment, "tune", "running")
    arms: list[Arm] = [{**arm, "share": new_shares[arm["name"]]} for arm in experiment["arms"]]
    tuned_one = _changed(experiment, "tuned", now, by, reason, arms=arms)
    _check_arms(tuned_one)
    return tuned_one


def adopted(experiment: Experiment, arm: str, now: int, by: str, reason: str = "") -> Experiment:
    """The line works with an arm's value from now on; a running experiment is over."""
    _must_be(experiment, "adopt", "running", "paused", "completed")
    if arm not in [one["name"] for one in experiment["arms"]]:
        listed = ", ".join(one["name"] for one in experiment["arms"])
        raise BadChange(f'There is no arm "{arm}" to adopt; there are {listed}.')
    ended_at = experiment["ended_at"] or now
    return _changed(experiment, "adopted", now, by, reason, status="completed", ended_at=ended_at, adopted=arm)


def given_back(experiment: Experiment, now: int, by: str, reason: str = "") -> Experiment:
    """The line no longer works with what was adopted."""
    if experiment["adopted"] is None:
        raise BadChange("Nothing of it is adopted.")
    return _changed(experiment, "given_back", now, by, reason, adopted=None)


def ran_ms(experiment: Experiment, now: int) -> int:
    """How long it has been running by now, pauses aside."""
    since = now - experiment["at"] if experiment["status"] == "running" else 0
    return experiment["ran_ms"] + max(0, since) // 1000


def is_due(experiment: Experiment, now: int) -> bool:
    """Whether it has run as long as planned."""
    return experiment["status"] == "running" and ran_ms(experiment, now) >= experiment["days"] * DAY_MS


def value_of(experiment: Experiment, arm: str) -> str:
    return named(experiment, arm)["value"]


def _changed(
    experiment: Experiment, change: ExperimentChange, now: int, by: str, reason: str, **fields: Any
) -> Experiment:
    head: dict[str, Any] = {
        "version": experiment["version"] + 1,
        "change": change,
        "at": max(now, experiment["at"]),
        "by": by,
        "reason": reason,
        "ran_ms": ran_ms(experiment, now),
    }
    return {**experiment, **head, **fields}  # type: ignore[typeddict-item]


def _must_be(experiment: Experiment, verb: str, *states: str) -> None:
    if experiment["status"] not in states:
        listed = " or ".join(states)
        raise BadChange(f"{experiment['experiment']} is {experiment['status']}: to {verb} it must be {listed}.")


def _check_parameter(experiment: Experiment, others: Mapping[str, Experiment]) -> None:
    """Two experiments on one setting would undo each other, unless they share out the units of one layer."""
    for other in others.values():
        if (
            other["experiment"] != experiment["experiment"]
            and other["status"] in ("running", "paused")
            and other["parameter"] == experiment["parameter"]
            and other["layer"] != experiment["layer"]
        ):
            raise BadChange(
                f"{other['experiment']} varies {other['parameter']} too, in layer {other['layer']}: stop it first, or "
                f"put this one into that layer (--layer {other['layer']}) with a share of its units (--traffic)."
            )


def _taken(experiment: Experiment, others: Mapping[str, Experiment]) -> list[tuple[int, int, str]]:
    """Bucket ranges of the layer that others have, in order, and who."""
    return sorted(
        (other["first_bucket"], other["first_bucket"] + other["buckets"], other["experiment"])
        for other in others.values()
        if other["experiment"] != experiment["experiment"]
        and other["layer"] == experiment["layer"]
        and other["status"] in ("running", "paused")
    )


def _free_range(experiment: Experiment, others: Mapping[str, Experiment]) -> int:
    """Start of the first range of the layer that is free and large enough."""
    _check_parameter(experiment, others)
    taken = _taken(experiment, others)
    start = widest = 0
    for low, high, _ in [*taken, (BUCKETS, BUCKETS, "")]:
        if low - start >= experiment["buckets"]:
            return start
        widest = max(widest, low - start)
        start = max(start, high)
    free = (
        f"--traffic {widest / BUCKETS:g} would fit, or a layer of its own"
        if widest >= FREE_BUCKETS_MIN
        else "stop one, or use a layer of its own"
    )
    raise BadChange(
        f"Layer {experiment['layer']} has no room for {experiment['buckets'] / BUCKETS:.0%} of its units: "
        f"{_holders(taken)} run there. {free[0].upper() + free[1:]}."
    )


def _holders(taken: Sequence[tuple[int, int, str]]) -> str:
    return ", ".join(f"{name} ({(high - low) / BUCKETS:.0%})" for low, high, name in taken)
