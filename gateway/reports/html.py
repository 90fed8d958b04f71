"""A report as one page that needs nothing else: no script, no address, no file beside it. It is well-formed XML too."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from gateway.reports.charts import legend, svg
from gateway.reports.document import Block, Chart, Document, Facts, Points, Section, Table, Text
from gateway.reports.drawing import line, safe
from gateway.reports.style import css

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""For the browser: nothing that a report quotes may load or run anything."""


def page(document: Document) -> str:
    sections = "\n".join(_section(section, i) for i, section in enumerate(document.sections))
    to_do = f"<p>{safe(document.to_do)}</p>" if document.to_do else ""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>{safe(document.title)}</title><style>{css()}</style></head>\n<body><main>\n"
        f"<header><h1>{safe(document.title)}</h1>{_list(document.about, 'about')}</header>\n"
        f'<div class="verdict {document.conclusion.tone}"><p>{safe(document.conclusion.text)}</p>{to_do}</div>\n'
        f"{sections}\n</main></body></html>\n"
    )


def _section(section: Section, number: int) -> str:
    parts = []
    for are_charts, blocks in groupby(enumerate(section.blocks), key=lambda place: isinstance(place[1], Chart)):
        made = "".join(_block(block, f"s{number}-{i}") for i, block in blocks)
        parts.append(f'<div class="charts">{made}</div>' if are_charts else made)
    inside, title = "\n".join(parts), safe(section.title)
    if section.folded:
        return f'<details class="section"><summary>{title}</summary>{inside}</details>'
    return f"<section><h2>{title}</h2>{inside}</section>"


def _block(block: Block, name: str) -> str:
    if isinstance(block, Text):
        return f'<p class="t-{block.tone}">{safe(block.text)}</p>'
    if isinstance(block, Points):
        return _list(block.items)
    if isinstance(block, Facts):
        pairs = "".join(f"<dt>{safe(name)}</dt><dd>{safe(what)}</dd>" for name, what in block.pairs)
        return f"<dl>{pairs}</dl>"
    if isinstance(block, Table):
        return _table(block)
    return _chart(block, name)


def _chart(chart: Chart, name: str) -> str:
    numbers = f"<details><summary>In numbers</summary>{_table(chart.table)}</details>" if chart.table else ""
    return (
        f'<div class="card chart"><h3>{safe(chart.title)}</h3><p>{safe(chart.about)}</p>{_legend(chart)}'
        f"{svg(chart, name)}{numbers}</div>"
    )


def _legend(chart: Chart) -> str:
    entries = "".join(
        f'<li><svg viewBox="0 0 26 10" aria-hidden="true">{line([(0, 5), (26, 5)], f"line {look}")}</svg>'
        f"{safe(name)}</li>"
        for look, name in legend(chart)
    )
    return f'<ul class="legend">{entries}</ul>' if entries else ""


def _table(table: Table) -> str:
    kinds = ["n" if column in table.right else "w" if column == table.judgement else "" for column in table.columns]
    head = "".join(
        f'<th scope="col"{_kind(kind)}>{safe(column)}</th>' for column, kind in zip(table.columns, kinds, strict=True)
    )
    tones = table.tones or ["plain"] * len(table.rows)
    rows = (f'<tr class="{tone}">{_row(row, kinds)}</tr>' for row, tone in zip(table.rows, tones, strict=True))
    inside = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="group" aria-label="Table">{inside}</div>'


def _row(row: Sequence[str | None], kinds: Sequence[str]) -> str:
    first, *others = ["–" if value is None else safe(value) for value in row]
    cells = (f"<td{_kind(kind)}>{text}</td>" for text, kind in zip(others, kinds[1:], strict=True))
    return f'<th scope="row">{first}</th>{"".join(cells)}'


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _list(items: Sequence[str], kind: str = "") -> str:
    found = "".join(f"<li>{safe(item)}</li>" for item in items)
    opening = f'<ul class="{kind}">' if kind else "<ul>"
    return f"{opening}{found}</ul>" if found else ""
