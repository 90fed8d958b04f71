"""Making a model from labels: its members, and out of fold how much each of them counts and how far all are trusted."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from processors.learning import clusters, curve, guide, kin, knn, labels, linear, mlp, regions, space
from processors.learning.blend import MEMBERS, Blend, Finish, Ground, Member, excess
from processors.learning.labels import Labels
from processors.learning.model import Labelled, Options
from processors.learning.space import CHUNK, Points
from processors.learning.stored import Floats

FOLDS, NETWORK_FOLDS = 5, 3
"""How many parts labels are cut into, to predict each from the others; the network takes long."""
STEP = 10
"""Shares of members, and trust, are looked for in steps of a tenth: finer ones would be chosen by chance."""
SURE = 1.0
"""Standard errors by which the choices, out of fold, must be better than always the best option. Else it is always
chosen: a router must not be worse than that."""

TrainNetwork = Callable[[Labels, Points, Options, Floats, int], mlp.Network]
"""Labels, points, options, features of the option of each label, seed."""


@dataclass(frozen=True, slots=True)
class _Material:
    """What the fits of all members and folds have in common."""

    points: Points
    guided: guide.Guided
    options: Options
    ground: Ground
    region: NDArray[np.int64]
    features: Floats
    """(k, OPTION_FEATURES) of the option of each label."""
    network: TrainNetwork | None
    seed: int


def fit(kind: str, data: Labelled, seed: int, network: TrainNetwork | None = None) -> Blend:
    """`network` trains one; kinds with that member need it. Raises ValueError for data nothing can be learned from."""
    if kind not in MEMBERS:
        raise ValueError(f"There is no kind {kind!r} of model; there are {', '.join(MEMBERS)}.")
    labels.check(data)
    chance = np.random.default_rng(seed)
    known = kin.fit(data.options)
    mean = labels.means(data, known)
    found = labels.of(data, mean)
    points = Points(space.fit(data.tasks), data.tasks)
    part = chance.permutation(len(points))
    leading, guided = guide.fit(found, points, part % FOLDS)
    # Without clusters, regions only tell what is strange, and one cut does.
    places = regions.fit(guided, chance, len(known), regions.CUTS if "clusters" in MEMBERS[kind] else 1)
    ground = Ground(points.space, known, mean, leading, places, linear.fit_difficulty(found, points))
    given = data.option_features
    features = data.options.features[data.option] if given is None else given
    made = _Material(points, guided, data.options, ground, places.closest(guided), features, network, seed)
    fold = part[found.task]
    unseen = [_unseen(name, made, found, fold) for name in MEMBERS[kind]]
    finish = _finish([one.said for one in unseen], _unseen_common(made, found, fold), mean, found, fold)
    members = [_whole(name, made, found, one) for name, one in zip(MEMBERS[kind], unseen, strict=True)]
    return Blend(kind, ground, members, finish)


def _whole(name: str, made: _Material, found: Labels, unseen: "_Unseen") -> Member:
    """Made from all labels."""
    member = _member(name, made, found, np.ones(len(found), np.bool_))
    if name == mlp.Networks.name:
        return mlp.Networks([one for one in (*unseen.made, member) if isinstance(one, mlp.Network)])
    return member


def _member(name: str, made: _Material, found: Labels, rows: NDArray[np.bool_]) -> Member:
    some = found.only(rows)
    if name == "clusters":
        return clusters.fit(some, made.region, made.ground.regions, made.ground.kin)
    if name == "linear":
        return linear.fit(some, made.points)
    if name == "knn":
        return knn.fit(some, made.guided, np.random.default_rng(made.seed))
    if made.network is None:
        raise ValueError("This kind of model has a network, and nothing was given to train it with.")
    return made.network(
        _with_labels(some, made.ground.means), made.points, made.options, made.features[rows], made.seed
    )


def _with_labels(some: Labels, means: Floats) -> Labels:
    """The network learns the labels themselves."""
    return Labels(some.task, some.option, some.excess + means[some.option], some.weight, some.tasks, some.options)


# --- out of fold


@dataclass(frozen=True, slots=True)
class _Unseen:
    said: Floats
    """(k,) what a member says of each label's option when it was made without that label's task."""
    made: list[Member]
    """Those that said it."""


def _unseen(name: str, made: _Material, found: Labels, fold: NDArray[np.int64]) -> _Unseen:
    """`fold`: a number of each label, the same for all of a task."""
    folds = NETWORK_FOLDS if name in (mlp.Network.name, mlp.Networks.name) else FOLDS
    said, members = np.zeros(len(found), np.float32), []
    for part in range(folds):
        held = fold % folds == part
        if held.any() and not held.all():
            members.append(_member(name, made, found, ~held))
            rows = np.flatnonzero(held)
            for at in range(0, len(rows), CHUNK):
                some = rows[at : at + CHUNK]
                said[some] = _said(members[-1], made, found, some)
    return _Unseen(said, members)


def _unseen_common(made: _Material, found: Labels, fold: NDArray[np.int64]) -> Floats:
    """(k,) how much better or worse all options do at each label's task, by the other tasks."""
    common = np.zeros(len(found), np.float32)
    for part in range(FOLDS):
        held = fold % FOLDS == part
        if held.any() and not held.all():
            difficulty = linear.fit_difficulty(found.only(~held), made.points)
            rows = np.flatnonzero(held)
            for at in range(0, len(rows), CHUNK):
                some = rows[at : at + CHUNK]
                common[some] = difficulty.excess(made.points[found.task[some]])[:, 0]
    return common


def _finish(said: Sequence[Floats], common: Floats, mean: Floats, found: Labels, fold: NDArray[np.int64]) -> Finish:
    base = mean[found.option]
    label = base + found.excess
    shares = _shares(said, found)
    own = sum((share * one for share, one in zip(shares, said, strict=True)), np.float32(0)) - common
    finish = Finish(shares, _trust(own, common, found), curve.identity())
    if finish.trust and not _beats_best(finish.raw(base, common, said), label, found):
        finish = Finish(shares, 0.0, curve.identity())
    raw = finish.raw(base, common, said)
    return Finish(shares, finish.trust, curve.best(raw, label, found.weight, fold % 2))


def _said(member: Member, made: _Material, found: Labels, rows: NDArray[np.int64]) -> Floats:
    ground, option = made.ground, found.option[rows]
    points = made.points[found.task[rows]]
    if isinstance(member, mlp.Network):
        told = member.labelled(points, made.options, ground.kin, option, made.features[rows])
        return np.asarray(told - ground.means[option])
    guided = made.guided[found.task[rows]]
    near = ground.regions.nearest(guided)
    same = np.eye(len(ground.kin), dtype=np.float32)
    every = excess(member, ground, points, guided, near, made.options, ground.means, same)
    return np.asarray(every[np.arange(len(rows)), option])


def _shares(said: Sequence[Floats], found: Labels) -> Floats:
    """Those with the least squared error, in steps."""
    steps = [c for c in product(range(STEP + 1), repeat=len(said)) if sum(c) == STEP]
    all_shares = np.array(steps, np.float64) / STEP
    matrix = np.stack([_apart(one, found) for one in said], 1)
    weighted = (matrix * found.weight[:, None]).T
    gram, right = weighted @ matrix, weighted @ _apart(found.excess, found)
    error = np.einsum("si,ij,sj->s", all_shares, gram, all_shares) - 2 * all_shares @ right
    return np.asarray(all_shares[int(error.argmin())], np.float32)


def _trust(own: Floats, common: Floats, found: Labels) -> float:
    """How much of what is particular to an option makes the squared error least, in steps."""
    own_apart, rest = _apart(own, found), _apart(found.excess - common, found)
    size = float((found.weight * own_apart**2).sum())
    best = float((found.weight * own_apart * rest).sum()) / size if size > 0 else 0.0
    return float(np.clip(round(best * STEP), 0, STEP)) / STEP


def _apart(values: Floats, found: Labels) -> NDArray[np.float64]:
    """Values without what is the same for all labels of a task: a choice depends on how its options differ. Where a
    task has one label, as on the line, the whole value."""
    count = np.bincount(found.task, minlength=found.tasks)
    mean = np.bincount(found.task, values, found.tasks) / np.maximum(count, 1)
    return np.asarray(values - np.where(count > 1, mean, 0.0)[found.task], np.float64)


def _beats_best(quality: Floats, label: Floats, found: Labels) -> bool:
    """Where several options of a task have labels, whether the one with the highest quality does better than always
    the one that is best on the whole. Where none have, as on the line, nothing speaks against it."""
    gains = choice_gains(found.task, found.option, quality, label, found.options)
    if len(gains) < 2:
        return True
    error = float(gains.std(ddof=1)) / len(gains) ** 0.5
    return bool(gains.mean() > SURE * error)


def choice_gains(
    task: NDArray[np.int64], option: NDArray[np.int64], quality: Floats, label: Floats, options: int
) -> NDArray[np.float64]:
    """By task that has a label of the option best on the whole and of others: what choosing by quality wins."""
    counts = np.bincount(option, minlength=options)
    mean = np.bincount(option, label, options) / np.maximum(counts, 1)
    best = int(np.where(counts > 0, mean, -1).argmax())
    of_best = {int(t): float(y) for t, y in zip(task[option == best], label[option == best], strict=True)}
    order = np.lexsort((-quality, task))
    starts = np.flatnonzero(np.diff(task[order], prepend=-1))
    sizes = np.diff(np.append(starts, len(order)))
    chosen = order[starts[sizes > 1]]
    found = [float(label[row]) - of_best[int(task[row])] for row in chosen if int(task[row]) in of_best]
    return np.array(found, np.float64)
