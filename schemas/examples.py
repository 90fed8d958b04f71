"""The example messages of every event and version: what tests feed to codecs, processors and adapters."""

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})


def examples(folder_name: str, version: int, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Events as Python has them; in the files bytes are texts of code points 0–255, as in Avro's own defaults."""
    path = folder / "events" / folder_name / f"{version}.avsc"
    schema = json.loads(path.read_text(encoding="utf-8"))
    values = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    return [from_json(schema, value, named_types(schema)) for value in values]


def named_types(schema: Any) -> dict[str, Any]:
    """Every record and enum within a schema, by its bare name."""
    found: dict[str, Any] = {}
    if isinstance(schema, list):
        for branch in schema:
            found |= named_types(branch)
    elif isinstance(schema, dict):
        if "name" in schema and schema["type"] in ("record", "enum"):
            found[schema["name"]] = schema
        for field in schema.get("fields", ()):
            found |= named_types(field["type"])
        found |= named_types(schema.get("items"))
    return found


def resolve(schema: Any, names: dict[str, Any]) -> Any:
    """The schema itself where a named type is only referred to."""
    if isinstance(schema, str) and schema not in PRIMITIVES:
        return names[schema.rpartition(".")[2]]
    return schema


def from_json(schema: Any, value: Any, names: dict[str, Any]) -> Any:
    schema = resolve(schema, names)
    if isinstance(schema, list):
        # Our unions are null and one more type, so nothing needs to say which branch is meant.
        return None if value is None else from_json(next(s for s in schema if s != "null"), value, names)
    kind = schema if isinstance(schema, str) else schema["type"]
    if kind == "bytes":
        return value.encode("latin-1")
    if kind == "array":
        return [from_json(schema["items"], item, names) for item in value]
    if kind == "record":
        known = {field["name"]: field["type"] for field in schema["fields"]}
        return {name: from_json(known[name], v, names) if name in known else v for name, v in value.items()}
    return value
