"""Which files are served: those of the page, and nothing else on this machine."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.server import page

APP = page.FOLDER / "app.js"


@pytest.fixture(autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path_factory.mktemp("files")
    folder = home / "page"
    (folder / "parts").mkdir(parents=True)
    for name in ("index.html", "app.js", "parts/list.js", "secret.py", ".hidden.js"):
        (folder / name).write_text(name)
    (home / "outside.js").write_text("outside")
    (folder / "link.js").symlink_to(home / "outside.js")
    monkeypatch.setattr(page, "FOLDER", folder)
    return folder


@pytest.mark.parametrize("name", ["index.html", "app.js", "parts/list.js"])
def test_files_of_the_page_are_found(name: str) -> None:
    found = page._file(name)
    assert found is not None
    assert found.read_text() == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../outside.js",
        "parts/../../outside.js",
        "/etc/passwd",
        "//etc/passwd",
        "link.js",
        "secret.py",
        ".hidden.js",
        "parts",
        "parts/",
        "app.js/",
        "app.js\0.html",
        "..\\outside.js",
        "%2e%2e/outside.js",
        "./app.js",
    ],
)
def test_nothing_else_is(name: str) -> None:
    assert page._file(name) is None


@pytest.mark.parametrize(
    ("name", "by_people"),
    [("tasks", True), ("tasks/t-1.0", True), ("chat/a.b", True), ("none.js", False), ("parts/none.js", False)],
)
def test_the_id_in_a_views_address_may_have_a_dot(name: str, by_people: bool) -> None:
    assert page._is_read_by_people(name) is by_people


def test_the_addresses_of_views_are_those_that_the_page_knows_and_no_others() -> None:
    views = re.findall(r'under\("(\w+)"', APP.read_text())
    assert len(views) >= 5
    for path in ("", *views, *(f"{view}/some-id.1" for view in views)):
        assert page._VIEWS.fullmatch(path), path
    for path in ("nowhere", "tasks/a/b", "taskss", "app.js"):
        assert not page._VIEWS.fullmatch(path), path


@given(st.lists(st.sampled_from(["..", ".", "", "parts", "outside.js", "page", "\\", "~", "app.js"])).map("/".join))
@settings(deadline=None)
def test_no_path_leaves_the_folder(name: str) -> None:
    found = page._file(name)
    assert found is None or found.read_text() in ("app.js",)
