"""What files define, on Kafka: where the files of agents, skills, notes, rules and schedules are, and bringing the
topics in line with them.

`python -m infra.definitions publish` does that; `check` only reads the files.
"""

import argparse
import sys
import syslog
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple

from confluent_kafka import KafkaError, Message

from infra import agent_file, folders, kafka, note_file, registry, rule_file, schedule_file, skill_file
from infra.front_matter import BadFile, D, Form
from infra.settings import BadSettings, Settings, load_settings
from schemas.codec import encode
from schemas.topics import TOPICS

_ANSWER_S = 10.0


@dataclass(frozen=True)
class Kind(Generic[D]):
    """A sort of definitions that files make."""

    form: Form[D]
    topic: str
    shipped: Path
    setting: str
    """Names a folder of people's own."""
    commands: str
    """The group of `headway` that deals with them."""

    @property
    def plural(self) -> str:
        return f"{self.form.what}s"

    @property
    def key(self) -> str:
        return TOPICS[self.topic].key

    @property
    def event(self) -> str:
        return TOPICS[self.topic].events[0]


AGENT = Kind(agent_file.FORM, registry.AGENTS, agent_file.SHIPPED, "agents_dir", "agents")
SKILL = Kind(skill_file.FORM, registry.SKILLS, skill_file.SHIPPED, "skills_dir", "skills")
NOTE = Kind(note_file.FORM, registry.NOTES, note_file.SHIPPED, "notes_dir", "knowledge")
RULE = Kind(rule_file.FORM, registry.RULES, rule_file.SHIPPED, "rules_dir", "alerts rules")
SCHEDULE = Kind(schedule_file.FORM, registry.SCHEDULES, schedule_file.SHIPPED, "schedules_dir", "schedules")
KINDS: tuple[Kind[Any], ...] = (AGENT, SKILL, NOTE, RULE, SCHEDULE)


class Published(NamedTuple):
    """Ids of the definitions that were written, and what stood in the way of others."""

    changed: list[str]
    removed: list[str]
    problems: list[str]


def made_here(kind: Kind[Any], settings: Settings) -> Path:
    """The folder of what is made by the page, the API and the commands."""
    return settings.state / kind.plural


def places(kind: Kind[Any], settings: Settings) -> list[Path]:
    """The folders of its files; a later one goes before an earlier one."""
    made, own = made_here(kind, settings), getattr(settings, kind.setting)
    return [kind.shipped, *([made] if made.is_dir() else []), *([Path(own)] if own else [])]


def load(kind: Kind[D], settings: Settings) -> dict[str, D]:
    """What the files define: those shipped, those made here, and those of one's own folder, which win."""
    return folders.load(kind.form, *places(kind, settings))


def problems(settings: Settings) -> list[str]:
    """What is wrong with the files of this machine."""
    return [said for kind in KINDS for said in folders.look(kind.form, places(kind, settings)).problems]


def file_of(kind: Kind[Any], settings: Settings, name: str) -> Path | None:
    """The file that defines an id; null when none does. Raises BadFile where several would."""
    return folders.file_of(places(kind, settings), name)


def publish(kind: Kind[Any], settings: Settings, only: str | None = None) -> Published:
    """Writes the definitions that differ from the topic, and takes out those whose file is gone.

    An external agent registers itself, so that it has no file says nothing. Publishing twice writes nothing twice.
    `only`: this id, and no other file is looked at. Raises BadFile, with nothing written.
    """
    if only is None:
        return _bring_in_line(kind, settings, load(kind, settings), lambda name: True)
    path = file_of(kind, settings, only)
    wanted = {only: kind.form.parse(path)} if path else {}
    return _bring_in_line(kind, settings, wanted, lambda name: name == only)


def publish_good(kind: Kind[Any], settings: Settings) -> Published:
    """As `publish`, for a line that runs: bad files are told, and what was known of their ids stays."""
    found = folders.look(kind.form, places(kind, settings))
    if not found.whole:  # a folder that is away says nothing of what was in it
        return Published([], [], found.problems)
    done = _bring_in_line(kind, settings, found.definitions, lambda name: name not in found.doubtful)
    return done._replace(problems=found.problems)


def _bring_in_line(kind: Kind[Any], settings: Settings, wanted: Mapping[str, Any], concerns: Any) -> Published:
    known = {name: one for name, one in registry.newest(settings, kind.topic).items() if concerns(name)}
    changed = [name for name, one in wanted.items() if name not in known or _differ(one, known[name])]
    gone = [name for name, one in known.items() if name not in wanted and not one["removed"] and not _is_program(one)]
    now = time.time_ns() // 1000
    writes = [wanted[name] for name in changed] + [known[name] | {"removed": True} for name in gone]
    write(kind, settings, [one | {"updated_at": now} for one in writes])
    return Published(changed, gone, [])


def _is_program(definition: Mapping[str, Any]) -> bool:
    return definition.get("runner") == "external"


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return {**one, "updated_at": 0} != {**other, "updated_at": 0}


def write(kind: Kind[D], settings: Settings, definitions: Sequence[D]) -> None:
    """Returns when Kafka has them. Raises `KafkaTrouble`."""
    if not definitions:
        return
    producer = kafka.producer(settings, log_level=syslog.LOG_ERR)  # a broker that is just up is asked again
    failures: list[str] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(f"{message.key()!r}: {error.str()}")

    for definition in definitions:
        key = definition[kind.key].encode()  # type: ignore[index]
        producer.produce(kind.topic, encode(kind.event, definition), key, on_delivery=delivered)  # type: ignore[arg-type]
    left = producer.flush(_ANSWER_S)
    if left or failures:
        raise kafka.KafkaTrouble(f"{kind.plural} could not be published ({left} unanswered): {'; '.join(failures)}")


class Watch:
    """Looks at the files of a line that runs, and brings the topics in line with those that changed.

    A change counts once it stood still for a look, so that a file half written is not read, and whoever publishes
    what they wrote themselves goes first.
    """

    def __init__(self, settings: Settings) -> None:
        """What is there now counts as published."""
        self._settings = settings
        self._done: dict[str, object] = {kind.topic: self._stamp(kind) for kind in KINDS}
        self._seen = dict(self._done)

    def look(self) -> dict[str, Published]:
        """What came of the changes since the look before, by the plural of the kind. Raises `KafkaTrouble`."""
        told = {}
        for kind in KINDS:
            before, now = self._seen[kind.topic], self._stamp(kind)
            self._seen[kind.topic] = now
            if now == before and now != self._done[kind.topic]:
                told[kind.plural] = publish_good(kind, self._settings)
                self._done[kind.topic] = now  # only now: after a failure the next look tries again
        return told

    def _stamp(self, kind: Kind[Any]) -> object:
        return folders.fingerprint(places(kind, self._settings))


def main(arguments: list[str] | None = None) -> int:
    described = "Files of agents, skills, notes, rules and schedules."
    parser = argparse.ArgumentParser(prog="python -m infra.definitions", description=described)
    parser.add_argument("action", choices=("publish", "check"))
    action = parser.parse_args(arguments).action
    try:
        settings = load_settings()
        for kind in KINDS:
            if action == "check":
                found = load(kind, settings)
                print(f"{len(found)} {kind.plural} are well-formed: {', '.join(found)}")
                continue
            published = publish(kind, settings)
            print(f"{kind.plural} published: {', '.join(published.changed) or 'nothing new'}")
            if published.removed:
                print(f"{kind.plural} taken out: {', '.join(published.removed)}")
    except (BadFile, kafka.KafkaTrouble, BadSettings) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
