"""The key figures of a day against their targets (R2.7 of the requirements). Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from gateway.reports.day.figures import Busy, Day
from gateway.units import duration


@dataclass(frozen=True)
class Kpi:
    name: str
    meaning: str
    figure: float | None
    target: str
    """In words."""
    met: bool | None
    """None: there is no figure."""
    before: float | None
    """The day before."""
    week: float | None
    """Mean of the seven days before."""
    written: str
    before_written: str
    week_written: str


@dataclass(frozen=True)
class _Rule:
    name: str
    meaning: str
    target: str
    holds: Callable[[float], bool]
    write: Callable[[float], str]
    figures: Mapping[date, float | None]
    none: str = "no data"


def kpis(day: Day) -> list[Kpi]:
    return [_kpi(day, rule) for rule in _rules(day)]


def _rules(day: Day) -> Iterator[_Rule]:
    totals = day.totals
    yield _Rule(
        "completion", "accepted tasks that complete", "≥ 95%", lambda share: share >= 0.95, share_of,
        {on: total.completion for on, total in totals.items()},
    )  # fmt: skip
    yield _Rule(
        "response", "mean time from handed in to completed", "≤ 30 min", lambda ms: ms <= 1_800_000, time_of,
        {on: total.response_ms_mean for on, total in totals.items()},
    )  # fmt: skip
    yield _Rule(
        "errors", "accepted tasks that fail or become dead letters", "< 2%", lambda share: share < 0.02, share_of,
        {on: total.errors for on, total in totals.items()},
    )  # fmt: skip
    yield _Rule(
        "load spread", "busiest above idlest instance of an agent, beside their mean; the worst agent", "≤ 20%",
        lambda share: share <= 0.2, share_of, {on: worst(busy)[1] for on, busy in day.busy.items()},
        "no data: no agent has two instances at work",
    )  # fmt: skip
    yield _Rule(
        "single-point share", "attempts that hang on the one host with the most", "≤ 50%", lambda share: share <= 0.5,
        share_of, {on: most(busy)[1] for on, busy in day.busy.items()},
    )  # fmt: skip
    yield _Rule(
        "recovery", "mean time from dead letter to completed after all", "≤ 4 h", lambda hours: hours <= 4,
        lambda hours: duration(hours * 3_600_000_000), day.recovery_h, "no data: nothing was redriven and completed",
    )  # fmt: skip
    yield _Rule(
        "preventive alerts", "alarms about the next hour's load that came true", "≥ 80%", lambda share: share >= 0.8,
        share_of, {on: of.came_true for on, of in day.preventive.items()}, "no data: no alarm was judged",
    )  # fmt: skip
    yield _Rule(
        "overloads foreseen", "predictions before too much load that were alarms", "≥ 80%", lambda share: share >= 0.8,
        share_of, {on: of.seen_before for on, of in day.preventive.items()}, "no data: no load was too much",
    )  # fmt: skip


def _kpi(day: Day, rule: _Rule) -> Kpi:
    figure, before, week = rule.figures.get(day.day), rule.figures.get(day.before), day.week(rule.figures)

    def written(found: float | None, none: str = "–") -> str:
        return none if found is None else rule.write(found)

    met = None if figure is None else rule.holds(figure)
    shown = written(figure, rule.none), written(before), written(week)
    return Kpi(rule.name, rule.meaning, figure, rule.target, met, before, week, *shown)


def spread(busy: Sequence[Busy]) -> dict[str, float]:
    """Of each agent with several instances: how far the busiest is above the idlest, as a share of their mean."""
    by_instance: dict[str, dict[str, int]] = {}
    for one in busy:
        of_agent = by_instance.setdefault(one.agent, {})
        of_agent[one.instance] = of_agent.get(one.instance, 0) + one.busy_ms
    return {
        agent: (max(times) - min(times)) / (sum(times) / len(times))
        for agent, times in ((agent, list(of_agent.values())) for agent, of_agent in by_instance.items())
        if len(times) > 1 and sum(times) > 0
    }


def worst(busy: Sequence[Busy]) -> tuple[str, float | None]:
    found = spread(busy)
    agent = max(found, key=lambda name: found[name], default="")
    return agent, found.get(agent)


def most(busy: Sequence[Busy]) -> tuple[str, float | None]:
    """The host with the most attempts, and its share of all."""
    by_host: dict[str, int] = {}
    for one in busy:
        by_host[one.host] = by_host.get(one.host, 0) + one.attempts
    host = max(by_host, key=lambda name: by_host[name], default="")
    return host, by_host[host] / sum(by_host.values()) if by_host else None


def share_of(share: float) -> str:
    return f"{share:.1%}"


def time_of(ms: float) -> str:
    return duration(ms * 1000)
