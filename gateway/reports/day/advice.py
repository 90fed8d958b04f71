"""What to do after a day, in sentences that each name the figure they rest on. Pure."""

from collections.abc import Callable, Iterator, Sequence

from gateway.reports.day.figures import Day, Group, Reason, Totals
from gateway.reports.day.kpis import most, share_of, time_of, worst
from gateway.units import many, money, short

WAIT_MS_MAX = 30_000.0
"""Normal is a shorter wait on the mean."""
RESPONSE_MS_MAX = 1_800_000.0
"""Target of the mean response."""
REDONE_MAX = 0.10
"""Share of the tasks done again from which on it is worth a sentence."""
DEARER = 1.5
"""So many times the week's mean, cost or response is worth a sentence."""
ENOUGH = 20
"""Fewer tasks of an agent tell nothing."""
CENT = 10_000


def advice(day: Day) -> list[str]:
    """The gravest first."""
    total = day.total
    if total is None:
        return []
    return [
        *_on_failures(day, total),
        *_on_waits(day, total),
        *_on_response(day, total),
        *_on_balance(day),
        *_on_alarms(day),
        *_on_quality(day, total),
        *_on_letters(day),
        *_on_cost(day, total),
    ]


def _on_failures(day: Day, total: Totals) -> Iterator[str]:
    errors, completion = total.errors or 0.0, total.completion
    if errors >= 0.02:
        whose = _mostly(day, lambda agent: agent.failed, "failed", total.failed)
        yield (
            f"Bring errors down: {total.failed:,} of {total.accepted:,} accepted tasks failed ({share_of(errors)}, "
            f"target < 2%){whose}{_first(day.reasons.get('failure', []))}."
        )
    elif completion is not None and completion < 0.95:
        yield (
            f"Find out why tasks do not complete: {share_of(completion)} do (target ≥ 95%), and only "
            f"{share_of(errors)} fail; {many(total.expired, 'task')} expired, and those want a later "
            "deadline or more instances."
        )


def _on_waits(day: Day, total: Totals) -> Iterator[str]:
    if total.refused:
        yield (
            f"Make room: {total.refused:,} of {many(total.tasks, 'task')} were refused, for their queue was full. More "
            "instances work it off; a greater queue_max only holds more."
        )
    if total.wait_ms_mean is None or total.wait_ms_mean <= WAIT_MS_MAX:
        return
    late = [(agent.wait_ms[1], agent.name) for agent in _named(day) if agent.wait_ms and agent.tasks >= ENOUGH]
    where = f"; of {max(late)[1]}, 5% wait {time_of(max(late)[0])} or longer" if late else ""
    yield (
        f"Shorten the queues: a task waits {time_of(total.wait_ms_mean)} on the mean (normal < {time_of(WAIT_MS_MAX)})"
        f"{where}. More instances, or a greater slots_per_instance, start more at once."
    )


def _on_response(day: Day, total: Totals) -> Iterator[str]:
    mean, usual = total.response_ms_mean, day.week({on: of.response_ms_mean for on, of in day.totals.items()})
    if mean is not None and mean > RESPONSE_MS_MAX:
        yield (
            f"Answer sooner: a task takes {time_of(mean)} on the mean from handed in to completed (target ≤ 30 min). "
            "More instances start it sooner; the slowest tasks below tell whether it waits or runs so long."
        )
    elif mean and usual and mean > DEARER * usual and mean > 1000:
        yield (
            f"Look at the slowest tasks: one takes {time_of(mean)} on the mean, {mean / usual:.1f} times as long as in "
            f"the week before ({time_of(usual)})."
        )


def _on_balance(day: Day) -> Iterator[str]:
    busy = day.busy.get(day.day, [])
    agent, spread = worst(busy)
    if spread is not None and spread > 0.2 and sum(one.attempts for one in busy if one.agent == agent) >= ENOUGH:
        yield (
            f"Spread the load of {agent}: its busiest instance works {share_of(spread)} of the mean more than its "
            "idlest (target ≤ 20%). The setting balancer says how instances are chosen; least_connections evens out "
            "most."
        )
    host, part = most(busy)
    if part is not None and part > 0.5 and sum(one.attempts for one in busy) >= ENOUGH:
        hosts = len({one.host for one in busy})
        yield (
            f"Do not hang on {host}: it ran {share_of(part)} of all attempts (target ≤ 50%), "
            f"{'and it is the only host' if hosts == 1 else f'of {hosts} hosts'}. One more executor takes its share: "
            "the setting executors, or another machine."
        )


def _on_alarms(day: Day) -> Iterator[str]:
    found = day.preventive.get(day.day)
    if found is None:
        return
    if found.came_true is not None and found.came_true < 0.8:
        yield (
            f"Trust the alarms about the next hour less: {share_of(found.came_true)} of {found.alarms:,} came true "
            "(target ≥ 80%). A higher `above` in the rule busy-soon leaves those out that are only just alarms."
        )
    if found.seen_before is not None and found.seen_before < 0.8:
        yield (
            f"Expect loads that nobody foresaw: {share_of(found.seen_before)} of {found.overloads:,} predictions "
            "before too much load said so (target ≥ 80%). What comes on no day before cannot be known; a lower "
            "`above` in the rule busy-soon tells more of the rest, and more instances carry them."
        )


def _on_quality(day: Day, total: Totals) -> Iterator[str]:
    if total.accepted and total.redone / total.accepted > REDONE_MAX:
        whose = _mostly(day, lambda agent: agent.redone, "redone", total.redone)
        yield (
            f"Work on the answers: {share_of(total.redone / total.accepted)} of the tasks were done again{whose}"
            f"{_first(day.reasons.get('redo', []))}."
        )


def _on_letters(day: Day) -> Iterator[str]:
    letters = day.reasons.get("letter", [])
    if count := sum(letter.times for letter in letters):
        yield (
            f"Look at the dead letters: {count:,} came{_first(letters)}. `headway dlq list` shows them, and `headway "
            "dlq redrive` hands tasks in again once the cause is gone."
        )
    hours = day.recovery_h.get(day.day)
    if hours is not None and hours > 4:
        took = time_of(hours * 3_600_000)
        yield f"Redrive sooner: dead-lettered tasks took {took} on the mean until they completed (target ≤ 4 h)."


def _on_cost(day: Day, total: Totals) -> Iterator[str]:
    usual = day.week({on: float(of.cost_usd_micros) for on, of in day.totals.items()})
    if not usual or total.cost_usd_micros <= DEARER * usual or total.cost_usd_micros < CENT:
        return
    dearest = max(_named(day), key=lambda agent: agent.cost_usd_micros, default=None)
    who = f", {money(dearest.cost_usd_micros)} of it for {dearest.name}" if dearest else ""
    yield (
        f"Check the cost: {money(total.cost_usd_micros)}{who}, {total.cost_usd_micros / usual:.1f} times the mean "
        f"of the week before ({money(round(usual))}). The setting cost_cap_usd stops spending at a daily amount."
    )


def _named(day: Day) -> list[Group]:
    return [agent for agent in day.groups.get("agent", []) if agent.name]


def _mostly(day: Day, count: Callable[[Group], int], what: str, of: int) -> str:
    """Names an agent where it stands for a third or more."""
    agent = max(_named(day), key=count, default=None)
    return f", {count(agent):,} of the {of:,} {what} by {agent.name}" if agent and 3 * count(agent) >= of > 0 else ""


def _first(reasons: Sequence[Reason]) -> str:
    """The most frequent one, which comes first."""
    if not reasons:
        return ""
    times = many(reasons[0].times, "time")
    return f"; most often ({times}, {reasons[0].who}): {short(reasons[0].reason, 100).rstrip('.')}"
