"""Which arm of which experiment a task is in; the same in any process and language (test vectors: docs/experiments.md).

    bucket(kind, name, unit) = first 8 bytes, big-endian, of SHA-256("kind/name/unit" in UTF-8), modulo 10,000

The bucket of ("layer", layer, unit) says whether the unit takes part: an experiment has a range of its layer's buckets,
and no two running ones share any. The bucket of ("arm", experiment, unit) says in which arm: arms take their shares of
the buckets in order. So layers, and experiments one after another in a layer, deal the units anew.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256

from schemas.events import Arm, Experiment, Exposure, Override, TaskSubmitted

BUCKETS = 10_000


def bucket(kind: str, name: str, unit: str) -> int:
    digest = sha256(f"{kind}/{name}/{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % BUCKETS


def takes_part(experiment: Experiment, unit: str) -> bool:
    """Whether the unit is one of the experiment's, going by the hash."""
    place = bucket("layer", experiment["layer"], unit) - experiment["first_bucket"]
    return experiment["first_bucket"] >= 0 and 0 <= place < experiment["buckets"]


def arm_of(experiment: Experiment, unit: str) -> Arm:
    """The arm of a unit that takes part."""
    place = bucket("arm", experiment["experiment"], unit)
    for arm in experiment["arms"]:
        place -= arm["share"]
        if place < 0:
            return arm
    raise ValueError(f"the shares of {experiment['experiment']} do not make {BUCKETS}")


def unit_of(experiment: Experiment, task: TaskSubmitted) -> str:
    """What of the task is assigned. Items go with their task."""
    if experiment["unit"] == "task":
        return task["parent_id"] or task["task_id"]
    return task["tenant_id"] if experiment["unit"] == "tenant" else task["session_id"]


def _moves_between_its_parts(experiment: Experiment, task: TaskSubmitted) -> bool:
    """A bandit's shares may move while a task's items come in, which would then be in two arms: such tasks take no
    part."""
    return experiment["mode"] == "bandit" and (task["parent_id"] is not None or bool(task["items"]))


def named(experiment: Experiment, arm: str) -> Arm:
    return next(one for one in experiment["arms"] if one["name"] == arm)


class Assignment:
    """The experiments of a moment. Build a new one when one of them changes."""

    def __init__(self, experiments: Iterable[Experiment]) -> None:
        known = sorted(experiments, key=lambda e: (e["at"], e["experiment"]))
        self._running = [e for e in known if e["status"] == "running"]
        self.adopted: Mapping[str, str] = {
            e["parameter"]: named(e, e["adopted"])["value"] for e in known if e["adopted"] is not None
        }
        """Parameter → the value that was adopted last."""

    def of(self, task: TaskSubmitted) -> tuple[list[Exposure], list[Override]]:
        """What the task takes part in, and which settings differ for it."""
        if not self._running and not self.adopted:
            return [], []
        settings = dict(self.adopted)
        exposures: list[Exposure] = []
        for experiment in self._running:
            unit = unit_of(experiment, task)
            if not takes_part(experiment, unit) or _moves_between_its_parts(experiment, task):
                continue
            arm = arm_of(experiment, unit)
            if arm["stopped"]:
                settings[experiment["parameter"]] = named(experiment, experiment["control"])["value"]
                continue
            settings[experiment["parameter"]] = arm["value"]
            exposures.append(
                {
                    "experiment": experiment["experiment"],
                    "arm": arm["name"],
                    "unit": unit,
                    "propensity": arm["share"] / BUCKETS,
                }
            )
        return exposures, [{"name": name, "value": settings[name]} for name in sorted(settings)]
