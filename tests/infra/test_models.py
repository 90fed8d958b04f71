"""Models: their weights as bytes whoever wrote them, which one is in use, and changes by one at a time."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from infra import kafka, models
from infra.models import KEPT, RULES, BadPromotion, BadWeights
from infra.registry import MODELS, Registry
from infra.settings import Settings
from schemas.codec import encode
from schemas.events import RoutingModel
from tests.support.learning import model
from tests.support.waiting import until

NUMBERS = st.sampled_from([np.dtype(name) for name in models.DTYPES])
ARRAYS = st.dictionaries(
    st.text(min_size=1, max_size=12).filter(lambda name: name != "__metadata__" and name.isprintable()),
    NUMBERS.flatmap(
        lambda dtype: arrays_of.arrays(
            dtype,
            arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
            elements=arrays_of.from_dtype(dtype, allow_nan=False, allow_infinity=False),
        )
    ),
    max_size=5,
)
NOTES = st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.integers(), max_size=3)


@given(ARRAYS, NOTES)
def test_weights_come_back_as_they_were_and_the_same_make_the_same_bytes(arrays: Any, notes: Any) -> None:
    data = models.to_bytes(arrays, notes)
    found, told = models.from_bytes(data)
    assert told == notes
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], array)
    assert models.to_bytes(dict(reversed(arrays.items())), notes) == data


def _file(header: Any, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


HEADERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
PLACES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F16", "F32", "F64", "BF16", "I64", "U8", "BOOL", "X", ""]),
        "shape": st.lists(st.integers(-1, 2**63), max_size=3),
        "data_offsets": st.lists(st.integers(-1, 2**63) | st.integers(0, 16), min_size=0, max_size=3),
    }
)
GOOD = models.to_bytes({"a": np.ones((2, 3), np.float16), "b": np.arange(4)}, {"kind": "mlp"})


@given(
    st.binary(max_size=200)
    | st.builds(_file, HEADERS, st.binary(max_size=16))
    | st.builds(_file, st.dictionaries(st.text(max_size=4), PLACES, max_size=3), st.binary(max_size=16))
    | st.tuples(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=3)).map(
        lambda at: GOOD[: at[0]] + at[1] + GOOD[at[0] + len(at[1]) :]
    )
)
def test_any_bytes_are_weights_or_an_error_that_says_why(data: bytes) -> None:
    try:
        arrays, notes = models.from_bytes(data)
    except BadWeights as error:
        assert str(error)
    else:
        assert isinstance(notes, dict)
        assert all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f")


def test_what_is_no_number_too_large_or_of_another_type_is_refused() -> None:
    for bad, why in (
        ({"w": np.array([1.0, np.nan], np.float32)}, "no number"),
        ({"w": np.array([np.inf], np.float16)}, "no number"),
        ({"w": np.zeros(3, np.float64)}, "float64"),
        ({"w": np.zeros(models.WEIGHTS_BYTES_MAX, np.int8)}, "800,000"),
        ({str(i): np.zeros(1, np.int8) for i in range(models.ARRAYS_MAX + 1)}, "257 arrays"),
    ):
        with pytest.raises(BadWeights, match=why):
            models.to_bytes(bad, {})


def test_a_record_whose_weights_are_not_those_of_its_hash_is_refused() -> None:
    with pytest.raises(BadWeights, match="hash"):
        models.check(model("m", weights_hash="0" * 64))
    models.check(models.rules_alone(0))


# --- which one is in use


def known(*records: RoutingModel) -> dict[str, RoutingModel]:
    return {record["name"]: record for record in records}


def after(models_: dict[str, RoutingModel], written: Any) -> dict[str, RoutingModel]:
    return {**models_, **known(*written)}


def test_the_one_promoted_last_is_in_use_and_without_any_nobody_is() -> None:
    first, last = (model(name, status="promoted", promoted_at=at) for name, at in (("a", 5), ("b", 7)))
    assert models.champion({}) is None
    assert models.champion(known(model("c"))) is None
    used = models.champion(known(last, first, model("c")))
    assert used is not None
    assert used["name"] == "b"


def test_a_rejected_one_is_promoted_by_force_and_with_a_reason_only() -> None:
    there = known(model("m", status="rejected", reason="It knows nothing."))
    for force, reason in ((False, "I know better"), (True, " "), (False, "")):
        with pytest.raises(BadPromotion, match="It knows nothing"):
            models.promoted(there, "m", 9, "ann", reason, force)
    (written,) = models.promoted(there, "m", 9, "ann", "I know better", force=True)
    assert (written["status"], written["promoted_at"], written["by"]) == ("promoted", 9, "ann")
    assert written["reason"] == "I know better The gate said: It knows nothing."


def test_what_the_gate_said_stays_behind_whatever_is_said_later() -> None:
    there = known(model("m", reason="It knows."), model("n", reason="It knows more."))
    there = after(there, models.promoted(there, "m", 1, "ann", "as agreed."))
    there = after(there, models.promoted(there, "n", 2, "ann", "newer."))
    there = after(there, models.rolled_back(there, 3, "ann", "worse"))
    there = after(there, models.promoted(there, "n", 4, "ann", "again."))
    assert there["m"]["reason"] == "Back from n: worse The gate said: It knows."
    assert there["n"]["reason"] == "again. The gate said: It knows more."


def test_only_the_one_that_is_meant_is_taken_back() -> None:
    there = known(model("m", status="promoted", promoted_at=1), model("n", status="promoted", promoted_at=2))
    with pytest.raises(BadPromotion, match="m is not in use, n is"):
        models.rolled_back(there, 3, "ann", "", "m")
    back, aside = models.rolled_back(there, 3, "ann", "", "n")
    assert (back["name"], aside["name"]) == ("m", "n")


def test_where_all_were_taken_back_it_is_said_so() -> None:
    there = known(model("m", status="promoted", promoted_at=1))
    there = after(there, models.rolled_back(there, 2, "ann", ""))
    with pytest.raises(BadPromotion, match="taken back already"):
        models.rolled_back(there, 3, "ann", "")


def test_what_is_not_there_or_in_use_already_is_not_promoted() -> None:
    with pytest.raises(BadPromotion, match="no model 'x'"):
        models.promoted({}, "x", 1, "ann", "")
    with pytest.raises(BadPromotion, match="in use already"):
        models.promoted({}, RULES, 1, "ann", "")
    with pytest.raises(BadPromotion, match="in use already"):
        models.promoted(known(model("m", status="promoted", promoted_at=1)), "m", 2, "ann", "")


@given(st.lists(st.sampled_from(["a", "b", "c", RULES, "back"]), max_size=12))
def test_going_back_goes_to_the_one_before_and_at_last_to_the_rules(steps: list[str]) -> None:
    """Against a stack of names."""
    there = known(*(model(name) for name in "abc"))
    stack: list[str] = []
    for step in steps:
        used = models.champion(there)
        assert (used["name"] if used else None) == (stack[-1] if stack else None)
        try:
            # The clock stands still, or runs back: later is what was written later.
            if step == "back":
                there = after(there, models.rolled_back(there, 1, "ann", ""))
                stack = stack[:-1] or [RULES]
            else:
                there = after(there, models.promoted(there, step, 1, "ann", ""))
                stack = [name for name in stack if name != step] + [step]
        except BadPromotion:
            assert stack in ([], [RULES]) if step == "back" else step == (stack[-1] if stack else RULES)


def test_the_newest_are_kept_and_the_one_in_use_and_the_one_before_always() -> None:
    never = [model(f"never-{i:02}", created_at=100 + i) for i in range(KEPT + 3)]
    ever = [model(f"ever-{i:02}", status="promoted", created_at=i, promoted_at=i) for i in range(KEPT + 2)]
    rules = models.rules_alone(0)
    assert models.overdue(known(*never, *ever, rules)) == ["ever-01", "ever-00", "never-02", "never-01", "never-00"]


# --- on a real broker


@pytest.mark.e2e
def test_what_is_written_is_read_and_followed_and_what_is_corrupt_is_passed_over(broker: Settings) -> None:
    kept = model("kept", reason="as it was")
    models.write(broker, kept)
    follower = Registry(broker, (MODELS,))
    follower.wait_ready()
    assert follower.models["kept"] == kept
    producer = kafka.producer(broker)
    swapped = encode("RoutingModel", kept | {"weights": b"\x80\x04K\x01."})  # a pickle
    for value in (b"nonsense", swapped, encode("RoutingModel", kept | {"name": "other"})):
        producer.produce(models.TOPIC, value, b"kept")
    producer.flush(10)
    models.write(broker, model("later"))
    until(lambda: "later" in follower.models, 10, "the record after the corrupt ones")
    assert follower.models["kept"] == kept
    assert models.all_models(broker)["kept"] == kept
    before = follower.models
    models.change(broker, lambda there: models.promoted(there, "kept", 10**15, "ann", "good"))
    until(lambda: follower.models["kept"]["status"] == "promoted", 10, "the promotion")
    assert before["kept"] == kept
    follower.close()


@pytest.mark.e2e
def test_nothing_is_written_that_nobody_could_read(broker: Settings) -> None:
    with pytest.raises(BadWeights):
        models.write(broker, model("bad", weights=b"\x80\x04K\x01."))
    assert "bad" not in models.all_models(broker)
