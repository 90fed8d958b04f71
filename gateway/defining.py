"""Changing agents while the line runs: defining one by a file that is kept here, and taking one out. The same rules for
the command and for the API, as what is changed is the same."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from gateway.alive import last_heartbeat, lease_us
from gateway.errors import BadInput, GatewayError
from gateway.sending import now_us
from infra import agent_file, registry
from infra.agent_file import BadAgentFile
from infra.settings import Settings
from schemas.events import AgentDefinition

_NOT_SAID = ("agent_id", "prompt", "removed", "updated_at")
"""Fields of a definition that are none of its file's front matter."""
_HALF = "half a surrogate pair is no text"


def checked(agent_id: str, markdown: str) -> AgentDefinition:
    """What the text of a file defines. Raises BadAgentFile, which knows the line."""
    try:
        size = len(markdown.encode())
    except UnicodeEncodeError:
        raise BadAgentFile(_HALF) from None
    if size > agent_file.FILE_BYTES_MAX:
        raise BadAgentFile(f"{size} bytes; at most {agent_file.FILE_BYTES_MAX} are accepted")
    return agent_file.parse_text(agent_id, markdown)


def markdown_of(definition: Mapping[str, Any]) -> str:
    """A definition as the text of a file."""
    said = {name: value for name, value in definition.items() if name not in _NOT_SAID and value is not None}
    try:
        return agent_file.written(said, definition.get("prompt") or "")
    except UnicodeEncodeError:
        raise BadAgentFile(_HALF) from None


def file_text(settings: Settings, published: AgentDefinition) -> str:
    """The file of an agent as somebody wrote it; one made of the definition where none says what is published."""
    path = registry.file_of(settings, published["agent_id"])
    try:
        same = path is not None and {**agent_file.parse(path), "updated_at": published["updated_at"]} == published
        return path.read_text(encoding="utf-8") if path and same else markdown_of(published)
    except (BadAgentFile, OSError):
        return markdown_of(published)


def define(settings: Settings, known: AgentDefinition | None, agent_id: str, markdown: str) -> AgentDefinition:
    """Keeps the text as the agent's file and publishes it. `known`: what is published. Raises BadInput."""
    if not agent_file.ID.fullmatch(agent_id):
        raise BadInput(f"An agent's id is {agent_file.ID_ACCEPTED}, not {agent_id!r}.")
    definition = checked(agent_id, markdown)
    path = registry.file_of(settings, agent_id)
    if known is not None and known["runner"] == "external" and path is None:
        raise GatewayError(f"{agent_id} is a program that registers itself: change it there, or take another id.")
    shipped = path is None or path.is_relative_to(agent_file.SHIPPED)
    target = registry.made_here(settings) / f"{agent_id}.md" if shipped or path is None else path
    try:
        _write(target, markdown)
    except OSError as error:
        raise GatewayError(f"{target} cannot be written ({error.strerror}): mend that, or edit it by hand.") from error
    registry.publish(settings, only=agent_id)
    return definition


def remove(settings: Settings, definition: Mapping[str, Any]) -> bool:
    """Takes an agent out; false when what is shipped under this name works again. Tasks in its queue stay there."""
    agent_id = definition["agent_id"]
    path = registry.file_of(settings, agent_id)
    if path is not None and path.parent == registry.made_here(settings):
        path.unlink(missing_ok=True)
        registry.publish(settings, only=agent_id)
        return registry.file_of(settings, agent_id) is None
    if definition["runner"] != "external" or path is not None:
        # Its file would bring it back.
        raise GatewayError(
            f"{agent_id} is defined by a file: remove that, then call `headway agents publish`; with `instances: 0` it "
            "does nothing."
        )
    if last_heartbeat(settings, agent_id, now_us(), lease_us(settings)) is not None:
        raise GatewayError(f"{agent_id} is alive, and would register itself again: stop its program first.")
    gone = {**definition, "removed": True, "updated_at": now_us()}
    registry.write(settings, [cast(AgentDefinition, gone)])
    return True


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.write_text(text, encoding="utf-8", newline="")
    new.replace(path)
