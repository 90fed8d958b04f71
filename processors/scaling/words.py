"""The reasons of the autoscaler's decisions, in words that a person can check against what was seen."""

from collections.abc import Collection, Mapping

from processors.scaling.signals import LOAD, Pools, Score
from processors.scaling.sizing import TARGET, WORK_OFF_S, Expected


def growth(pools: Pools, score: Score, slots: float, ahead: str, goes_on: bool, size: int, after: int) -> str:
    """`ahead`: who expects that much, where it is work to come."""
    load = next(signal["value"] for signal in score.signals if signal["name"] == "load")
    if goes_on:
        said = f"The load is {load:.0%}, and {TARGET:.0%} is right: what was cut before goes on."
    elif load <= LOAD.high:
        said = f"{pools.waiting} tasks wait, the first for {pools.oldest_wait_s:.0f} s: one more is tried."
    elif ahead:
        said = f"The {ahead} expects {slots * TARGET:.1f} slots at work soon, a load of {load:.0%}."
    else:
        said = f"The load is {load:.0%}, more than {LOAD.high:.0%}: {_work(pools)}."
    return said if after == size else f"{said} {size} would be right; an agent has {after} at most."


def elsewhere(silent_us: Mapping[str, int], gone: int) -> str:
    """`silent_us`: zones where an agent has instances that do not live; so many of these are waited for no more."""
    if not gone:
        return f"They go elsewhere than zone {' and '.join(sorted(silent_us))}, where no host takes instances."
    since = " and ".join(f"{zone} for {_span(us)}" for zone, us in sorted(silent_us.items()))
    return f"No host has taken instances in zone {since}: {gone} there count no more."


def held(why: str, full: Collection[str], cpu: float | None) -> str:
    """Why none is added that the load asks for; the zones that it could go to are full, or there is none."""
    if not full:
        return f"{why} None is added: no host takes instances, so none would come to life."
    where = f"the hosts of zone {' and '.join(sorted(full))}" if any(full) else "the hosts"
    return f"{why} None is added: {where} use {cpu:.0%} of their processors, so more there would make nothing better."


def _work(pools: Pools) -> str:
    if not pools.waiting:
        return f"{pools.running} of {pools.slots} slots are at work"
    minutes = WORK_OFF_S / 60
    return f"{pools.running} tasks run and {pools.waiting} wait, to be worked off in {minutes:.0f} min"


def shrinkage(watched_us: int, load: float, kept_for: str) -> str:
    said = f"The load was {load:.0%} at the most in the last {_span(watched_us)}, less than {LOAD.low:.0%}."
    return f"{said} {kept_for}" if kept_for else said


def kept(pools: Pools, expected: Expected | None) -> str:
    """Why a scale-in leaves more than the load of late asks for."""
    ahead = f", and up to {expected.upper:.1f} are expected within the hour" if expected else ""
    return f"More are kept than that needs: {pools.running} slots are at work{ahead}."


def cut_by_step(does: str, step: int, within_us: int) -> str:
    return f"Not all at once: the fleet {does} {step} in {_span(within_us)} at most."


def cut_by_bound(bound: str) -> str:
    return f"Not all of it: {bound}."


def _span(us: int) -> str:
    seconds = us / 1e6
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
