"""The finished model: what holds of every prediction, and that its arrays are all of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from processors.learning import curve, mlp
from processors.learning.blend import MEMBERS, Blend, Finish, Ground, restore
from processors.learning.fitting import fit
from processors.learning.labels import Labels
from processors.learning.model import BadModel, Options, Tasks
from processors.learning.space import Points
from processors.learning.stored import Floats
from tests.support.routing_worlds import SIZE, SPECIALISTS, options, table, tasks

DATA = table(SPECIALISTS, 120, 1)


def untaught(labels: Labels, points: Points, among: Options, features: Floats, seed: int) -> mlp.Network:
    """A network as it is before it has learned anything."""
    chance = np.random.default_rng(seed)
    sizes = {"width": points.space.width, "size": SIZE, "options": len(among.ids)}
    shapes = {
        name: [sizes[one] if isinstance(one, str) else one for one in shape] for name, shape in mlp.SHAPES.items()
    }
    weights = {name: chance.standard_normal(shape).astype(np.float32) / 8 for name, shape in shapes.items()}
    return mlp.Network(weights | {"features_scale": np.ones(5, np.float32)})


MODELS = {kind: fit(kind, DATA, 3, untaught) for kind in MEMBERS}
anything = st.floats(-1e6, 1e6, width=32)


@st.composite
def some_tasks(draw: st.DrawFn) -> Tasks:
    rows = draw(st.integers(1, 4))
    vectors = draw(
        st.lists(st.lists(st.floats(-1, 1, width=32), min_size=SIZE, max_size=SIZE), min_size=rows, max_size=rows)
    )
    width = DATA.tasks.features.shape[1]
    features = draw(st.lists(st.lists(anything, min_size=width, max_size=width), min_size=rows, max_size=rows))
    return Tasks(np.array(vectors, np.float32), np.array(features, np.float32))


@pytest.mark.parametrize("kind", MEMBERS)
@settings(max_examples=10, deadline=None)
@given(some=some_tasks())
def test_whatever_is_asked_probabilities_are_between_0_and_1(kind: str, some: Tasks) -> None:
    told = MODELS[kind].predict(some, DATA.options)
    assert told.quality.shape == (len(some.vectors), 3)
    assert told.quality.dtype == np.float32
    assert ((told.quality >= 0) & (told.quality <= 1)).all()
    assert ((told.known >= 0) & (told.known <= 1)).all()
    assert told.abstains.dtype == np.bool_


@pytest.mark.parametrize("kind", MEMBERS)
@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(4)))
def test_the_order_of_options_makes_no_difference(kind: str, order: list[int]) -> None:
    vectors = np.eye(4, SIZE, dtype=np.float32)
    whole = options("option-0", "option-1", "option-2", "new", vectors=vectors)
    other = options(*(whole.ids[i] for i in order), vectors=vectors[order])
    model = MODELS[kind]
    one, two = (model.predict(DATA.tasks, each).quality for each in (whole, other))
    assert np.allclose(one[:, order], two, atol=1e-5)


@pytest.mark.parametrize("kind", MEMBERS)
def test_an_option_is_judged_alike_whoever_stands_beside_it(kind: str) -> None:
    alone = MODELS[kind].predict(DATA.tasks, options("option-1")).quality[:, 0]
    assert np.allclose(alone, MODELS[kind].predict(DATA.tasks, DATA.options).quality[:, 1], atol=1e-5)


@pytest.mark.parametrize("kind", MEMBERS)
def test_no_options_are_no_error(kind: str) -> None:
    assert MODELS[kind].predict(DATA.tasks, options()).quality.shape == (120, 0)


@pytest.mark.parametrize("kind", MEMBERS)
def test_its_arrays_are_all_of_it(kind: str) -> None:
    arrays = MODELS[kind].arrays()
    again = restore(kind, arrays)
    one, two = (model.predict(DATA.tasks, DATA.options) for model in (MODELS[kind], again))
    assert (one.quality == two.quality).all()
    assert (one.known == two.known).all()
    assert {name: array.tobytes() for name, array in again.arrays().items()} == {
        name: array.tobytes() for name, array in arrays.items()
    }


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_broken_arrays_are_refused(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(MEMBERS)))
    arrays: dict[str, Any] = MODELS[kind].arrays()
    name = data.draw(st.sampled_from(sorted(arrays)))
    harms = ["gone", "text", "nested", "extra", "not a number"]
    # A longer id is an id, and a further cut of the space is one more.
    harm = data.draw(st.sampled_from(harms if name in ("options.ids", "regions.centres") else [*harms, "longer"]))
    array = arrays[name]
    if harm == "gone":
        del arrays[name]
    elif harm == "longer":
        arrays[name] = np.concatenate([array, array[:1]]) if array.size else np.ones((3, *array.shape[1:]), array.dtype)
    elif harm == "text":
        arrays[name] = array.astype("U8")
    elif harm == "nested":
        arrays[name] = array[None]
    elif harm == "extra":
        arrays["more"] = array
    elif array.dtype.kind == "f" and array.size:
        broken = array.copy()
        broken.flat[data.draw(st.integers(0, array.size - 1))] = np.nan
        arrays[name] = broken
    else:
        arrays[name] = array.astype(np.complex64)
    with pytest.raises(BadModel):
        restore(kind, arrays)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("curve.value", np.linspace(1, 0, 67, dtype=np.float32)),
        ("regions.spread", np.zeros(17, np.float32)),
        ("trust", np.array([2.0], np.float32)),
        ("shares", np.array([0.4], np.float32)),
        ("members", np.frombuffer(b"mlp", np.uint8)),
        ("options.ids", np.frombuffer(b"a\0a\0a", np.uint8)),
        ("options.ids", np.frombuffer(b"\xff\xfe\0b\0c", np.uint8)),
        ("space.scale", np.zeros(1, np.float32)),
    ],
)
def test_arrays_of_the_right_shape_that_make_no_sense_are_refused(name: str, array: NDArray[Any]) -> None:
    arrays = MODELS["clusters"].arrays()
    with pytest.raises(BadModel):
        restore("clusters", arrays | {name: np.resize(array, arrays[name].shape) if array.dtype != np.uint8 else array})


def test_a_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadModel, match="no kind of model"):
        restore("pickle", {})


def test_another_embedder_is_refused() -> None:
    narrow = Tasks(DATA.tasks.vectors[:, :4], DATA.tasks.features)
    with pytest.raises(ValueError, match="another embedder"):
        MODELS["clusters"].predict(narrow, DATA.options)


def test_what_is_unlike_all_training_tasks_makes_it_abstain() -> None:
    model = fit("clusters", table(SPECIALISTS, 600, 2), 1)
    usual = model.predict(tasks(np.arange(300) % 3, 5), DATA.options)
    strange = np.zeros((1, SIZE), np.float32)
    strange[0, 9] = -1
    told = model.predict(Tasks(strange, np.full((1, DATA.tasks.features.shape[1]), 40, np.float32)), DATA.options)
    assert told.abstains.all()
    assert told.known[0] < 0.01
    assert usual.abstains.mean() < 0.06


@given(trust=st.floats(0, 1), own=st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3))
def test_trust_draws_towards_the_mean_and_never_beyond(trust: float, own: list[float]) -> None:
    base, said = np.array([0.3, 0.5, 0.7], np.float32), np.array([own], np.float32)
    found = Finish(np.ones(1, np.float32), trust, curve.identity()).raw(base, np.zeros((1, 1), np.float32), [said])
    low, high = np.minimum(base, base + said), np.maximum(base, base + said)
    assert ((found >= low - 1e-6) & (found <= high + 1e-6)).all()
    if trust == 0:
        assert (found == base).all()


def test_options_whose_features_change_are_looked_at_anew() -> None:
    model, before = MODELS["mlp"], DATA.options
    trusting = Blend("mlp", _ground(model), model._members, replace(model._finish, trust=1.0))
    after = Options(before.ids, before.vectors, before.features + 5)
    one, two = (trusting.predict(DATA.tasks, each).quality for each in (before, after))
    assert not np.allclose(one, two)


def _ground(model: Blend) -> Ground:
    return model._ground
