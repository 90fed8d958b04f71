"""Changing agents, skills and notes while the line runs: defining one by a file that is kept here, and taking one out.
The same rules for the commands and for the API, as what is changed is the same."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from gateway.alive import last_heartbeat, lease_us
from gateway.errors import BadInput, GatewayError
from gateway.sending import now_us
from infra import definitions, folders
from infra.definitions import Kind
from infra.front_matter import FILE_BYTES_MAX, BadFile
from infra.settings import Settings

D = TypeVar("D", bound=Mapping[str, Any])

_NOT_SAID = ("removed", "updated_at")
"""Fields of a definition that its file does not say."""
_HALF = "half a surrogate pair is no text"


def checked(kind: Kind[D], name: str, markdown: str) -> D:
    """What the text of a file defines. Raises BadFile, which knows the line."""
    try:
        size = len(markdown.encode())
    except UnicodeEncodeError:
        raise BadFile(_HALF) from None
    if size > FILE_BYTES_MAX:
        raise BadFile(f"{size} bytes; at most {FILE_BYTES_MAX} are accepted")
    return kind.form.parse_text(name, markdown)


def markdown_of(kind: Kind[Any], definition: Mapping[str, Any]) -> str:
    """A definition as the text of a file."""
    body = kind.form.body
    hidden = {kind.key, body, *_NOT_SAID}
    said = {name: value for name, value in definition.items() if name not in hidden and value is not None}
    try:
        return kind.form.written(said, (body and definition.get(body)) or "")
    except UnicodeEncodeError:
        raise BadFile(_HALF) from None


def file_text(kind: Kind[D], settings: Settings, published: D) -> str:
    """The file as somebody wrote it; one made of the definition where none says what is published."""
    try:
        path = definitions.file_of(kind, settings, published[kind.key])
        same = path and {**kind.form.parse(path), "updated_at": published["updated_at"]} == published
        return path.read_text(encoding="utf-8") if path and same else markdown_of(kind, published)
    except (BadFile, OSError):
        return markdown_of(kind, published)


def define(
    kind: Kind[D],
    settings: Settings,
    known: Mapping[str, Any] | None,
    name: str,
    markdown: str,
    user: str | None = None,
) -> D:
    """Keeps the text as the file of `name` and publishes it. `known`: what is published. `user`: whose file it is, when
    it is new. Raises BadInput, or BadFile for what the text says."""
    what = kind.form.what
    if not kind.form.id.fullmatch(name):
        raise BadInput(f"{an(what).capitalize()}'s id is {kind.form.id_accepted}, not {name!r}.")
    if user is not None and not folders.USER_ID.fullmatch(user):
        raise BadInput(f"A user's id is {folders.USER_ID_ACCEPTED}, not {user!r}.")
    definition = checked(kind, name, markdown)
    path = _file_of(kind, settings, name)
    if known is not None and known.get("runner") == "external" and path is None:
        raise GatewayError(f"{name} is a program that registers itself: change it there, or take another id.")
    made = definitions.made_here(kind, settings)
    new = made / folders.USER / user / f"{name}.md" if user else made / f"{name}.md"
    shipped = path is None or path.is_relative_to(kind.shipped)
    target = new if shipped or path is None else path
    if user and target != new:
        raise BadInput(f"There is {an(what)} {name} already, in {path}: edit that one, or take another id.")
    try:
        _write(target, markdown)
    except OSError as error:
        raise GatewayError(f"{target} cannot be written ({error.strerror}): mend that, or edit it by hand.") from error
    definitions.publish(kind, settings, only=name)
    return definition


def remove(kind: Kind[Any], settings: Settings, definition: Mapping[str, Any]) -> bool:
    """Takes one out; false when what is shipped under this name works again. Tasks in an agent's queue stay there."""
    name = definition[kind.key]
    if why := why_stays(kind, settings, definition):
        raise GatewayError(why)
    path = _file_of(kind, settings, name)
    if path is not None:
        path.unlink(missing_ok=True)
        definitions.publish(kind, settings, only=name)
        return definitions.file_of(kind, settings, name) is None
    if last_heartbeat(settings, name, now_us(), lease_us(settings)) is not None:
        raise GatewayError(f"{name} is alive, and would register itself again: stop its program first.")
    gone = {**definition, "removed": True, "updated_at": now_us()}
    definitions.write(kind, settings, [cast(Any, gone)])
    return True


def why_stays(kind: Kind[Any], settings: Settings, definition: Mapping[str, Any]) -> str | None:
    """Why one cannot be taken out here, as far as its files tell; null when nothing stands against it."""
    name = definition[kind.key]
    path = _file_of(kind, settings, name)
    if path is not None and path.is_relative_to(definitions.made_here(kind, settings)):
        return None
    if path is None and definition.get("runner") == "external":
        return None
    return _defined_by(kind, name, path)  # its file would bring it back


def _defined_by(kind: Kind[Any], name: str, path: Path | None) -> str:
    if path is None:
        return (
            f"{name} is defined by a file, and none of this machine: remove it where it is, then call "
            f"`headway {kind.commands} publish`."
        )
    if path.is_relative_to(kind.shipped):
        return (
            f"{name} is defined by a file of the installation, which updates bring back: `headway {kind.commands} edit "
            f"{name}` makes a copy of your own that counts instead{_OFF.get(kind.topic, '')}."
        )
    return f"{name} is defined by a file, {path}: remove it, then call `headway {kind.commands} publish`."


_OFF = {
    definitions.AGENT.topic: ", and with `instances: 0` in it the agent does nothing",
    definitions.RULE.topic: ", and with a number that is never reached in it the rule never fires",
    definitions.SCHEDULE.topic: ", and it runs only with `enabled: true` in it",
}
"""How the copy of something that is shipped switches it off."""


def _file_of(kind: Kind[Any], settings: Settings, name: str) -> Path | None:
    try:
        return definitions.file_of(kind, settings, name)
    except BadFile as error:
        raise GatewayError(f"{error}.") from error


def an(what: str) -> str:
    """With its article."""
    return f"an {what}" if what[0] in "aeiou" else f"a {what}"


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.write_text(text, encoding="utf-8", newline="")
    new.replace(path)
