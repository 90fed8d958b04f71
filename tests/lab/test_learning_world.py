"""The world of the learning campaign: what it hides, and that nothing else tells it."""

from itertools import islice

from infra.agent_file import FORM
from lab.learning import world
from lab.learning.campaign import Ended, Result
from lab.learning.summary import curve, hard_tasks


def test_each_subject_but_the_hard_one_has_one_team_that_is_good_at_it() -> None:
    known = world.abilities()
    for subject in world.SUBJECTS:
        good = [team for team in world.TEAMS if known[f"{team}/{subject}"] == world.GOOD]
        assert len(good) == (subject != world.HARD)
    assert known[f"{world.NEWCOMER}/{world.HARD}"] == world.GOOD


def test_files_of_the_teams_differ_in_nothing_that_says_what_they_are_good_at() -> None:
    texts = world.agents()
    assert {text.replace(team, "") for team, text in texts.items()} == {next(iter(texts.values())).replace("alder", "")}
    assert not any(subject in text for text in texts.values() for subject in world.SUBJECTS)
    assert FORM.parse_text(world.NEWCOMER, world.newcomer())["capabilities"] == [world.CRAFT]


def test_each_task_names_its_subject_and_no_other() -> None:
    for subject, text in islice(world.tasks(1), 500):
        assert [word for word in world.SUBJECTS if word in text.lower()] == [subject]
    assert list(islice(world.tasks(2), 5)) == list(islice(world.tasks(2), 5)) != list(islice(world.tasks(1), 5))


def test_the_curve_counts_through_the_phases() -> None:
    right, wrong = (Ended(world.HARD, "alder", done, learned=False) for done in (True, False))
    came = Ended(world.HARD, world.NEWCOMER, completed=True, learned=True)
    result = Result(phases={"rules": [right, wrong] * 200, "learned": [right] * 100})
    assert [(phase, tasks, p) for phase, tasks, p, _ in curve(result)] == [
        ("rules", 250, 0.5),
        ("rules", 400, 0.5),
        ("learned", 500, 1.0),
    ]
    assert hard_tasks([right, wrong, came, came]) == (0.75, 0.5)
