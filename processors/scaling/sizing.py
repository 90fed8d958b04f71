"""How many slots the work needs, how many instances that is, and in which zones they come and go."""

from collections.abc import Collection, Mapping
from math import ceil
from typing import Literal, NamedTuple

from processors.scaling.signals import LOAD, Pools
from schemas.calendar import Calendar

TARGET = 0.6
"""Share of the slots that shall be at work: between the two thresholds, so that a change ends in the dead band."""
WORK_OFF_S = 300.0
"""What waits shall be worked off in so long, beside what comes."""
STEP_US = 600_000_000
SOON_STEPS, HOUR_STEPS = 3, 6
"""Steps that a calendar looks ahead: as far as the forecast does."""
_ROUNDING = 1e-9


class Expected(NamedTuple):
    """What the forecast says, or the calendar [slots at work]."""

    soon: float
    """The most that is expected in the next quarter of an hour or two."""
    upper: float
    """The most that its interval holds within the horizon; the calendar has no interval."""
    by: Literal["forecast", "calendar"] = "forecast"


def by_calendar(calendar: Calendar, at_work: float, now: int) -> Expected | None:
    """A load that goes with the calendar from what it is now; null where that does not rise."""
    of_now = calendar.factor(now)
    rises = [calendar.factor(now + step * STEP_US) / of_now for step in range(HOUR_STEPS + 1)]
    soon, upper = (at_work * max(some) for some in (rises[: SOON_STEPS + 1], rises))
    return Expected(soon, upper, "calendar") if upper > at_work else None


def slots_wanted(pools: Pools, per_s: float) -> float:
    """For attempts that come at this rate and those that wait. A waiting task needs one slot at most."""
    if not pools.response_s:  # nothing was done yet: nobody knows how long it takes
        return max(pools.running / TARGET, float(pools.running + pools.waiting))
    flow = per_s * pools.response_s
    backlog = pools.waiting * min(1.0, pools.response_s / WORK_OFF_S)
    return max(flow / TARGET, flow + backlog)


def instances_for(slots: float, slots_each: int) -> int:
    return max(0, ceil(slots / slots_each - _ROUNDING))


def load_of(slots: float, instances: int, slots_each: int) -> float:
    """Work that wants so many slots, as a share of those that the wanted instances have; of none any work is all."""
    return slots * TARGET / (instances * slots_each) if instances else float(slots > 0)


def kept_at_least(pools: Pools, expected: Expected | None, slots_each: int) -> int:
    """Instances that a scale-in leaves: those whose slots are at work now, and those that the forecast may need."""
    upper = expected.upper / LOAD.high if expected else 0.0
    return max(instances_for(pools.running, slots_each), instances_for(upper, slots_each))


def may_grow(of_zones: Mapping[str, int], there: Collection[str]) -> list[str]:
    """Zones that more instances may go to, of those that are `there`. Those without any are passed over where others
    have more than one: somebody emptied them."""
    here = [zone for zone in of_zones if zone in there]
    return [zone for zone in here if of_zones[zone]] if any(of_zones[zone] > 1 for zone in here) else here


def resized(of_zones: Mapping[str, int], total: int, there: Collection[str] | None = None) -> dict[str, int]:
    """One by one into the zone that has the fewest, or out of the one that has the most. `there`: zones in which that
    is of use; null: all."""
    made, there = dict(of_zones), of_zones if there is None else there
    to = may_grow(made, there) or list(made)
    while (missing := total - sum(made.values())) > 0:
        made[min(to, key=made.__getitem__)] += 1
    for _ in range(-missing):
        here = [zone for zone in made if zone in there and made[zone]] or list(made)
        made[max(here, key=made.__getitem__)] -= 1
    return made
