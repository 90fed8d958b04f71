"""Adding versions, and noticing when the rules of the vocabulary are broken. All in a copy of the folder."""

import json
import shutil
import subprocess
import sys
from io import BytesIO
from itertools import product

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas import generate
from schemas.__main__ import main
from schemas.codec import FOLDER, Codec
from schemas.evolution import Unacceptable, add, both_ways, check, entries, schema_of
from schemas.examples import examples

ZONE = {"name": "zone", "type": ["null", "string"], "default": None, "doc": "Zone of the host; null when unknown."}


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "schemas", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "schemas"


def _edit(path, change):
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def test_one_command_adds_a_version(folder, capsys):
    before = entries(folder)
    assert main(["--folder", str(folder), "add", "TaskOutcome", "--field", json.dumps(ZONE)]) == 0
    after = entries(folder)
    assert after[:-1] == before
    assert (after[-1].event, after[-1].version, after[-1].id) == ("TaskOutcome", 3, len(before) + 1)
    assert "zone: str | None" in (folder / "events.py").read_text(encoding="utf-8")
    assert check(folder) == []
    assert "3.avsc" in capsys.readouterr().out


def test_the_module_runs_as_a_command(folder):
    done = subprocess.run(
        [sys.executable, "-m", "schemas", "--folder", str(folder), "check"],
        capture_output=True,
        text=True,
        cwd=FOLDER.parent,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "The vocabulary holds together.\n")


def test_old_and_new_services_read_each_other(folder):
    old = Codec(folder)
    add(folder, "TaskOutcome", [ZONE], [])
    new = Codec(folder)
    value = examples("task_outcome", 2, folder)[0]
    assert new.decode(old.encode("TaskOutcome", value)) == ("TaskOutcome", value | {"zone": None})
    assert Codec(folder).decode(new.encode("TaskOutcome", value | {"zone": "a"}))[1]["zone"] == "a"


def test_a_field_with_a_default_may_go_and_never_come_back_as_something_else(folder):
    add(folder, "TaskOutcome", [], ["quality"])
    assert check(folder) == []
    returning = {"name": "quality", "type": "string", "default": "", "doc": "In words now."}
    with pytest.raises(Unacceptable, match=r"quality was .*double"):
        add(folder, "TaskOutcome", [returning], [])


@pytest.mark.parametrize(
    ("fields", "remove", "reason"),
    [
        ([ZONE | {"doc": " "}], [], "no doc"),
        ([{k: v for k, v in ZONE.items() if k != "doc"}], [], "no doc"),
        ([{k: v for k, v in ZONE.items() if k != "default"}], [], "no default"),
        ([ZONE | {"name": "status"}], [], "already"),
        ([ZONE | {"type": "string"}], [], "default|Default"),
        ([ZONE | {"type": "strng", "default": ""}], [], "no Avro schema"),
        ([ZONE | {"type": {"type": "enum", "name": "Zone", "symbols": ["a"]}, "default": "a"}], [], "default symbol"),
        ([{"doc": "nothing else"}], [], "needs name"),
        ([], ["nonsense"], "no field nonsense"),
        ([], ["task_id"], "no default"),
        ([], [], "nothing to change"),
    ],
)
def test_a_change_that_breaks_or_hides_something_is_refused_and_nothing_written(folder, fields, remove, reason):
    before = {path: path.read_bytes() for path in folder.rglob("*.*")}
    with pytest.raises(Unacceptable, match=reason):
        add(folder, "TaskOutcome", fields, remove)
    assert {path: path.read_bytes() for path in folder.rglob("*.*")} == before


def test_refusals_are_sentences_and_exit_codes(folder, capsys):
    assert main(["--folder", str(folder), "add", "Nonsense", "--field", "{}"]) == 1
    assert "there is no event Nonsense" in capsys.readouterr().err
    assert main(["--folder", str(folder), "add", "TaskOutcome", "--field", "[]"]) == 1
    assert "takes an object" in capsys.readouterr().err


def test_an_edited_version_is_noticed(folder):
    _edit(folder / "events/task_outcome/1.avsc", lambda schema: schema.update(doc="Something else."))
    assert any("edited after it was published" in problem for problem in check(folder))


def test_a_version_layout_may_change(folder):
    path = folder / "events/task_outcome/1.avsc"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")), indent=4), encoding="utf-8")
    assert check(folder) == []


def test_a_version_outside_the_registry_is_noticed(folder):
    shutil.copy(folder / "events/task_outcome/2.avsc", folder / "events/task_outcome/3.avsc")
    assert any("not in registry.json" in problem for problem in check(folder))


def test_a_missing_version_is_noticed(folder):
    (folder / "events/task_outcome/1.avsc").unlink()
    assert any("a published version stays" in problem for problem in check(folder))


@pytest.mark.parametrize("change", [{"id": 1}, {"id": 99}, {"version": 99}])
def test_ids_and_versions_that_do_not_count_up_are_noticed(folder, change):
    _edit(folder / "registry.json", lambda registry: registry["schemas"][-1].update(change))
    assert check(folder) != []


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values.__delitem__(slice(1, None)),
        lambda values: values[0].pop("status"),
        lambda values: values[0].update(unheard_of=1),
        lambda values: values[0].update(status="nonsense"),
        lambda values: values[0].update(attempts="two"),
    ],
)
def test_poor_examples_are_noticed(folder, change):
    _edit(folder / "events/task_outcome/1.json", change)
    assert any("TaskOutcome" in problem and "example" in problem for problem in check(folder))


def test_stale_generated_types_are_noticed_and_mended(folder):
    events = folder / "events.py"
    events.write_text(events.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert any("events.py" in problem for problem in check(folder))
    assert main(["--folder", str(folder), "generate"]) == 0
    assert check(folder) == []
    assert events.read_text(encoding="utf-8") == generate.source(folder)


def _record(*fields):
    return {"type": "record", "name": "R", "doc": "d", "fields": [{"doc": "d", **field} for field in fields]}


def _enum(*symbols, **more):
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


@pytest.mark.parametrize(
    ("one", "other", "fits"),
    [
        (_record({"name": "a", "type": "string"}), _record({"name": "a", "type": "string"}), True),
        (_record({"name": "a", "type": "string"}), _record({"name": "a", "type": "int"}), False),
        (_record({"name": "a", "type": "int"}), _record({"name": "a", "type": "long"}), False),
        (_record({"name": "a", "type": "string"}), _record({"name": "a", "type": ["null", "string"]}), False),
        (_record({"name": "a", "type": _enum("x")}), _record({"name": "a", "type": _enum("x", "y")}), False),
        (
            _record({"name": "a", "type": _enum("x", default="x")}),
            _record({"name": "a", "type": _enum("x", "y", default="x")}),
            True,
        ),
        (
            _record({"name": "a", "type": {"type": "array", "items": "string"}}),
            _record({"name": "a", "type": {"type": "array", "items": "int"}}),
            False,
        ),
    ],
)
def test_compatibility_goes_both_ways(one, other, fits):
    assert (both_ways(one, other, "the other") == []) == fits


def test_every_reader_reads_every_writer():
    """FULL_TRANSITIVE, proven on the examples by Avro itself rather than by our own rules."""
    for event in {row.event for row in entries(FOLDER)}:
        versions = [row for row in entries(FOLDER) if row.event == event]
        for writer, reader in product(versions, versions):
            written, read = (parse_schema(schema_of(FOLDER, row), {}) for row in (writer, reader))
            for value in examples(writer.folder, writer.version):
                body = BytesIO()
                schemaless_writer(body, written, value)
                body.seek(0)
                found = schemaless_reader(body, written, read)
                assert set(found) == {field["name"] for field in read["fields"]}
