"""`python -m schemas`: adds versions to the vocabulary, checks it, and writes events.py."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from schemas import generate
from schemas.evolution import Unacceptable, add, check

FOLDER = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m schemas", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="the vocabulary (default: this package)")
    actions = parser.add_subparsers(dest="action", required=True)
    adding = actions.add_parser("add", help="write the next version of an event")
    adding.add_argument("event", help="its name, such as TaskOutcome")
    adding.add_argument(
        "--field",
        action="append",
        default=[],
        type=json.loads,
        metavar="JSON",
        help='a new field: {"name": …, "type": …, "default": …, "doc": …}',
    )
    adding.add_argument("--remove", action="append", default=[], metavar="NAME", help="a field to leave out")
    actions.add_parser("check", help="tell all that is wrong with the vocabulary")
    actions.add_parser("generate", help="write events.py from the newest schemas")
    given = parser.parse_args(arguments)
    if given.action == "add":
        return _add(given.folder, given.event, given.field, given.remove)
    if given.action == "generate":
        generate.write(given.folder)
        return 0
    problems = check(given.folder)
    print("\n".join(problems) or "The vocabulary holds together.")
    return 1 if problems else 0


def _add(folder: Path, event: str, fields: list[Any], remove: list[str]) -> int:
    try:
        if not all(isinstance(field, dict) for field in fields):
            raise Unacceptable('--field takes an object: {"name": …, "type": …, "default": …, "doc": …}')
        entry = add(folder, event, fields, remove)
    except Unacceptable as error:
        print(f"not added: {error}", file=sys.stderr)
        return 1
    place = folder / "events" / entry.folder
    print(f"{event} version {entry.version} is {place / f'{entry.version}.avsc'} with id {entry.id}.")
    print(f"Put a telling value into {place / f'{entry.version}.json'}; older examples stay as they are.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
