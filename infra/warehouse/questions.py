"""The question library: one file a question in `questions/`, which opens with the question in words.

After it may stand `-- normal: < 30`, the normal range of the figure, which is the first column of every row, and
`-- parameters: hours=24`, the parameters of the statement with what they are when nobody says.
"""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "questions"

_BOUND = re.compile(r"(?P<sign><=|>=|<|>) (?P<bound>[\d.]+)")
_BETWEEN = re.compile(r"(?P<low>[\d.]+)–(?P<high>[\d.]+)")


class Question(NamedTuple):
    name: str
    words: str
    normal: str | None
    """As it stands in the file: `< 30`, `>= 0.95` or `0.5–0.8`."""
    parameters: Mapping[str, str]
    sql: str

    def is_normal(self, figure: float) -> bool:
        if between := _BETWEEN.fullmatch(self.normal or ""):
            return float(between["low"]) <= figure <= float(between["high"])
        bound = _BOUND.fullmatch(self.normal or "")
        assert bound, f"{self.name}: {self.normal!r} is no range"
        limit = float(bound["bound"])
        return {"<": figure < limit, "<=": figure <= limit, ">": figure > limit, ">=": figure >= limit}[bound["sign"]]


@cache
def questions() -> dict[str, Question]:
    """By name, in the order of the alphabet."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.sql"))}


def _read(path: Path) -> Question:
    text = path.read_text(encoding="utf-8")
    about = {"normal": None, "parameters": ""} | dict(re.findall(r"^-- (normal|parameters): (.+)$", text, re.MULTILINE))
    parameters = dict(pair.split("=") for pair in (about["parameters"] or "").split())
    return Question(path.stem, text.splitlines()[0].removeprefix("-- "), about["normal"], parameters, text)
