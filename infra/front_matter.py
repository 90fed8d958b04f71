"""Definitions as Markdown files: front matter in YAML, then text. What all such files share, whatever they define.

A file's name is the id of what it defines. Whatever is not understood is an error that names file and line.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import yaml

FILE_BYTES_MAX = 256 * 1024
"""Far more than a good prompt needs, far less than a Kafka message may have."""
_FIRST_LINE = 2
"""Line of the file on which the front matter begins, below its `---`."""

D = TypeVar("D")


class BadFile(ValueError):
    """A file defines nothing that can be used; the text says where, what is wrong and what is accepted."""

    def __init__(self, said: str, line: int | None = None, where: object = None, *, of: str | None = None) -> None:
        """`where`: the file, and the `line` in it, which go before what is `said`; `of`: the field that is wrong, where
        the line is not known."""
        place = "" if where is None else f"{where}: " if line is None else f"{where}:{line}: "
        super().__init__(place + said)
        self.said = said
        self.line = line
        self.of = of


class Field(NamedTuple):
    """A name that the front matter may hold."""

    default: Any
    fits: Callable[[Any], bool]
    accepted: str


@dataclass(frozen=True)
class Form(Generic[D]):
    """How files of one sort are read and written."""

    what: str
    """What a file defines, in words: `agent`."""
    id: re.Pattern[str]
    id_accepted: str
    fields: Mapping[str, Field]
    make: Callable[[str, dict[str, Any], str], D]
    """The definition of an id, its fields and its text; `updated_at` is 0 until it is published. Raises BadFile."""
    body: str | None = None
    """Field of the definition that holds the text; null where the text stays in the file."""

    def parse(self, path: Path) -> D:
        """The definition in one file."""
        if not self.id.fullmatch(path.stem):
            said = f"the file name is the {self.what}'s id: {self.id_accepted}, not {path.stem!r}"
            raise BadFile(said, where=path)
        try:
            if (size := path.stat().st_size) > FILE_BYTES_MAX:
                raise BadFile(f"{size} bytes; at most {FILE_BYTES_MAX} are accepted", where=path)
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadFile(f"not UTF-8 text ({error.reason} at byte {error.start})", where=path) from None
        except OSError as error:
            raise BadFile(f"cannot be read ({error.strerror})", where=path) from None
        return self.parse_text(path.stem, text, path)

    def parse_text(self, name: str, text: str, where: object = None) -> D:
        """The definition in a file's text; `where` is what problems call the file."""
        front, body = _split(where, text)
        given, lines = self._read_fields(where, front)
        values = {name: accepted.default for name, accepted in self.fields.items()} | given
        try:
            return self.make(name, values, body)
        except BadFile as error:
            raise BadFile(error.said, lines.get(error.of or "", error.line), where) from None

    def written(self, values: Mapping[str, Any], body: str) -> str:
        """The text of a file that says this; what is as it is without being said is left out."""
        fields = self.fields
        said = {name: value for name, value in values.items() if name not in fields or value != fields[name].default}
        front = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
        return f"---\n{front}---\n" + (f"\n{body.strip()}\n" if body.strip() else "")

    def _read_fields(self, where: object, front: str) -> tuple[dict[str, Any], dict[str, int]]:
        """The fields that are given, and their lines."""
        accepted = f"Accepted: {', '.join(self.fields)}"
        values: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for line, name, value in _parse_yaml(where, front, accepted):
            if name not in self.fields:
                raise BadFile(f"unknown name `{name}`. {accepted}", line, where)
            if name in values:
                raise BadFile(f"`{name}` is there twice", line, where)
            if not self.fields[name].fits(value):
                raise BadFile(f"`{name}` is {value!r}; accepted: {self.fields[name].accepted}", line, where)
            values[name], lines[name] = value, line
        return values, lines


def _split(where: object, text: str) -> tuple[str, str]:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").splitlines(keepends=True)
    if not lines or lines[0].rstrip() != "---":
        raise BadFile("the file begins with `---`, the front matter in YAML, and `---` again", 1, where)
    for end in range(1, len(lines)):
        if lines[end].rstrip() == "---":
            return "".join(lines[1:end]), "".join(lines[end + 1 :]).strip()
    raise BadFile("the front matter has no end: put `---` on a line below it", len(lines), where)


def _parse_yaml(where: object, front: str, accepted: str) -> list[tuple[int, str, Any]]:
    """Line, name and value of each entry; PyYAML's own mapping would lose lines and what is there twice."""
    try:
        loader = yaml.SafeLoader(front)
        root = loader.get_single_node()
        if isinstance(root, yaml.MappingNode):
            return [
                (key.start_mark.line + _FIRST_LINE, str(key.value), loader.construct_object(value, deep=True))
                for key, value in root.value
            ]
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + _FIRST_LINE
        bare = "alias" in str(error.context) or "'@'" in str(error.problem)
        quoted = "; a value that begins with * or @ goes in quotes" if bare else ""
        raise BadFile(f"the front matter is no YAML: {error.problem}{quoted}", line, where) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # control characters, impossible dates, deep nesting
        raise BadFile(f"the front matter is no YAML: {error}", _FIRST_LINE, where) from None
    raise BadFile(f"the front matter is `name: value` lines. {accepted}", _FIRST_LINE, where)


def is_text(value: Any) -> bool:
    # YAML can name half a surrogate pair, which no message can hold.
    return isinstance(value, str) and bool(value.strip()) and not any("\ud800" <= char <= "\udfff" for char in value)


def are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def is_whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


def is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1
