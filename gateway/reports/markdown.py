"""A report as Markdown, for a wiki or an issue. A chart is its table there, under its title."""

import re
from collections.abc import Sequence

from gateway.reports.document import Block, Chart, Document, Facts, Points, Table, Text
from gateway.reports.plain import plain

_SPEAKING = re.compile(r"([\\`*_{}\[\]<>#|~$!&@])")
"""What Markdown, or a page that shows it, may take for more than a letter."""
_ADDRESS = re.compile(r"(?i)\b(https?|ftp|mailto|www)([:.])")
_LIST = re.compile(r"^(\s*\d*)([-+=.)])")
"""At the start of a paragraph: a list, or an underline."""


def markdown(document: Document) -> str:
    mark = {"good": "✅", "bad": "❌", "unsure": "⚠️", "plain": ""}[document.conclusion.tone]
    parts = [f"# {_text(document.title)}", " · ".join(map(_text, document.about))]
    parts.append(f"{mark} **{_text(document.conclusion.text)}**".strip())
    if document.to_do:
        parts.append(_paragraph(document.to_do))
    for section in document.sections:
        parts += [f"## {_text(section.title)}", *map(_block, section.blocks)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _block(block: Block) -> str:
    if isinstance(block, Text):
        return _paragraph(block.text)
    if isinstance(block, Points):
        return "\n".join(f"- {_text(item)}" for item in block.items)
    if isinstance(block, Facts):
        return "\n".join(f"- **{_text(name)}**: {_text(what)}" for name, what in block.pairs)
    if isinstance(block, Chart):
        return f"**{_text(block.title)}.** {_text(block.about)}\n\n{_table(block.table)}" if block.table else ""
    return _table(block)


def _table(table: Table) -> str:
    lines = [
        _line(table.columns),
        _line(["--:" if column in table.right else "---" for column in table.columns], raw=True),
        *(_line(["–" if value is None else value for value in row]) for row in table.rows),
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str], *, raw: bool = False) -> str:
    return "| " + " | ".join(cell if raw else _text(cell) for cell in cells) + " |"


def _text(text: str) -> str:
    """Nothing in it is formatting, a link or a mention."""
    return _ADDRESS.sub("\\1\u200b\\2", _SPEAKING.sub(r"\\\1", plain(text)))


def _paragraph(text: str) -> str:
    return _LIST.sub(r"\1\\\2", _text(text))
