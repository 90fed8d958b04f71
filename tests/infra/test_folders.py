"""Folders of definitions: users' files beside the line's, one id one file, and no way out of the folder."""

import itertools
from pathlib import Path

import pytest

from infra.agent_file import FORM
from infra.folders import file_of, fingerprint, load, look
from infra.front_matter import BadFile

FILE = "---\ndescription: Helps.\n---\nHelp.\n"


def write(path: Path, text: str = FILE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_files_of_the_line_and_of_its_users_are_found_by_one_id_each(tmp_path: Path) -> None:
    write(tmp_path / "top.md")
    write(tmp_path / "system" / "ours.md")
    hers = write(tmp_path / "user" / "ann@example.org" / "hers.md")
    write(tmp_path / "user" / "bob" / "his.md")
    write(tmp_path / "notes" / "not-looked-at.md", "nonsense")
    write(tmp_path / ".#top.md", "an editor's")
    assert sorted(load(FORM, tmp_path)) == ["hers", "his", "ours", "top"]
    assert file_of([tmp_path], "hers") == hers
    assert file_of([tmp_path], "nobody") is None


def test_two_files_with_the_same_id_are_refused_with_both_names(tmp_path: Path) -> None:
    write(tmp_path / "system" / "helper.md")
    write(tmp_path / "user" / "ann" / "helper.md")
    with pytest.raises(BadFile, match=r"system/helper\.md and .*user/ann/helper\.md both define helper: rename one"):
        load(FORM, tmp_path)
    with pytest.raises(BadFile, match="both define helper"):
        file_of([tmp_path], "helper")


def test_the_same_id_in_a_later_folder_goes_before_the_earlier(tmp_path: Path) -> None:
    write(tmp_path / "one" / "helper.md")
    later = write(tmp_path / "two" / "user" / "ann" / "helper.md", FILE.replace("Helps.", "Helps more."))
    folders = (tmp_path / "one", tmp_path / "two")
    assert load(FORM, *folders)["helper"]["description"] == "Helps more."
    assert file_of(folders, "helper") == later


@pytest.mark.parametrize("place", ["helper.md", "system/helper.md", "user/ann/helper.md"])
def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path, place: str) -> None:
    secret = write(tmp_path / "secret" / "helper.md")
    link = tmp_path / "agents" / place
    link.parent.mkdir(parents=True)
    link.symlink_to(secret)
    found = look(FORM, [tmp_path / "agents"])
    assert found.definitions == {}
    assert "a link out of" in found.problems[0]


def test_a_linked_folder_of_a_user_leads_nowhere_else(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "helper.md")
    (tmp_path / "agents" / "user").mkdir(parents=True)
    (tmp_path / "agents" / "user" / "ann").symlink_to(tmp_path / "elsewhere")
    assert look(FORM, [tmp_path / "agents"]).definitions == {}


def test_a_link_within_the_folder_is_a_file_like_any(tmp_path: Path) -> None:
    write(tmp_path / "..data" / "helper.md")
    (tmp_path / "helper.md").symlink_to(tmp_path / "..data" / "helper.md")
    assert sorted(load(FORM, tmp_path)) == ["helper"]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda root: write(root / "user" / "lost.md"), "stand in user/<id>/"),
        (lambda root: write(root / "user" / "-x" / "a.md"), "the id being"),
        (lambda root: (root / "folder.md").mkdir(), "no file"),
        (lambda root: (root / "nowhere.md").symlink_to("missing"), "leads nowhere"),
        (lambda root: (root / "round.md").symlink_to("round.md"), "leads nowhere"),
    ],
)
def test_what_stands_wrong_is_told_with_its_place(tmp_path: Path, make, said) -> None:  # type: ignore[no-untyped-def]
    make(tmp_path)
    (problem,) = look(FORM, [tmp_path]).problems
    assert problem.startswith(str(tmp_path))
    assert said in problem


def test_a_bad_file_hides_none_but_itself_and_what_it_stands_in_for(tmp_path: Path) -> None:
    write(tmp_path / "shipped" / "helper.md")
    write(tmp_path / "shipped" / "other.md")
    write(tmp_path / "own" / "helper.md", "nonsense")
    found = look(FORM, [tmp_path / "shipped", tmp_path / "own"])
    assert sorted(found.definitions) == ["other"]
    assert found.doubtful == {"helper"}
    assert found.whole and "own/helper.md:1:" in found.problems[0]


def test_a_folder_that_is_away_is_told_as_such(tmp_path: Path) -> None:
    found = look(FORM, [tmp_path / "away"])
    assert not found.whole
    assert "no such folder" in found.problems[0]


def test_a_change_of_any_file_changes_the_fingerprint(tmp_path: Path) -> None:
    seen = [fingerprint([tmp_path])]
    path = write(tmp_path / "user" / "ann" / "helper.md")
    seen.append(fingerprint([tmp_path]))
    path.write_text(FILE + "More.")
    seen.append(fingerprint([tmp_path]))
    path.unlink()
    (tmp_path / "helper.md").symlink_to("missing")
    seen.append(fingerprint([tmp_path]))
    assert all(one != other for one, other in itertools.pairwise(seen))
    assert fingerprint([tmp_path]) == seen[-1]
