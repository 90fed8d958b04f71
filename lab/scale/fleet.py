"""A fleet of a size, and one scenario on it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from lab.scale.line import LOOK_US, Line, Setup
from lab.scale.mix import MIX, SECOND, Phase, arrivals, divided
from lab.scale.passing import Mishap, Passing
from lab.scale.report import figures
from lab.scale.scenario import AGENTS, Scenario
from lab.scale.settled import Sizes
from lab.scale.tally import Tally
from processors.dispatch import Limits
from processors.scaling import autoscaler

ZONES = ("a", "b")
INSTANCES_A_HOST = 50
HOSTS_MIN = 10
"""So that a tenth of a small fleet is a host that can die."""
FLEET_MIN, FLEET_MAX = 50, 250
"""Bounds of the autoscaler for 200 instances; in proportion for others."""
SLOTS = 5


def setup(scenario: Scenario, agents: int, seed: int, balancer: str | None, scaling: bool) -> Setup:
    """The line's own settings, but for what has to go with the size of the fleet: queues, hosts, partitions, bounds."""
    times = agents / AGENTS
    hosts = max(HOSTS_MIN, agents // INSTANCES_A_HOST)
    usual = Limits(slots=SLOTS)
    limits = replace(
        usual,
        partitions=hosts,
        queue_max=max(100, round(usual.queue_max * times)),
        queue_bytes_max=round(usual.queue_bytes_max * max(1.0, times)),
        balancer=balancer or usual.balancer,
    )
    most = max(agents, round(FLEET_MAX * times))
    bounds = autoscaler.Limits(SLOTS, 1, most, round(FLEET_MIN * times), most, 300 * SECOND, 600 * SECOND)
    return Setup(
        MIX,
        divided(agents, MIX),
        ZONES,
        hosts,
        limits,
        bounds if scaling else None,
        scenario.injections,
        scenario.failures,
        seed,
    )


def simulate(
    scenario: Scenario,
    agents: int,
    seed: int = 0,
    balancer: str | None = None,
    *,
    scaling: bool = True,
    quick: bool = False,
    watch: Callable[[Tally], None] | None = None,
) -> dict[str, Any]:
    """The figures of one run; the same for the same arguments. `quick`: quiet stretches are passed over. `watch` is
    told how it stands after each minute."""
    made = setup(scenario, agents, seed, balancer, scaling)
    line = Line(made, watch=watch)
    phases = [Phase(phase.minutes, phase.per_minute * agents / AGENTS) for phase in scenario.phases]
    passing = _passing(scenario, phases, made.scaling) if quick else None
    tasks = arrivals(phases, made.mix, line.tally.begin, seed, lambda: passing.passed * 60 * SECOND if passing else 0)
    tally = line.run(tasks, scenario.minutes, passing)
    found = figures(tally, scenario, agents=agents, slots=made.limits.slots, left=line.left())
    about = {"scenario": scenario.name, "agents": agents, "seed": seed, "balancer": made.limits.balancer}
    return {**about, "scaling": scaling, **found}


def _passing(scenario: Scenario, phases: Sequence[Phase], bounds: autoscaler.Limits | None) -> Passing:
    mishaps = [
        Mishap(at / 60 / SECOND, at / 60 / SECOND + injection.away_s / 60)
        for injection in scenario.injections
        for at in injection.times(int(scenario.minutes * 60 * SECOND))
    ]
    if bounds is None:
        return Passing(phases, mishaps, 0.0)
    sizes = Sizes(bounds.down_us // LOOK_US + 1)
    return Passing(phases, mishaps, max(bounds.up_us, bounds.down_us) / 60 / SECOND, sizes)
