"""The finished model, whatever its kind: what one or several members say of a task, made honest.

Each member says how much better or worse than its mean an option will do at this task. The weighted mean of that is
drawn back towards what all options do at such a task, as far as its own errors on labels it had not seen call for: to
nothing, where the members know nothing, so that the best option on the whole is chosen then. A curve makes
probabilities of it, and where the task is unlike the training tasks the model abstains.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from processors.learning import clusters, curve, guide, kin, knn, linear, mlp, regions, space
from processors.learning.model import BadModel, Options, Prediction, Tasks
from processors.learning.stored import Floats, Stored, as_bytes

Member = clusters.Clusters | linear.Linear | knn.Neighbours | mlp.Network | mlp.Networks
MEMBERS: Mapping[str, tuple[str, ...]] = {
    "clusters": ("clusters",),
    "mlp": ("mlp",),
    "blend": ("clusters", "mlp"),
    "linear": ("linear",),
    "knn": ("knn",),
    "wide": ("clusters", "knn", "linear", "mlps"),
}
"""The kinds of models, each with its members. The first three are small enough for the line."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all members stand on."""

    space: space.Space
    kin: kin.Kin
    means: Floats
    """(known options,)"""
    guide: guide.Guide
    regions: regions.Regions
    difficulty: linear.Difficulty


@dataclass(frozen=True, slots=True)
class Finish:
    """What is made of what the members say."""

    shares: Floats
    """(members,) 1 in all."""
    trust: float
    """0–1: how much of what is particular to an option is left."""
    curve: curve.Curve

    def raw(self, base: Floats, common: Floats, said: Sequence[Floats]) -> Floats:
        """Quality before the curve. `base`: the means; `common`: what all options do above theirs; `said`: what each
        member says of each option."""
        own = sum((share * one for share, one in zip(self.shares, said, strict=True)), np.float32(0)) - common
        found: Floats = base + common + np.float32(self.trust) * own
        return found


class Blend:
    def __init__(self, kind: str, ground: Ground, members: Sequence[Member], finish: Finish) -> None:
        self.kind = kind
        self._ground = ground
        self._members = members
        self._finish = finish

    @property
    def trust(self) -> float:
        return self._finish.trust

    @property
    def shares(self) -> dict[str, float]:
        """How much each member counts."""
        return {one.name: float(share) for one, share in zip(self._members, self._finish.shares, strict=True)}

    def predict(self, tasks: Tasks, options: Options) -> Prediction:
        ground = self._ground
        if options.vectors.shape != (len(options.ids), ground.space.size):
            raise ValueError(f"Options of {options.vectors.shape} do not fit a model of {ground.space.size}.")
        points = ground.space.points(tasks)
        guided = ground.guide.points(points)
        near = ground.regions.nearest(guided)
        columns = ground.kin.columns(options)
        base = ground.means @ columns
        said = [excess(one, ground, points, guided, near, options, base, columns) for one in self._members]
        raw = self._finish.raw(base, ground.difficulty.excess(points), said)
        return Prediction(self._finish.curve(raw), near.known, near.known < regions.STRANGE)

    def arrays(self) -> dict[str, NDArray[Any]]:
        ground, finish = self._ground, self._finish
        found: dict[str, NDArray[Any]] = {
            "members": as_bytes([one.name for one in self._members]),
            "means": ground.means,
            "shares": finish.shares,
            "trust": np.array([finish.trust], np.float32),
        }
        for part in (
            ground.space,
            ground.kin,
            ground.guide,
            ground.regions,
            ground.difficulty,
            finish.curve,
            *self._members,
        ):
            found |= part.arrays()
        return found


def excess(
    member: Member,
    ground: Ground,
    points: Floats,
    guided: Floats,
    near: regions.Nearest,
    options: Options,
    base: Floats,
    columns: Floats,
) -> Floats:
    """(m, n) what a member expects above the means. `base` and `columns`: the options in terms of those known."""
    if isinstance(member, mlp.Network | mlp.Networks):
        return member.quality(points, options, ground.kin) - base
    if isinstance(member, clusters.Clusters):
        return member.excess(near) @ columns
    return member.excess(guided if isinstance(member, knn.Neighbours) else points) @ columns


def restore(kind: str, arrays: Mapping[str, NDArray[Any]]) -> Blend:
    """Raises BadModel."""
    if kind not in MEMBERS:
        raise BadModel(f"{kind!r} is no kind of model; there are {', '.join(MEMBERS)}")
    stored = Stored(arrays)
    names = stored.texts("members")
    if names != MEMBERS[kind]:
        raise BadModel(f"a model of the kind {kind} has the members {', '.join(MEMBERS[kind])}, and not these")
    where = space.read(stored)
    known = kin.read(stored, where.size)
    leading = guide.read(stored, where.width)
    ground = Ground(
        space=where,
        kin=known,
        means=stored.floats("means", len(known)),
        guide=leading,
        regions=regions.read(stored, leading.width),
        difficulty=linear.read_difficulty(stored, where.width),
    )
    members = [_read_member(name, stored, ground) for name in names]
    finish = Finish(
        shares=stored.floats("shares", len(names)),
        trust=float(stored.floats("trust", 1)[0]),
        curve=curve.read(stored),
    )
    if (finish.shares < 0).any() or abs(float(finish.shares.sum()) - 1) > 1e-3 or not 0 <= finish.trust <= 1:
        raise BadModel("the arrays shares and trust are no shares")
    stored.finish()
    return Blend(kind, ground, members, finish)


def _read_member(name: str, stored: Stored, ground: Ground) -> Member:
    width, options = ground.space.width, len(ground.kin)
    if name == "clusters":
        return clusters.read(stored, len(ground.regions), options)
    if name == "linear":
        return linear.read(stored, width, options)
    if name == "knn":
        return knn.read(stored, ground.guide.width, options)
    if name == "mlps":
        return mlp.read_several(stored, width, ground.space.size, options)
    return mlp.read(stored, width, ground.space.size, options)
