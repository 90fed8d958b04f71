"""What a task's words say about it: stems, kind of work, complexity. The choice of an agent is left to routing.py."""

import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Generic, TypeVar

T = TypeVar("T")

HEAD_CHARS, TAIL_CHARS = 1500, 500
"""Only the ends of a long text are read: what is asked stands before or after the material, and time stays bounded."""

GENERAL = "general"
"""Kind of work of a task whose words point to none."""

_TOKEN = re.compile(r"[a-zÀ-ɏ][a-z0-9À-ɏ]*(?:\+\+|#)?")
_TOKEN_OR_RUN = re.compile(_TOKEN.pattern + r"|(?:(?![a-zÀ-ɏ])[^\W\d_])+")
"""Also what stands between them in other scripts."""
_LAST_SPACED_LETTER = "ɏ"
"""Letters up to here belong to scripts that put spaces between words; other words are looked for as substrings."""

SKILL_WORDS: Mapping[str, str] = {
    "code_generation": """
        implement=3 refactor=3 fix=3 code=2 function=2 build=2 program=2 script=2 bug=2 develop=2 debug=2 endpoint=2
        algorithm=2 compile=2 method=2 module=1 class=1 write=1 create=1 add=1 generate=1 api=1 sql=1 regex=1 python=1
        javascript=1 typescript=1 rust=1 java=1
        実装=3 リファクタ=3 修正=3 コード=2 コーディング=3 関数=2 プログラム=2 スクリプト=2 バグ=2 開発=2 作成=1
        """,
    "code_review": """
        review=3 audit=3 critique=3 inspect=2 diff=2 vulnerability=2 vulnerabilities=2 lint=2 feedback=1
        pull-request=3 merge-request=3 code-review=4
        レビュー=3 監査=3 査読=3 脆弱性=2 プルリクエスト=3 差分=2 指摘=2
        """,
    "test_run": """
        test=3 pytest=3 unittest=3 regression=2 coverage=2 verify=2 fail=1 flaky=2 benchmark=2 run=1 check=1 qa=2
        test-suite=3 unit-test=2 end-to-end=2
        テスト=3 検証=3 動作確認=3 カバレッジ=2 回帰=2
        """,
    "documentation": """
        document=3 documentation=3 docs=3 readme=3 docstring=3 changelog=3 tutorial=3 explain=3 runbook=3 manual=2
        guide=2 describe=2 specification=2 comment=1 user-guide=3 release-notes=4
        ドキュメント=3 文書=3 説明書=3 手順書=4 仕様書=3 マニュアル=3 解説=3 説明=3
        """,
    "research": """
        research=3 investigate=3 compare=3 survey=3 analyse=3 analyze=3 analysis=3 literature=3 study=2 evaluate=2
        assess=2 recommend=2 market=2 trend=2 option=1 source=1 find-out=2 pros-and-cons=3 state-of-the-art=3
        調査=4 調べ=3 比較=3 分析=3 研究=3 検討=3 情報収集=4 評価=2
        """,
    "light": """
        translate=3 translation=3 summarise=3 summarize=3 summary=3 rephrase=3 proofread=3 rename=2 convert=2 format=2
        typo=2 spell=2 greet=2 hello=2 echo=2 ping=2 list=1 title=1 sort=1
        翻訳=3 要約=3 言い換え=3 校正=3 変換=2 整形=2 挨拶=2 誤字=2 一覧=1
        """,
}
"""Words by kind of work, each with its weight; a hyphen joins the words of a phrase. Order breaks ties."""

STRONG = 3
"""A word of this weight names the work itself. The one that governs the sentence (first in English, last in Japanese,
where the verb ends it) counts `_GOVERNS` more."""
_GOVERNS = 1
_KEYWORD = 2
"""What a keyword of an agent weighs for the agent's own kind of work, unless it is a word of more weight elsewhere."""

_RANK = {skill: rank for rank, skill in enumerate(SKILL_WORDS)}
_CODE_MARKS = ("```", "def ", "class ", "();", "=>", "#include", "SELECT ")


@dataclass(frozen=True, slots=True)
class TaskFeatures:
    """What is known of a task before any agent is looked at; the rules use it now, a learned scorer later."""

    task_length: int
    """Characters of the text."""
    item_count: int
    has_code_keywords: bool
    has_research_keywords: bool
    has_test_keywords: bool
    complexity_score: float
    """How hard the task looks, 0–1."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text made ready for matching."""

    tokens: list[str]
    """Each as it stands in the text, in small letters; a run of letters of another script is one."""
    stems: tuple[str, ...]
    """Each once, in the order of the text, without those runs."""
    joined: str
    """The stems of all tokens between single spaces, one at each end too, so that a phrase is a substring."""
    unspaced: str
    """Lower-case text when it holds other scripts; else empty."""


@lru_cache(maxsize=1 << 16)
def stem(word: str) -> str:
    """A crude stem: `tests`, `testing` and `tested` meet in `test`, `translate` and `translation` in `translat`.

    Only equality of stems means anything.
    """
    for ending in ("ing", "ed", "es", "s", "e"):
        rest = word[: -len(ending)]
        if not word.endswith(ending) or len(rest) < 3 or (ending == "s" and rest[-1] in "su"):
            continue
        doubled = ending in ("ing", "ed") and rest[-1] == rest[-2] and rest[-1] not in "lsz"
        word = rest[:-1] if len(rest) > 3 and (doubled or rest[-1] == "e") else rest
        break
    return word[:-3] if word.endswith("ation") and len(word) > 7 else word


def ends(text: str) -> str:
    """A text as far as it is read: a long one's two ends. The ends of ends are the same."""
    return text if len(text) <= HEAD_CHARS + TAIL_CHARS else f"{text[:HEAD_CHARS]} {text[1 - TAIL_CHARS :]}"


def read(text: str) -> Words:
    """The words of a text; of a long one those of its two ends."""
    text = ends(text)
    unspaced = "" if text.isascii() else unicodedata.normalize("NFKC", text).lower()
    tokens = _TOKEN_OR_RUN.findall(unspaced) if unspaced else _TOKEN.findall(text.lower())
    stems = list(map(stem, tokens))
    words = (word for word in stems if not is_unspaced(word)) if unspaced else stems
    return Words(tokens, tuple(dict.fromkeys(words)), f" {' '.join(stems)} ", unspaced)


def as_written(spelt: str, words: Words) -> str:
    """A word or phrase that a text was found to have, as it first stands there: people know no stems."""
    at = words.joined.find(f" {spelt} ")
    if at < 0:  # of a script without spaces
        return spelt
    first = words.joined.count(" ", 0, at)
    return " ".join(words.tokens[first : first + spelt.count(" ") + 1])


def canonical(entry: str) -> str:
    """The one spelling of a word or phrase for matching: its stems, or as it stands in scripts without spaces."""
    text = unicodedata.normalize("NFKC", entry).lower().strip()
    return text if is_unspaced(text) else " ".join(stem(token) for token in _TOKEN.findall(text))


def is_unspaced(text: str) -> bool:
    return any(letter > _LAST_SPACED_LETTER for letter in text)


class Lexicon(Generic[T]):
    """Words and phrases, each standing for something; finds in one pass what a text has of them."""

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        self._single: dict[str, list[T]] = {}
        self._phrases: dict[str, list[tuple[str, T]]] = {}
        self._unspaced: dict[str, list[T]] = {}
        for entry, meaning in entries:
            spelt = canonical(entry)
            first, *more = spelt.split() or [""]
            if is_unspaced(spelt):
                self._unspaced.setdefault(spelt, []).append(meaning)
            elif more:
                self._phrases.setdefault(first, []).append((f" {spelt} ", meaning))
            elif first:
                self._single.setdefault(first, []).append(meaning)

    def find(self, words: Words) -> list[T]:
        """What the text has, in its order; words of scripts without spaces come last."""
        found: list[T] = []
        single, phrases = self._single, self._phrases
        for word in words.stems:
            if word in single:
                found += single[word]
            if word in phrases:
                found += [meaning for phrase, meaning in phrases[word] if phrase in words.joined]
        if words.unspaced and self._unspaced:
            found += self._find_unspaced(words.unspaced)
        return found

    def _find_unspaced(self, text: str) -> Iterator[T]:
        places = [(text.rfind(entry), entry) for entry in self._unspaced if entry in text]
        for _, entry in sorted(places):
            yield from self._unspaced[entry]


@dataclass(frozen=True, slots=True)
class SkillWord:
    word: str
    """In its canonical spelling."""
    skill: str
    weight: int


def skill_lexicon(
    own: Mapping[str, Iterable[str]], defined: Mapping[str, Iterable[str]] | None = None
) -> Lexicon[SkillWord]:
    """Words by kind of work. `own`: further kinds, which agents name, each with the keywords that stand for it.
    `defined`: the words of skills that somebody defined, known ones and new ones.

    A kind of an agent's own is recognised by its name, and by its keywords as far as they say elsewhere what work is.
    The words of a skill count like these; one that the rules know for it already keeps its weight.
    """
    defined = defined or {}
    words: dict[tuple[str, str], tuple[str, SkillWord]] = {}
    known: dict[str, int] = {}

    def add(entry: str, skill: str, weight: int) -> None:
        word = canonical(entry)
        words[word, skill] = entry, SkillWord(word, skill, weight)

    for skill, listed in SKILL_WORDS.items():
        for entry, _, weight in (each.partition("=") for each in listed.split()):
            add(entry, skill, int(weight))
            known[canonical(entry)] = max(int(weight), known.get(canonical(entry), 0))
    for skill in sorted((own.keys() | defined.keys()) - SKILL_WORDS.keys()):
        for keyword in (*own.get(skill, ()), *defined.get(skill, ())):
            add(keyword, skill, max(_KEYWORD, known.get(canonical(keyword), 0)))
        add(skill.replace("_", " "), skill, STRONG + _GOVERNS)  # last, for no keyword may weaken it
    for skill in sorted(defined.keys() & SKILL_WORDS.keys()):
        for word in defined[skill]:
            if (canonical(word), skill) not in words:
                add(word, skill, max(_KEYWORD, known.get(canonical(word), 0)))
    return Lexicon(words.values())


def skill_points(found: Iterable[SkillWord]) -> dict[str, int]:
    """How strongly the words point to each kind of work."""
    points: dict[str, int] = {}
    strong: dict[str, list[str]] = {}
    for each in found:
        points[each.skill] = points.get(each.skill, 0) + each.weight
        if each.weight >= STRONG:
            strong.setdefault(each.word, []).append(each.skill)
    if strong:
        last = next(reversed(strong))
        for skill in strong[last if is_unspaced(last) else next(iter(strong))]:
            points[skill] += _GOVERNS
    return points


def skill_of(points: Mapping[str, int]) -> str:
    """The kind of work with most points; GENERAL when the best has only one, which any sentence may hold.

    Of equals an agent's own kind goes first: somebody made it for this line.
    """
    best = max(points, key=lambda skill: (points[skill], -_RANK.get(skill, -1), skill), default=GENERAL)
    return best if points.get(best, 0) > 1 else GENERAL


_HARD_WORDS = """
    architecture distributed concurrency migrate migration scalable security optimise optimize design refactor
    consistency transaction performance thread deadlock race tradeoff
"""
_HARD = frozenset(map(stem, _HARD_WORDS.split()))


def task_features(text: str, item_count: int, words: Words, points: Mapping[str, int]) -> TaskFeatures:
    code = "code_generation" in points or "code_review" in points or any(mark in text for mark in _CODE_MARKS)
    research, test = "research" in points, "test_run" in points
    length = min(1.0, math.log2(1 + len(text) / 50) / 8)  # 50 characters: 1/8; 12,750 and more: 1
    hard = min(2, sum(word in _HARD for word in words.stems)) / 2
    complexity = 0.35 * length + 0.2 * hard + 0.15 * min(1.0, item_count / 10) + 0.1 * (code + research + test)
    return TaskFeatures(len(text), item_count, code, research, test, round(complexity, 3))
