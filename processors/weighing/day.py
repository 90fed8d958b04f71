"""What a day showed of each agent: tasks that ended, and what people said, from the samples of the day."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from schemas.events import TrainingSample


@dataclass(slots=True)
class Shown:
    """What a day showed of one agent at one kind of work."""

    runs: int = 0
    completed: int = 0
    good: int = 0
    neutral: int = 0
    bad: int = 0
    worth: float = 0.0
    """What the words are worth together, a good one 1."""

    @property
    def words(self) -> int:
        return self.good + self.neutral + self.bad


Shows = Mapping[tuple[str, str], Shown]
"""By agent and kind of work."""


@dataclass
class Day:
    """What the samples of a day (UTC) show, in any order. A task counts on the day on which its sample was first
    written, words on that on which they were said; of several about one task the newest sample of the day counts."""

    day: date
    _runs: dict[tuple[str, str], Shown] = field(default_factory=dict)
    _said: dict[str, TrainingSample] = field(default_factory=dict)

    @property
    def span(self) -> tuple[int, int]:
        """From when, and to before when [µs]."""
        start = int(datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC).timestamp())
        return start * 1_000_000, (start + 86_400) * 1_000_000

    def sample(self, event: TrainingSample) -> None:
        start, end = self.span
        if not (start <= event["at"] < end and 0 <= event["label"] <= 1):
            return
        if event["revision"] == 0:
            shown = self._runs.setdefault((event["agent_id"], event["skill"]), Shown())
            shown.runs += 1
            shown.completed += event["status"] == "completed"
        before = self._said.get(event["task_id"])
        if event["feedback"] is not None and (before is None or before["revision"] < event["revision"]):
            self._said[event["task_id"]] = {**event, "text": ""}

    def shows(self) -> Shows:
        found = {key: Shown(one.runs, one.completed) for key, one in self._runs.items()}
        for _, said in sorted(self._said.items()):
            shown = found.setdefault((said["agent_id"], said["skill"]), Shown())
            shown.worth += said["label"]
            shown.good += said["feedback"] == "positive"
            shown.bad += said["feedback"] == "negative"
            shown.neutral += said["feedback"] not in ("positive", "negative")
        return found


def over(now: int) -> date:
    """The last day that ended (µs)."""
    return (datetime.fromtimestamp(now // 1_000_000, UTC) - timedelta(days=1)).date()


def totals(shows: Shows) -> dict[str, Shown]:
    """By agent."""
    found: dict[str, Shown] = {}
    for (name, _), one in shows.items():
        total = found.setdefault(name, Shown())
        total.runs, total.completed = total.runs + one.runs, total.completed + one.completed
        total.good, total.neutral, total.bad = total.good + one.good, total.neutral + one.neutral, total.bad + one.bad
    return found
