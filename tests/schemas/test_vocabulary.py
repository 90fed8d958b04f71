"""The vocabulary as it stands: documented, versioned, exemplified, and used."""

import re

import pytest

from schemas import examples as example_files
from schemas.evolution import check, entries, schema_of
from schemas.examples import examples, named_types
from schemas.topics import TOPICS

FOLDER = example_files.FOLDER
ROWS = entries(FOLDER)
EVENTS = sorted({row.event for row in ROWS})
SERVICES = {
    "outside",
    "cli",
    "gateway",
    "supervisor",
    "router",
    "dispatcher",
    "executor",
    "sink",
    "judge",
    "joiner",
    "scorer",
    "monitor",
    "lab",
}
"""Who may stand in topics.yaml; a list, so that a typing error is no new service."""


def _ids(row):
    return f"{row.event}-{row.version}"


def test_the_vocabulary_holds_together():
    assert check(FOLDER) == []


@pytest.mark.parametrize("row", ROWS, ids=_ids)
def test_every_record_field_and_enum_is_documented(row):
    for name, kind in named_types(schema_of(FOLDER, row)).items():
        if kind["type"] == "record":
            assert kind["doc"].strip(), name
            for field in kind["fields"]:
                assert len(field["doc"]) > 5, f"{name}.{field['name']}"


@pytest.mark.parametrize("row", ROWS, ids=_ids)
def test_names_carry_their_units(row):
    """Times end in _at (or are called at), and a number of milliseconds, micro-dollars or tokens says so."""
    for kind in named_types(schema_of(FOLDER, row)).values():
        for field in kind.get("fields", ()):
            unit = re.search(r"\[(.+)\]$", field["doc"])
            branches = field["type"] if isinstance(field["type"], list) else [field["type"]]
            is_time = any(isinstance(b, dict) and b.get("logicalType") == "timestamp-micros" for b in branches)
            assert is_time == bool(unit and "µs" in unit[1]), field
            if is_time:
                assert field["name"] == "at" or field["name"].endswith("_at")
            assert not (unit and unit[1] == "ms") or field["name"].endswith("_ms")
            assert not (unit and unit[1] == "micro-dollars") or field["name"].endswith("_usd_micros")


@pytest.mark.parametrize("row", ROWS, ids=_ids)
def test_unions_are_null_and_one_type(row):
    def unions(schema):
        if isinstance(schema, list):
            yield schema
        elif isinstance(schema, dict):
            for part in [f["type"] for f in schema.get("fields", ())] + [schema.get("items"), schema["type"]]:
                yield from unions(part)

    assert all(union[0] == "null" and len(union) == 2 for union in unions(schema_of(FOLDER, row)))


@pytest.mark.parametrize("row", ROWS, ids=_ids)
def test_examples_show_each_optional_part_used_and_unused(row):
    """Together the examples hold every nullable field both as null and as a value, unless the schema has none."""
    values = examples(row.folder, row.version)
    for field in schema_of(FOLDER, row)["fields"]:
        if isinstance(field["type"], list):
            seen = {value[field["name"]] is None for value in values}
            assert seen == {True, False}, f"{field['name']} is {'never' if True not in seen else 'always'} null"


def test_every_event_travels_on_a_topic_and_every_topic_carries_known_events():
    carried = {event for topic in TOPICS.values() for event in topic.events}
    assert carried == set(EVENTS)


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda t: t.name)
def test_topics_say_who_and_what(topic):
    assert len(topic.description) > 20
    assert set(topic.producers) <= SERVICES
    assert set(topic.consumers) <= SERVICES
    assert topic.producers
    assert topic.consumers
    assert topic.compacted == (topic.retention_ms is None)
    assert topic.partitions is None or topic.partitions > 0


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda t: t.name)
def test_the_key_is_a_field_of_what_it_orders(topic):
    """The first event decides; others of a topic may have keys of their own, such as `@topic` for positions."""
    first = next(row for row in ROWS if row.event == topic.events[0])
    fields = {field["name"] for field in schema_of(FOLDER, first)["fields"]}
    if topic.name == "task.commands":
        fields = {f["name"] for f in schema_of(FOLDER, next(r for r in ROWS if r.event == "ItemFinished"))["fields"]}
    assert topic.key in fields


@pytest.mark.parametrize("event", EVENTS)
def test_events_of_a_task_name_task_session_and_tenant(event):
    """Commands come from people who know the task alone, the router remembers ids; pools belong to no task."""
    row = next(row for row in ROWS if row.event == event)
    fields = {field["name"] for field in schema_of(FOLDER, row)["fields"]}
    if "task_id" in fields and event not in ("TaskCommand", "TaskDecided"):
        assert {"session_id", "tenant_id"} <= fields
