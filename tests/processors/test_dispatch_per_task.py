"""Settings that differ for a task hold for it alone, in every attempt, and after a crash."""

from dataclasses import replace
from typing import Any

from processors.dispatch import Dispatcher, Limits
from tests.support.world import SECOND, World, decision, heartbeat, result, submission


def own_limits(limits: Limits) -> Any:
    """As streams/dispatcher.py makes them of the settings."""

    def of(overrides: Any) -> Limits:
        values = {o["name"]: o["value"] for o in overrides}
        return replace(
            limits,
            retries_max=int(values.get("retries_max", limits.retries_max)),
            redos_max=int(values.get("redos_max", limits.redos_max)),
            quality_min=float(values.get("quality_min", limits.quality_min)),
            balancer=values.get("balancer", limits.balancer),
            timeout_us=int(values.get("timeout_us", limits.timeout_us)),
        )

    return of


class Own(World):
    def fresh(self) -> Dispatcher:
        return Dispatcher(self.limits, own_limits(self.limits))


def world_with(**settings: str) -> Own:
    world = Own()
    world.do("heartbeat", heartbeat(world.now))
    overrides = [{"name": name, "value": value} for name, value in settings.items()]
    world.do("decision", decision(submission("own"), settings=overrides))
    return world


def test_its_own_retries_hold_also_after_a_crash():
    world = world_with(retries_max="0")
    world.crash()
    run = world.runs("own")[-1]
    world.do("result", result(run, "failed", world.now, retryable=True, error="no"))
    assert [o["status"] for o in world.of("tasks.outcomes")] == ["dead_lettered"]


def test_its_own_bar_of_quality_and_redos_hold():
    poor = "Sorry, the rest of the code unchanged."
    world = world_with(quality_min="0.99", redos_max="2")
    for _ in range(3):
        world.do("heartbeat", heartbeat(world.now))
        world.do("result", result(world.runs("own")[-1], "completed", world.now, output=poor))
    assert [e["verdict"] for e in world.of("evaluations")] == ["redo", "redo", "accept"]


def test_its_own_timeout_travels_with_the_assignment_and_so_do_its_settings():
    world = world_with(timeout_us=str(7 * SECOND), model_default="claude-x")
    run = world.runs("own")[0]
    assert run["timeout_ms"] == 7_000
    assert {"name": "model_default", "value": "claude-x"} in run["settings"]


def test_others_keep_the_limits_of_the_line():
    world = world_with(retries_max="0")
    world.do("decision", decision(submission("other")))
    world.do("result", result(world.runs("other")[-1], "failed", world.now, retryable=True, error="no"))
    assert world.of("tasks.outcomes", "other") == []
