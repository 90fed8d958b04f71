"""The files of definitions in a folder: at its top, in `system/`, and of each user in `user/<id>/`.

Ids are one space: two files of one folder with the same id define neither, whoever they are of. Nothing outside the
folder is read, wherever a link leads.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Generic, NamedTuple

from infra.front_matter import BadFile, D, Form

SYSTEM, USER = "system", "user"
USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,62}")
USER_ID_ACCEPTED = "1–63 of letters, figures, . @ - and _, beginning with a letter or figure"


class Found(NamedTuple, Generic[D]):
    """What folders define. A later folder goes before an earlier one."""

    definitions: dict[str, D]
    doubtful: set[str]
    """Ids that have a file which cannot be used: what was known of them is neither changed nor gone."""
    problems: list[str]
    """What is wrong, each with its place."""
    whole: bool
    """Whether every folder could be looked into."""


class _Files(NamedTuple):
    by_id: dict[str, list[Path]]
    problems: list[str]


def look(form: Form[D], folders: Sequence[Path]) -> Found[D]:
    """Everything that the folders define, with whatever is wrong beside it."""
    found: Found[D] = Found({}, set(), [], all(folder.is_dir() for folder in folders))
    for folder in folders:
        files = _files(folder)
        found.problems.extend(files.problems)
        for name, paths in files.by_id.items():
            found.definitions.pop(name, None)
            found.doubtful.discard(name)
            try:
                found.definitions[name] = form.parse(_one_of(name, paths))
            except BadFile as error:
                found.doubtful.add(name)
                found.problems.append(str(error))
    return found


def load(form: Form[D], *folders: Path) -> dict[str, D]:
    """Every definition of the folders by id. Raises BadFile with all that is wrong."""
    found = look(form, folders)
    if found.problems:
        raise BadFile("\n".join(found.problems))
    return found.definitions


def file_of(folders: Sequence[Path], name: str) -> Path | None:
    """The file that defines this id; null when none does. Raises BadFile where several would."""
    found = [paths for folder in folders if (paths := _files(folder).by_id.get(name))]
    return _one_of(name, found[-1]) if found else None


def fingerprint(folders: Sequence[Path]) -> object:
    """Another one after each change of a file. Cheap: it is asked each second."""
    return [(place, _stamps(place)) for folder in folders for place in _places(folder, [])]


def _stamps(place: Path) -> list[tuple[str, int, int, int]] | None:
    try:
        with os.scandir(place) as entries:
            files = [entry for entry in entries if entry.name.endswith(".md") and entry.name[0] != "."]
            return sorted((entry.name, *_stamp(entry)) for entry in files)
    except OSError:
        return None


def _stamp(entry: "os.DirEntry[str]") -> tuple[int, int, int]:
    try:
        stat = entry.stat()
    except OSError:  # a link that leads nowhere
        stat = entry.stat(follow_symlinks=False)
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _one_of(name: str, paths: Sequence[Path]) -> Path:
    if len(paths) > 1:
        raise BadFile(f"{' and '.join(map(str, paths))} both define {name}: rename one of them")
    return paths[0]


def _files(folder: Path) -> _Files:
    files = _Files({}, [])
    if not folder.is_dir():
        files.problems.append(f"{folder}: no such folder; create it, or change the setting that names it")
        return files
    inside = folder.resolve()
    for place in _places(folder, files.problems):
        for path in sorted(place.glob("*.md")):
            if path.name.startswith("."):  # what editors put beside a file
                continue
            if wrong := _wrong(path, inside):
                files.problems.append(f"{path}: {wrong}")
            else:
                files.by_id.setdefault(path.stem, []).append(path)
    return files


def _places(folder: Path, problems: list[str]) -> list[Path]:
    places = [folder, folder / SYSTEM]
    for one in sorted((folder / USER).glob("*")):
        if one.is_dir() and USER_ID.fullmatch(one.name):
            places.append(one)
        elif one.is_dir() or one.suffix == ".md":
            problems.append(f"{one}: a user's files stand in {USER}/<id>/, the id being {USER_ID_ACCEPTED}")
    return places


def _wrong(path: Path, inside: Path) -> str | None:
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError):
        return "a link that leads nowhere; remove it"
    if not real.is_relative_to(inside):
        return f"a link out of {inside}, which is not followed; put the file itself here"
    return None if real.is_file() else "no file; give the folder a name that does not end in .md"
