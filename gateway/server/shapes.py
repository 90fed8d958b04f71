"""JSON Schemas of what is sent and answered: made from the events' own schemas where they tell of it, and a check.

The check knows the part of JSON Schema 2020-12 that is used here, and says in words what is wrong and where. The same
schemas stand in the OpenAPI document, so what is documented is what is checked.
"""

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from math import isfinite
from typing import Any

from schemas.codec import FOLDER
from schemas.examples import examples, named_types, resolve

Schema = dict[str, Any]

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}
_PLAIN = {"string": "string", "int": "integer", "long": "integer", "double": "number", "boolean": "boolean"}


def problems(schema: Schema, value: Any, parts: Mapping[str, Schema], where: str = "") -> Iterator[str]:
    """What is wrong with a value, a sentence each, without its full stop. `parts`: the schemas that others refer to."""
    if "$ref" in schema:
        yield from problems(parts[schema["$ref"].rpartition("/")[2]], value, parts, where)
        return
    name = where or "The body"
    if "anyOf" in schema:
        if all(any(problems(one, value, parts, where)) for one in schema["anyOf"]):
            yield f"{name} is none of what it may be"
        return
    kinds = schema.get("type")
    if kinds is not None and not any(_is_a(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        yield f"{name} must be {' or '.join([kinds] if isinstance(kinds, str) else kinds)}, not {_shown(value)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{name} must be {_one_of(schema['enum'])}, not {_shown(value)}"
    if isinstance(value, str):
        yield from _of_text(schema, value, name)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _of_number(schema, value, name)
    elif isinstance(value, list):
        yield from _of_list(schema, value, parts, where, name)
    elif isinstance(value, dict):
        yield from _of_object(schema, value, parts, where)


def _of_text(schema: Schema, value: str, name: str) -> Iterator[str]:
    low, high = schema.get("minLength", 0), schema.get("maxLength", len(value))
    if not low <= len(value) <= high:
        yield f"{name} has {len(value)} characters and may have {low} to {schema.get('maxLength', 'any')}"
    elif "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{name} = {_shown(value)} does not look like {schema.get('description', schema['pattern'])}"


def _of_number(schema: Schema, value: float, name: str) -> Iterator[str]:
    if isinstance(value, float) and not isfinite(value):
        yield f"{name} must be a number that is finite, not {value}"
        return
    if value < schema.get("minimum", value):
        yield f"{name} must be at least {schema['minimum']}, not {value}"
    if value > schema.get("maximum", value):
        yield f"{name} must be at most {schema['maximum']}, not {value}"
    if value <= schema.get("exclusiveMinimum", value - 1):
        yield f"{name} must be more than {schema['exclusiveMinimum']}, not {value}"


def _of_list(schema: Schema, value: list[Any], parts: Mapping[str, Schema], where: str, name: str) -> Iterator[str]:
    low, high = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if not low <= len(value) <= high:
        yield f"{name} has {len(value)} entries and may have {low} to {schema.get('maxItems', 'any number')}"
        return
    for index, item in enumerate(value):
        yield from problems(schema.get("items", {}), item, parts, f"{where}[{index}]")


def _of_object(schema: Schema, value: dict[str, Any], parts: Mapping[str, Schema], where: str) -> Iterator[str]:
    known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{_path(where, name)} is missing"
    for name, part in value.items():
        if name in known:
            yield from problems(known[name], part, parts, _path(where, name))
        elif more is False:
            yield f"{_path(where, name)} is not known; there are {', '.join(known)}"
        elif isinstance(more, dict):
            yield from problems(more, part, parts, _path(where, name))


def _is_a(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    return isinstance(value, TYPES[kind])


def _one_of(values: list[Any]) -> str:
    """Null is not named: it is for what may be left out."""
    said = [str(value) for value in values if value is not None]
    return " or ".join(said) if len(said) <= 2 else f"one of {', '.join(said)}"


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else text[:57] + "..."


# --- making schemas


def record(doc: str, fields: Mapping[str, Schema], optional: tuple[str, ...] = ()) -> Schema:
    """An object with these fields and no others; all are there but the optional ones."""
    required = [name for name in fields if name not in optional]
    found = {"type": "object", "description": doc, "properties": dict(fields), "additionalProperties": False}
    return found | ({"required": required} if required else {})


def many(items: Schema, doc: str, **limits: int) -> Schema:
    return {"type": "array", "items": items, "description": doc, **limits}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def text(doc: str, **more: Any) -> Schema:
    return {"type": "string", "description": doc, **more}


def whole(doc: str, **more: Any) -> Schema:
    return {"type": "integer", "description": doc, **more}


def number(doc: str, **more: Any) -> Schema:
    return {"type": "number", "description": doc, **more}


def flag(doc: str, **more: Any) -> Schema:
    return {"type": "boolean", "description": doc, **more}


def or_null(schema: Schema) -> Schema:
    if "null" in schema.get("type", ()):
        return schema
    if "type" in schema:
        return (
            schema
            | {"type": [schema["type"], "null"]}
            | ({"enum": [*schema["enum"], None]} if "enum" in schema else {})
        )
    return {"anyOf": [schema, {"type": "null"}]}


# --- from the events


@cache
def event(folder: str) -> Schema:
    """The newest version of an event as it is in JSON: without its bytes, which hold messages of their own."""
    avro = json.loads(_newest(folder).read_text(encoding="utf-8"))
    return _of_avro(avro, named_types(avro), avro["doc"])


def fields(folder: str, *names: str) -> dict[str, Schema]:
    """Some fields of an event, each with what its schema says of it."""
    known = event(folder)["properties"]
    return {name: known[name] for name in names or known}


def example(folder: str, index: int = 0) -> dict[str, Any]:
    """An example of the newest version of an event, as Python has it."""
    return examples(folder, int(_newest(folder).stem))[index]


def plain(value: Any) -> Any:
    """An event without its bytes."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items() if not isinstance(part, bytes)}
    return [plain(part) for part in value] if isinstance(value, list) else value


def _newest(folder: str) -> Any:
    return max((FOLDER / "events" / folder).glob("*.avsc"), key=lambda path: int(path.stem))


def _of_avro(schema: Any, names: Mapping[str, Any], doc: str) -> Schema:
    schema = resolve(schema, dict(names))
    if isinstance(schema, list):
        return or_null(_of_avro(next(branch for branch in schema if branch != "null"), names, doc))
    if isinstance(schema, str):
        return {"type": _PLAIN[schema], "description": doc}
    kind = schema["type"]
    if kind == "record":
        known = {
            field["name"]: _of_avro(field["type"], names, field.get("doc", ""))
            for field in schema["fields"]
            if "bytes" not in (field["type"], *(field["type"] if isinstance(field["type"], list) else ()))
        }
        return record(doc or schema.get("doc", ""), known)
    if kind == "array":
        return many(_of_avro(schema["items"], names, ""), doc)
    if kind == "map":
        return {"type": "object", "additionalProperties": _of_avro(schema["values"], names, ""), "description": doc}
    if kind == "enum":
        return text(doc, enum=schema["symbols"])
    return _of_avro(kind, names, doc)
