"""Schemas made from the events, and the check by them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.server.routes import agents, alerts, knowledge, skills
from gateway.server.shapes import event, example, or_null, plain, problems, record, ref, text, whole
from schemas.codec import FOLDER

FOLDERS = sorted(path.name for path in (FOLDER / "events").iterdir())
PET = record("A pet.", {"name": text("", minLength=1), "age": or_null(whole("", minimum=0, maximum=99))}, ("age",))


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_example_of_an_event_passes_the_schema_made_from_it(folder: str) -> None:
    assert list(problems(event(folder), plain(example(folder)), {})) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_an_event_without_one_of_its_fields_or_with_one_more_does_not_pass(folder: str) -> None:
    good = plain(example(folder))
    for name in good:
        without = {key: value for key, value in good.items() if key != name}
        assert list(problems(event(folder), without, {})) == [f"{name} is missing"]
    assert "surplus is not known" in next(problems(event(folder), {**good, "surplus": 1}, {}))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"name": "Tom", "age": 3}, []),
        ({"name": "Tom", "age": None}, []),
        ({"name": "Tom"}, []),
        ({}, ["pets[0].name is missing"]),
        ({"name": ""}, ["pets[0].name has 0 characters and may have 1 to any"]),
        ({"name": 7}, ["pets[0].name must be string, not 7"]),
        ({"name": "Tom", "age": True}, ["pets[0].age must be integer or null, not true"]),
        ({"name": "Tom", "age": 100}, ["pets[0].age must be at most 99, not 100"]),
        ({"name": "Tom", "tail": 1}, ["pets[0].tail is not known; there are name, age"]),
        ("Tom", ['pets[0] must be object, not "Tom"']),
    ],
)
def test_what_is_wrong_is_said_with_its_place(value: Any, said: list[str]) -> None:
    body = record("", {"pets": {"type": "array", "items": ref("Pet")}})
    assert list(problems(body, {"pets": [value]}, {"Pet": PET})) == said


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
@settings(deadline=None)
def test_the_check_says_something_about_any_value_and_breaks_on_none(value: Any) -> None:
    said = list(problems(PET, value, {}))
    is_pet = isinstance(value, dict) and set(value) <= {"name", "age"} and isinstance(value.get("name"), str)
    assert said != [] or is_pet


@pytest.mark.parametrize("routes", [agents, alerts, knowledge, skills], ids=lambda module: module.DEFINED.what)
def test_a_definition_may_say_by_http_the_words_that_its_file_may_say(routes: Any) -> None:
    known, form = routes.DEFINED._fields["properties"], routes.DEFINED.kind.form.fields
    for name, schema in known.items():
        if "enum" in schema:
            fitting = {word for word in [*schema["enum"], "unknown"] if form[name].fits(word)}
            assert fitting == {*schema["enum"]} - {None}


def test_what_may_be_left_out_is_refused_with_the_words_that_it_may_be() -> None:
    kind = knowledge.DEFINED._fields["properties"]["kind"]
    assert list(problems(kind, "opinion", {}, "kind")) == ['kind must be practice or decision, not "opinion"']
    assert list(problems(kind, None, {}, "kind")) == []
