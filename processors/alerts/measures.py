"""What rules can measure. Each tells a value with the sentence that shows it, or null where there is nothing to see."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from processors.alerts.observing import KNOWN_US, Observed
from schemas.events import AlertRule, AlertTask

LEAST = 20
"""Tasks without which a share says nothing: one failure of two is no 50 %."""


class Reading(NamedTuple):
    value: float | None
    """Null: there is too little to say."""
    said: str
    """What was seen, in words that go on with the limit."""
    tasks: list[AlertTask]
    suggestion: str = ""
    """What could be done about it."""


NOTHING = Reading(None, "Nothing is known of it any more", [])
Measure = Callable[[Observed, AlertRule, str, int], Reading]


def error_rate(seen: Observed, rule: AlertRule, subject: str, now: int) -> Reading:
    """Share of the tasks that ended in the window that failed or were dead-lettered, of at least 20."""
    window = seen.window(rule, subject, now)
    total = window.total
    if total.ended < LEAST:
        return Reading(None, f"Only {total.ended} tasks ended in the last {span(rule['window_s'])}", [])
    share = total.failed / total.ended
    said = f"{total.failed} of {total.ended} tasks that ended in the last {span(rule['window_s'])} failed: {share:.1%}"
    return Reading(share, said, window.tasks(now))


def response_p99_s(seen: Observed, rule: AlertRule, subject: str, now: int) -> Reading:
    """Seconds from submission to the start within which 99 % of the window's tasks started, of at least 20; within 2 %.

    A task counts once it has ended."""
    window = seen.window(rule, subject, now)
    count = window.total.responses.total()
    slow = window.response_s(0.99) if count >= LEAST else None
    if slow is None:
        return Reading(None, f"Only {count} tasks had started that ended in the last {span(rule['window_s'])}", [])
    said = f"99 % of {count} tasks that ended in the last {span(rule['window_s'])} had started within {slow:.3g} s"
    return Reading(slow, said, [])


def queue_share(seen: Observed, rule: AlertRule, subject: str, now: int) -> Reading:
    """Waiting tasks as a share of those that may wait."""
    statuses = seen.statuses(subject)
    waiting, most = sum(s["waiting"] for s in statuses), sum(s["waiting_max"] for s in statuses)
    if not most:
        return NOTHING
    return Reading(waiting / most, f"{waiting} of {most} places of the queue are taken: {waiting / most:.1%}", [])


def load(seen: Observed, rule: AlertRule, subject: str, now: int) -> Reading:
    """Load score of the instances, 0–100; of the line their mean."""
    statuses = [s for s in seen.statuses(subject) if s["instances"]]
    if not statuses:
        return NOTHING
    loads = [min(100.0, max(0.0, s["load_score"])) * s["instances"] for s in statuses]
    value = sum(loads) / sum(s["instances"] for s in statuses)
    return Reading(value, f"The load is {value:.0f} of 100", [])


def load_expected(seen: Observed, rule: AlertRule, subject: str, now: int) -> Reading:
    """Load score that is expected of the busiest minute of the next hour, 0–100; of the line the worst agent's."""
    known = [one for one in seen.predictions(subject, now) if one["expected"] is not None]
    if not known:
        return NOTHING
    worst = max(known, key=lambda one: one["expected"] or 0.0)
    value, low, high = (min(100.0, end or 0.0) for end in (worst["expected"], worst["low"], worst["high"]))
    at = datetime.fromtimestamp((worst["expected_at"] or 0) / 1e6, UTC)
    said = (
        f"Within the hour the load of {worst['agent_id']} is expected to reach {value:.0f} of 100 (80 %: {low:.0f} to "
        f"{high:.0f}), about {at:%H:%M} UTC; it was {worst['load']:.0f}"
    )
    return Reading(value, said, [], worst["suggestion"])


def instances(seen: Observed, rule: AlertRule, subject: str, now: int) -> Reading:
    """Instances that answer."""
    alive, silent = seen.instances(subject, now)
    return Reading(alive, f"{alive} instances answer", []) if alive + silent else NOTHING


def instances_silent(seen: Observed, rule: AlertRule, subject: str, now: int) -> Reading:
    """Instances that answered in the last 15 minutes and do no more, without having said that they leave."""
    alive, silent = seen.instances(subject, now)
    said = f"{silent} instances fell silent in the last {span(KNOWN_US / 1e6)}, {alive} answer"
    return Reading(silent, said, []) if alive + silent else NOTHING


def dead_letters(seen: Observed, rule: AlertRule, subject: str, now: int) -> Reading:
    """Dead letters a minute, over the window; of the line only."""
    dead = seen.window(rule, subject, now).total.dead
    value = dead / (rule["window_s"] / 60)
    return Reading(value, f"{dead} dead letters in the last {span(rule['window_s'])}, {value:.3g} a minute", [])


MEASURES: Mapping[str, Measure] = {
    measure.__name__: measure
    for measure in (
        error_rate,
        response_p99_s,
        queue_share,
        load,
        load_expected,
        instances,
        instances_silent,
        dead_letters,
    )
}

SHARES = ("error_rate", "queue_share")
"""Measures from 0 to 1, which people read as percentages."""


def read(seen: Observed, rules: Mapping[str, AlertRule], now: int) -> dict[str, dict[str, Reading]]:
    """What each rule sees, by rule and subject. A measure that is not known here, as an older monitor may be asked
    for, sees nothing."""
    return {
        name: {
            subject: MEASURES[rule["measure"]](seen, rule, subject, now)
            for subject in seen.subjects(rule["subjects"])
            if rule["measure"] in MEASURES
        }
        for name, rule in rules.items()
    }


def span(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 and seconds % 60 == 0 else f"{seconds:g} s"
