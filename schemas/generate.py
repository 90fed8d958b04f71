"""Writes events.py, the typed view of the newest schemas. `python -m schemas` calls it; nobody edits events.py."""

import json
from pathlib import Path
from textwrap import fill
from typing import Any

_PRIMITIVES = {
    "string": "str",
    "bytes": "bytes",
    "int": "int",
    "long": "int",
    "double": "float",
    "boolean": "bool",
    "null": "None",
}
_WIDTH = 120
_HEAD = '''"""Generated from the .avsc files by `python -m schemas`. Do not edit: change the schema.

Every event is a plain dict; these types name its fields. `*_at` are microseconds UTC, `*_ms` durations, money is in
micro-dollars.
"""

from typing import Literal, TypedDict
'''


class _Writer:
    def __init__(self) -> None:
        self.blocks: dict[str, str] = {}

    def type_of(self, schema: Any) -> str:
        if isinstance(schema, list):
            return " | ".join(sorted({self.type_of(s) for s in schema}, key=lambda t: t == "None"))
        if isinstance(schema, str):
            return _PRIMITIVES.get(schema) or schema.split(".")[-1]
        kind = schema["type"]
        if kind == "array":
            return f"list[{self.type_of(schema['items'])}]"
        if kind == "map":
            return f"dict[str, {self.type_of(schema['values'])}]"
        if kind == "enum":
            symbols = [f'"{s}"' for s in schema["symbols"]]
            block = f"{schema['name']} = Literal[{', '.join(symbols)}]\n"
            if len(block) > _WIDTH + 1:
                block = f"{schema['name']} = Literal[\n" + "".join(f"    {s},\n" for s in symbols) + "]\n"
            self.blocks.setdefault(schema["name"], block)
            return str(schema["name"])
        if kind == "record":
            fields = [(f["name"], self.type_of(f["type"])) for f in schema["fields"]]
            body = "".join(f"    {name}: {annotation}\n" for name, annotation in fields)
            doc = fill(schema["doc"], 112, subsequent_indent="    ")
            block = f'class {schema["name"]}(TypedDict):\n    """{doc}"""\n\n{body}'
            known = self.blocks.setdefault(schema["name"], block)
            if known != block:
                raise ValueError(f"{schema['name']} is defined in two ways: change it in every schema that holds it")
            return str(schema["name"])
        return self.type_of(kind)


def source(folder: Path) -> str:
    """The text of events.py for the newest version of each event."""
    writer = _Writer()
    for event in sorted((folder / "events").iterdir()):
        newest = max(event.glob("*.avsc"), key=lambda p: int(p.stem))
        writer.type_of(json.loads(newest.read_text(encoding="utf-8")))
    aliases = [b for b in writer.blocks.values() if not b.startswith("class")]
    classes = [b for b in writer.blocks.values() if b.startswith("class")]
    return _HEAD + "\n" + "".join(aliases) + "\n\n" + "\n\n".join(classes)


def write(folder: Path) -> None:
    (folder / "events.py").write_text(source(folder), encoding="utf-8")
