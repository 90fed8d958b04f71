"""The agents and what they can do, hidden from the router, and the tasks that show it. Pure."""

import random
from collections.abc import Iterator

from infra.agent_file import FORM

SUBJECTS = {
    "sql": ("a query that counts orders a month", "a join of customers and invoices", "an index for slow lookups"),
    "css": ("a layout of three columns", "a button that glows under the pointer", "a table that prints well"),
    "docker": ("an image with two stages", "a container that restarts by itself", "a build that uses its cache"),
    "regex": ("a pattern for postal codes", "a match of quoted words", "a check of version numbers"),
    "latex": ("a letter with a heading", "a table of measurements", "a formula over two lines"),
    "excel": ("a sheet that sums by week", "a lookup between two books", "a chart of the quarter"),
}
"""What tasks are about; the word itself stands in each of them."""
PURPOSES = (
    "the billing team",
    "our night shift",
    "a new customer",
    "the audit",
    "the spring release",
    "the front desk",
)
TEAMS = ("alder", "birch", "cedar", "douglas", "elm", "fir")
CRAFT = "craft"
"""The kind of work that all of them can do, and no other agent of the line."""
GOOD, POOR = 0.95, 0.45
FALLBACK = "generalist"
"""Takes work of any kind, and is found out as well."""
NEWCOMER = "sql-specialist"
HARD = "sql"
"""The subject that no team is good at, until the newcomer comes."""

BEST = (GOOD * (len(SUBJECTS) - 1) + POOR) / len(SUBJECTS)
"""Share that completes when each task goes to who is best at it, before the newcomer."""


def agents() -> dict[str, str]:
    """Files by agent: all alike, but for a description that says nothing of what they are good at."""
    return {team: _file(f"Writes code; the people of team {team}.") for team in TEAMS}


def newcomer() -> str:
    return _file("Writes sql: queries, joins and indexes of databases.")


def _file(description: str) -> str:
    values = {"description": description, "capabilities": [CRAFT], "runner": "simulated", "instances": 4}
    return FORM.written(values, "You write code.")


def abilities() -> dict[str, float]:
    """Share of tasks that an agent is up to, by `agent/word`: each subject has one team that is good at it."""
    subjects = list(SUBJECTS)
    chances = {f"{agent}/{subject}": POOR for agent in (*TEAMS, FALLBACK) for subject in subjects}
    for team, subject in zip(TEAMS, subjects, strict=True):
        chances[f"{team}/{subject}"] = POOR if subject == HARD else GOOD
    return chances | {f"{NEWCOMER}/{subject}": GOOD if subject == HARD else POOR for subject in subjects}


def tasks(seed: int) -> Iterator[tuple[str, str]]:
    """Subject and text of one task after the other, endless; the same seed gives the same."""
    chance = random.Random(f"learning/{seed}")
    while True:
        subject = chance.choice(list(SUBJECTS))
        thing, purpose = chance.choice(SUBJECTS[subject]), chance.choice(PURPOSES)
        number = chance.randrange(10_000)
        yield subject, f"Implement {thing} in {subject} for {purpose}, as in ticket {number}."
