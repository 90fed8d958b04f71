"""Agents as Markdown files: front matter says what an agent can do and how it is run, the body is its system prompt.

The file's name is the agent's id. Whatever is not understood is an error that names file and line.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import yaml

from schemas.events import AgentDefinition

SHIPPED = Path(__file__).parent / "agents"
INSTANCES_MAX = 1000
FILE_BYTES_MAX = 256 * 1024
"""Far more than a good prompt needs, far less than a Kafka message may have."""

ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
ID_ACCEPTED = "1–63 of a–z, 0–9, - and _"
_FIRST_LINE = 2
"""Line of the file on which the front matter begins, below its `---`."""


class BadAgentFile(ValueError):
    """An agent file cannot be used; the text says where, what is wrong and what is accepted."""

    def __init__(self, said: str, line: int | None = None, where: object = None) -> None:
        """`where`: the file, and the `line` in it, which go before what is `said`."""
        place = "" if where is None else f"{where}: " if line is None else f"{where}:{line}: "
        super().__init__(place + said)
        self.said = said
        self.line = line


def load(*folders: Path) -> dict[str, AgentDefinition]:
    """Every agent of the folders by id; a later folder replaces agents of an earlier one. All bad files are told."""
    agents: dict[str, AgentDefinition] = {}
    problems = []
    for folder in folders:
        if not folder.is_dir():
            problems.append(f"{folder}: no such folder; create it or change agents_dir (HEADWAY_AGENTS_DIR)")
        for path in sorted(folder.glob("*.md")):
            try:
                agents[path.stem] = parse(path)
            except BadAgentFile as error:
                problems.append(str(error))
    if problems:
        raise BadAgentFile("\n".join(problems))
    return agents


def parse(path: Path) -> AgentDefinition:
    """The definition in one file; `updated_at` is 0 until it is published."""
    if not ID.fullmatch(path.stem):
        raise BadAgentFile(f"the file name is the agent's id: {ID_ACCEPTED}, not {path.stem!r}", where=path)
    if path.stat().st_size > FILE_BYTES_MAX:
        raise BadAgentFile(f"{path.stat().st_size} bytes; at most {FILE_BYTES_MAX} are accepted", where=path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadAgentFile(f"not UTF-8 text ({error.reason} at byte {error.start})", where=path) from None
    return parse_text(path.stem, text, path)


def parse_text(agent_id: str, text: str, where: object = None) -> AgentDefinition:
    """The definition in a file's text; `where` is what problems call the file."""
    front, body = _split(where, text)
    values = {name: accepted.default for name, accepted in FIELDS.items()}
    values |= _read_fields(where, front)
    if values["description"] is None:
        raise BadAgentFile("`description` is missing: one sentence on what the agent does", 1, where)
    if not body and values["runner"] != "external":
        raise BadAgentFile("no system prompt below the front matter; only `runner: external` goes without", None, where)
    return cast(AgentDefinition, {"agent_id": agent_id, **values, "prompt": body, "removed": False, "updated_at": 0})


def written(values: Mapping[str, Any], prompt: str) -> str:
    """The text of a file that says this; what is as it is without being said is left out."""
    said = {name: value for name, value in values.items() if name not in FIELDS or value != FIELDS[name].default}
    front = yaml.safe_dump(said, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)
    return f"---\n{front}---\n\n{prompt.strip()}\n"


def _split(where: object, text: str) -> tuple[str, str]:
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").splitlines(keepends=True)
    if not lines or lines[0].rstrip() != "---":
        raise BadAgentFile("the file begins with `---`, the front matter in YAML, and `---` again", 1, where)
    for end in range(1, len(lines)):
        if lines[end].rstrip() == "---":
            return "".join(lines[1:end]), "".join(lines[end + 1 :]).strip()
    raise BadAgentFile("the front matter has no end: put `---` on a line below it", len(lines), where)


def _read_fields(where: object, front: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for line, name, value in _parse_yaml(where, front):
        if name not in FIELDS:
            raise BadAgentFile(f"unknown name `{name}`. {_accepted()}", line, where)
        if name in values:
            raise BadAgentFile(f"`{name}` is there twice", line, where)
        if not FIELDS[name].fits(value):
            raise BadAgentFile(f"`{name}` is {value!r}; accepted: {FIELDS[name].accepted}", line, where)
        values[name] = value
    return values


def _parse_yaml(where: object, front: str) -> list[tuple[int, str, Any]]:
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
        raise BadAgentFile(f"the front matter is no YAML: {error.problem}", line, where) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # control characters, impossible dates, deep nesting
        raise BadAgentFile(f"the front matter is no YAML: {error}", _FIRST_LINE, where) from None
    raise BadAgentFile(f"the front matter is `name: value` lines. {_accepted()}", _FIRST_LINE, where)


class _Field(NamedTuple):
    default: Any
    fits: Callable[[Any], bool]
    accepted: str


def _text(value: Any) -> bool:
    # YAML can name half a surrogate pair, which no message can hold.
    return isinstance(value, str) and bool(value.strip()) and not any("\ud800" <= char <= "\udfff" for char in value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and low <= value <= high


_LIST = _Field([], _texts, "a list of texts such as [code_review, test_run]; put yes, no and numbers in quotes")
_RUNNERS = ("auto", "anthropic", "simulated", "external")
_ROLES = ("primary", "standard", "automation")

FIELDS: dict[str, _Field] = {
    "description": _Field(None, _text, "a sentence on what the agent does"),
    "role": _Field("standard", lambda v: v in _ROLES, " or ".join(_ROLES)),
    "capabilities": _LIST,
    "perspectives": _LIST,
    "keywords": _LIST,
    "fallback": _Field(False, lambda v: isinstance(v, bool), "true or false"),
    "runner": _Field("auto", lambda v: v in _RUNNERS, " or ".join(_RUNNERS)),
    "model": _Field(None, lambda v: v is None or _text(v), "the name of a model; left out: the line's setting"),
    "max_tokens": _Field(0, _whole(1, 64_000), "a whole number from 1 to 64000; left out: the line's setting"),
    "instances": _Field(1, _whole(0, INSTANCES_MAX), f"a whole number from 0 to {INSTANCES_MAX}"),
}
"""What the front matter may hold, by name."""


def _accepted() -> str:
    return f"Accepted: {', '.join(FIELDS)}"
