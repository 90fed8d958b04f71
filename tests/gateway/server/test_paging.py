"""Lists are told page by page: every one that may grow, each row once whatever comes and goes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.server.app import EVERYTHING
from gateway.server.declare import Route
from gateway.server.paging import LIMIT_MAX, page_of
from gateway.server.problems import Problem

BOUNDED = {
    "/api/knowledge",
    "/api/questions",
    "/api/lab/scenarios",
    "/api/config",
    "/api/fleet/history",
    "/api/route",
    "/subjects",
    "/schemas/types",
}
"""Lists that cannot grow without somebody writing code or a setting, or that end by themselves."""

DOCS = Path(__file__).parents[3] / "docs" / "api.md"


def lists() -> Iterator[Route]:
    """Those that answer with many rows about the line."""
    for route in EVERYTHING:
        named = route.answer.get("properties", {}).values()
        is_list = route.answer.get("type") == "array" or any(one.get("type") == "array" for one in named)
        if route.method == "GET" and is_list and "}" not in route.path.removesuffix("/versions"):
            yield route


def test_every_list_that_may_grow_is_told_page_by_page() -> None:
    paged = set()
    for route in lists():
        if route.path in BOUNDED:
            continue
        given = {parameter.name for parameter in route.parameters}
        assert {"limit", "cursor"} <= given, f"{route.path} has no pages"
        assert "next" in route.answer["properties"], f"{route.path} does not tell where the next page begins"
        paged.add(route.path)
    assert {"/api/agents", "/api/models", "/api/experiments", "/api/alerts", "/api/fleet/decisions"} <= paged


def test_the_documentation_names_every_list_without_pages() -> None:
    (told,) = re.findall(r"^- \*\*Without pages\*\* (.*?)(?=^- |^$)", DOCS.read_text(), re.M | re.S)
    there = {route.path for route in lists()} & BOUNDED
    assert {path for path in there if path.startswith("/api/")} == set(re.findall(r"`(/api/[^`]+)`", told))


@given(st.lists(st.text(min_size=1), unique=True, max_size=40), st.integers(1, 10), st.data())
def test_each_row_is_told_once_whatever_comes_and_goes_before_it(names: list[str], limit: int, data: Any) -> None:
    rows, seen, cursor = [{"name": name} for name in names], [], None
    while True:
        shown, cursor = page_of(rows, "name", cursor, limit)
        assert len(shown) <= limit
        seen += [row["name"] for row in shown]
        if cursor is None:
            break
        come = data.draw(st.integers(0, 3))
        rows = [{"name": f"new {len(seen)}.{number} of {len(rows)}"} for number in range(come)] + rows
    assert [name for name in seen if name in names] == names


def test_where_the_last_row_told_is_gone_its_place_counts() -> None:
    rows = [{"name": name} for name in "abcdef"]
    _, cursor = page_of(rows, "name", None, 2)
    assert page_of([row for row in rows if row["name"] != "b"], "name", cursor, 2)[0] == [{"name": "c"}, {"name": "d"}]


def test_nobody_gets_less_at_once_than_before_there_were_pages() -> None:
    rows = [{"name": str(number)} for number in range(LIMIT_MAX)]
    assert page_of(rows, "name", None, LIMIT_MAX) == (rows, None)


@pytest.mark.parametrize("cursor", ["", "x", "bm90IG91cnM", "LTEuYQ", "é", "OTk5OTk5OTk5OTk5LmE"])
def test_a_cursor_that_is_none_of_ours_is_refused(cursor: str) -> None:
    with pytest.raises(Problem, match="start without one"):
        page_of([{"name": "a"}], "name", cursor, 1)
