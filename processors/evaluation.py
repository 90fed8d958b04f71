"""Whether the output of a completed attempt is good enough, by rules on its text (rules/1).

A fault takes something off the quality and is told in a sentence the next attempt can follow.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from processors.features import read, skill_lexicon, skill_of, skill_points, stem
from schemas.events import TaskResult, TaskSubmitted

RULES = "rules/1"
GOOD_ENOUGH = 0.5
"""Below this quality an attempt has failed, and is done again while redos are left; the setting `quality_min`."""
ENDS_CHARS = 2000
"""Of a long output only this much of its beginning and of its end is judged, so that time stays bounded."""

_REFUSAL = re.compile(
    r"\bi(?:'m| am)(?: \w+){0,2} (?:unable|not able|not allowed) to\b|\bi (?:can't|cannot|can not|won't|must decline)\b"
    r"|\bi (?:do not|don't) have (?:access|the ability)\b|\bas an ai\b"
    r"|(?:お答え|お手伝い|対応|回答|実行|提供)(?:が|は)?(?:でき|いたしかね|致しかね)(?:ません|ます)"
)
_REFUSAL_WITHIN = 200
"""Characters from the start in which a refusal stands; later the words belong to the answer."""
_ERROR = re.compile(
    r"\W*(?:(?:(?:fatal|internal server|unexpected) )?(?:error|exception)\b(?! handling| messages?\b)"
    r"|traceback \(most recent call last\)|.{0,80}\brate limit exceeded)"
)
"""Matched at the start only."""
_PLACEHOLDERS = ("your code here", "lorem ipsum", "[insert ", "rest of the code unchanged", "rest of code unchanged")
_CUT_OFF = re.compile(r"(?:[,(\[{]|\b(?:and|or|the|an|of|to|with|for|because))\Z")
_CUT_OFF_FROM = 200
"""Characters from which an end without an end counts: short answers are often no sentences."""
_CODE = re.compile(
    r"```|^ *(?:def|class|import|from|function|const|let|fn|public|SELECT|#include)\b|[;{] *$", re.MULTILINE
)
_RUN = re.compile(r"[一-鿿ァ-ヺー]+")
"""A run of kanji or katakana, which carry the content of a Japanese text."""
_COMMON_WORDS = "that this with from have will what when them then there your please into about"
_COMMON = frozenset(map(stem, _COMMON_WORDS.split()))
_SKILLS = skill_lexicon({})


@dataclass(frozen=True, slots=True)
class Judgement:
    """The fields of an Evaluation that are the evaluator's to decide."""

    success: bool
    quality: float
    verdict: Literal["accept", "redo"]
    reasons: tuple[str, ...]
    """What is wrong, each as an instruction; empty when nothing is."""
    evaluator: str = RULES


@dataclass(frozen=True, slots=True)
class _Answer:
    """A task and an output, made ready for the checks."""

    task: str
    output: str
    task_lower: str
    output_lower: str
    fences: int
    """Marks that open or close a code block, in the whole of the output."""


def evaluate(
    task: TaskSubmitted, result: TaskResult, redos: int, redos_max: int, quality_min: float = GOOD_ENOUGH
) -> Judgement:
    """Judges a completed attempt. `redos` were made before it; at `redos_max` even a poor one is accepted as it is."""
    text, whole = task["text"], result["output"].strip()
    if not whole:
        faults = [(1.0, "The output is empty: answer the task.")]
    else:
        output = _ends(whole)
        answer = _Answer(text, output, text.lower(), output.lower(), f"\n{whole}".count("\n```"))
        faults = [fault for check in _CHECKS if (fault := check(answer))]
    quality = round(max(0.0, 1.0 - sum(cost for cost, _ in faults)), 2)
    success = quality >= quality_min
    verdict: Literal["accept", "redo"] = "accept" if success or redos >= redos_max else "redo"
    return Judgement(success, quality, verdict, tuple(reason for _, reason in faults))


_words = lru_cache(maxsize=4)(read)
"""Two checks read the text of a task."""


def _ends(text: str) -> str:
    return text if len(text) <= 2 * ENDS_CHARS else f"{text[:ENDS_CHARS]}\n{text[-ENDS_CHARS:]}"


_Fault = tuple[float, str]
"""What it takes off the quality, and the instruction."""


def _refuses(answer: _Answer) -> _Fault | None:
    said = _REFUSAL.search(answer.output_lower, 0, _REFUSAL_WITHIN)
    if not said or said[0] in answer.task_lower:  # the task may quote it, to be translated say
        return None
    return 0.7, f'The output declines ("{said[0]}"): do the part that can be done, and say what is missing.'


def _reports_an_error(answer: _Answer) -> _Fault | None:
    said = _ERROR.match(answer.output_lower)
    if not said or any(word in answer.task_lower for word in ("error", "exception", "traceback", "エラー")):
        return None  # in such a task errors are the subject
    return 0.6, f'The output reports an error ("{said[0].strip()}") instead of an answer: solve the task.'


def _is_unfinished(answer: _Answer) -> _Fault | None:
    if answer.fences % 2:
        return 0.6, "The output ends inside a code block: finish it, shorter if need be."
    if len(answer.output) >= _CUT_OFF_FROM and _CUT_OFF.search(answer.output_lower):
        return 0.3, "The output stops in the middle of a sentence: finish it, shorter if need be."
    return None


def _leaves_placeholders(answer: _Answer) -> _Fault | None:
    for said in _PLACEHOLDERS:
        if said in answer.output_lower and said not in answer.task_lower:
            return 0.3, f'The output leaves a placeholder ("{said.strip()}"): write that part out.'
    return None


def _lacks_code(answer: _Answer) -> _Fault | None:
    if _CODE.search(answer.output):
        return None
    skill = skill_of(skill_points(_SKILLS.find(_words(answer.task))))
    if skill != "code_generation":
        return None
    return 0.2, "The task asks for code and the output has none: include the code."


def _repeats_itself(answer: _Answer) -> _Fault | None:
    lines = [line for line in answer.output.splitlines() if len(line) > 20]
    if len(lines) >= 10 and len(set(lines)) < len(lines) / 3:
        return 0.6, "The output repeats the same lines: say each thing once."
    return None


def _misses_the_subject(answer: _Answer) -> _Fault | None:
    asked = _content(answer.task)
    if len(asked) < 3 or asked & _content(answer.output):
        return None
    if answer.task.isascii() != answer.output.isascii():
        return None  # another language shares no words
    return 0.3, "The output has no word of the task in it: answer what was asked."


def _content(text: str) -> set[str]:
    """Words that carry the subject: longer stems, and pairs of kanji or katakana."""
    words = _words(text)
    content = {stem for stem in words.stems if len(stem) >= 4 and stem not in _COMMON}
    for run in _RUN.findall(words.unspaced):
        content.update(run[i : i + 2] for i in range(len(run) - 1))
    return content


_CHECKS: tuple[Callable[[_Answer], _Fault | None], ...] = (
    _refuses,
    _reports_an_error,
    _is_unfinished,
    _leaves_placeholders,
    _lacks_code,
    _repeats_itself,
    _misses_the_subject,
)
