"""How the vocabulary changes: what makes a version acceptable, and the one way to add one.

A published version is never edited. Every version is read by the readers of every other one, older and newer
(FULL_TRANSITIVE), once registry.json lists it: so topics are replayed from their start, and of the services those that
only read an event are updated first.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from fastavro import parse_schema
from fastavro.schema import SchemaParseException
from fastavro.validation import validate

from schemas import generate
from schemas.examples import examples, from_json, named_types, resolve

_WIDER = {("int", "long"), ("int", "double"), ("long", "double"), ("float", "double")}
"""(writer, reader): numbers that Avro widens while reading."""


class Unacceptable(ValueError):
    """The change would break readers or leave something unsaid; nothing was written."""


class Entry(NamedTuple):
    """A line of registry.json."""

    id: int
    event: str
    folder: str
    version: int
    sha256: str


def fingerprint(schema: Any) -> str:
    """What registry.json remembers of a version: everything but the layout of the file."""
    text = json.dumps(schema, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def entries(folder: Path) -> list[Entry]:
    return [Entry(**row) for row in json.loads((folder / "registry.json").read_text(encoding="utf-8"))["schemas"]]


def schema_of(folder: Path, entry: Entry) -> Any:
    return json.loads((folder / "events" / entry.folder / f"{entry.version}.avsc").read_text(encoding="utf-8"))


def add(folder: Path, event: str, fields: list[dict[str, Any]], remove: list[str]) -> Entry:
    """Writes the next version of an event: schema, examples, registry, events.py."""
    rows = entries(folder)
    versions = [row for row in rows if row.event == event]
    if not versions:
        raise Unacceptable(f"there is no event {event}; there are {', '.join(sorted({r.event for r in rows}))}")
    newest = max(versions, key=lambda row: row.version)
    schema = _changed(schema_of(folder, newest), fields, remove)
    problems = list(faults(schema))
    for row in versions:
        problems += both_ways(schema, schema_of(folder, row), f"version {row.version}")
    if problems:
        raise Unacceptable("; ".join(dict.fromkeys(problems)))
    entry = Entry(max(r.id for r in rows) + 1, event, newest.folder, newest.version + 1, fingerprint(schema))
    _write(folder, rows, newest, entry, schema)
    return entry


def _changed(schema: Any, fields: list[dict[str, Any]], remove: list[str]) -> Any:
    names = [field["name"] for field in schema["fields"]]
    if not fields and not remove:
        raise Unacceptable("nothing to change: give --field or --remove")
    for name in remove:
        if name not in names:
            raise Unacceptable(f"{schema['name']} has no field {name} to remove; it has {', '.join(names)}")
    for field in fields:
        if "name" not in field or "type" not in field:
            raise Unacceptable(f"a field needs name, type, default and doc; this has {', '.join(field) or 'nothing'}")
        if field["name"] in names:
            raise Unacceptable(
                f"{schema['name']} has a field {field['name']} already: a field never changes its type or meaning; "
                "add one with another name"
            )
        if "default" not in field:
            raise Unacceptable(f"{field['name']} has no default: readers would not know what older messages mean")
    kept = [field for field in schema["fields"] if field["name"] not in remove]
    return {**schema, "fields": kept + fields}


def _write(folder: Path, rows: list[Entry], newest: Entry, entry: Entry, schema: Any) -> None:
    place = folder / "events" / entry.folder
    values = json.loads((place / f"{newest.version}.json").read_text(encoding="utf-8"))
    known = {field["name"]: field for field in schema["fields"]}
    # The default is all we know of a new field; a person puts a telling value into the first example.
    values = [{name: value.get(name, field.get("default")) for name, field in known.items()} for value in values]
    _dump(place / f"{entry.version}.avsc", schema)
    _dump(place / f"{entry.version}.json", values)
    listed = ",\n".join(f"  {json.dumps(row._asdict())}" for row in [*rows, entry])
    (folder / "registry.json").write_text(f'{{\n "schemas": [\n{listed}\n ]\n}}\n', encoding="utf-8")
    generate.write(folder)


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def check(folder: Path) -> list[str]:
    """All that is wrong with a vocabulary; empty when it holds together."""
    rows = entries(folder)
    problems = list(_registry_faults(folder, rows))
    if problems:
        return problems  # what follows reads the files that the registry names
    for row in rows:
        schema = schema_of(folder, row)
        where = f"{row.event} version {row.version}"
        problems += [f"{where}: {fault}" for fault in faults(schema)]
        problems += [f"{where}: {fault}" for fault in _example_faults(folder, row, schema)]
        for other in rows:
            if other.event == row.event and other.version < row.version:
                problems += [
                    f"{where}: {p}" for p in both_ways(schema, schema_of(folder, other), f"version {other.version}")
                ]
    if not problems and (folder / "events.py").read_text(encoding="utf-8") != generate.source(folder):
        problems.append("events.py is not what the schemas say: run `python -m schemas generate`")
    return problems


def _registry_faults(folder: Path, rows: list[Entry]) -> Iterator[str]:
    ids = [row.id for row in rows]
    if ids != list(range(1, len(ids) + 1)):
        yield f"ids in registry.json are {ids}: they count 1, 2, 3, … and are never used again"
    for event in sorted({row.event for row in rows}):
        versions = [row.version for row in rows if row.event == event]
        if versions != list(range(1, len(versions) + 1)):
            yield f"{event} has versions {versions} in registry.json: they count 1, 2, 3, … in order"
    listed = {folder / "events" / row.folder / f"{row.version}.avsc": row for row in rows}
    found = set((folder / "events").glob("*/*.avsc"))
    for path in sorted(found - set(listed)):
        yield f"{path.relative_to(folder)} is not in registry.json: add versions with `python -m schemas add`"
    for path, row in listed.items():
        if path not in found:
            yield f"{path.relative_to(folder)} is in registry.json but not there: a published version stays"
            continue
        schema = schema_of(folder, row)
        if schema.get("name") != row.event:
            yield f"{path.relative_to(folder)} is of {schema.get('name')}, not {row.event}"
        if fingerprint(schema) != row.sha256:
            yield f"{path.relative_to(folder)} was edited after it was published: restore it and add a version"


def _example_faults(folder: Path, row: Entry, schema: Any) -> Iterator[str]:
    try:
        values = examples(row.folder, row.version, folder)
    except (OSError, ValueError, AttributeError) as error:
        yield f"its examples cannot be read: {error}"
        return
    if len(values) < 2:
        yield f"it has {len(values)} examples; two at least, one full and one minimal"
    parsed = parse_schema(schema, {})
    for index, value in enumerate(values):
        if set(value) != {field["name"] for field in schema["fields"]}:
            yield f"example {index} has not exactly the fields of the schema"
        elif not validate(value, parsed, raise_errors=False):
            yield f"example {index} does not fit the schema"


def faults(schema: Any) -> Iterator[str]:
    """What is missing or malformed in one schema."""
    try:
        parse_schema(schema, {})
    except (SchemaParseException, KeyError, TypeError, ValueError) as error:
        yield f"is no Avro schema: {error}"
        return
    names = named_types(schema)
    for name, kind in names.items():
        if kind["type"] == "enum":
            if "default" not in kind:
                yield f"enum {name} has no default symbol: older readers could not read a newer one"
            continue
        if not str(kind.get("doc", "")).strip():
            yield f"record {name} has no doc"
        for field in kind["fields"]:
            if not str(field.get("doc", "")).strip():
                yield f"{name}.{field['name']} has no doc: say what it means, its unit, and what null means"
            if "default" in field and not _fits(field["type"], field["default"], names):
                yield f"{name}.{field['name']} has a default that does not fit its type (of a union: the first)"


def _fits(schema: Any, default: Any, names: dict[str, Any]) -> bool:
    first = resolve(schema[0] if isinstance(schema, list) else schema, names)
    if first == "null":
        return default is None
    if isinstance(first, dict) and first["type"] == "array":
        first = first | {"items": resolve(first["items"], names)}
    try:
        return bool(validate(from_json(first, default, names), parse_schema(first, {}), raise_errors=False))
    except (AttributeError, TypeError, KeyError, UnicodeEncodeError, SchemaParseException):
        return False


def both_ways(one: Any, other: Any, name: str) -> list[str]:
    """Why one schema cannot read the other's messages, or the other way round."""
    back = unreadable(one, other, one["name"], (named_types(one), named_types(other)))
    forth = unreadable(other, one, one["name"], (named_types(other), named_types(one)))
    return [f"cannot read {name}: {p}" for p in back] + [f"{name} cannot read it: {p}" for p in forth]


def unreadable(reader: Any, writer: Any, path: str, names: tuple[dict[str, Any], dict[str, Any]]) -> Iterator[str]:
    """What a reader with the one schema could not read of a message written with the other. `names`: of each."""
    reader, writer = resolve(reader, names[0]), resolve(writer, names[1])
    if isinstance(writer, list):
        for branch in writer:
            yield from unreadable(reader, branch, path, names)
        return
    if isinstance(reader, list):
        if all(any(unreadable(branch, writer, path, names)) for branch in reader):
            yield f"{path} was {_kind(writer)}, which is none of {', '.join(map(_kind, reader))}"
        return
    wrote, reads = _kind(writer), _kind(reader)
    if wrote != reads:
        if (wrote, reads) not in _WIDER:
            yield f"{path} was {wrote} and is {reads}"
    elif reads == "array":
        yield from unreadable(reader["items"], writer["items"], f"{path}[]", names)
    elif reads == "enum":
        lost = set(writer["symbols"]) - set(reader["symbols"])
        if lost and "default" not in reader:
            yield f"{path} may be {', '.join(sorted(lost))}, and no default says how to read that"
    elif reads == "record":
        written = {field["name"]: field for field in writer["fields"]}
        for field in reader["fields"]:
            inner = f"{path}.{field['name']}"
            if field["name"] in written:
                yield from unreadable(field["type"], written[field["name"]]["type"], inner, names)
            elif "default" not in field:
                yield f"{inner} is not written and has no default"


def _kind(schema: Any) -> str:
    return schema if isinstance(schema, str) else str(schema["type"])
