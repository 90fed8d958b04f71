"""What a finished task teaches: the label that is learned, and which tasks teach nothing.

The rule, after R0.2 (`tests/processors/test_labels.py` has it as a table): what people say counts before what the line
saw. Positive is 1, negative is 0, neutral is its score and 0.5 without one; of several people the mean. Where nobody
said anything success is worth half: 0.5 for a completed task, 0 for one that was not. So success is added to nothing
that a person called good (1 is the most there is) and does not make half good what a person called bad.
"""

from collections.abc import Sequence

from schemas.events import FeedbackKind, Opinion, OutcomeStatus, TaskOutcome

COMPLETED = 0.5
"""Label of a task that was completed and of which nobody said anything."""
_WORTH: dict[FeedbackKind, float] = {"positive": 1.0, "neutral": 0.5, "negative": 0.0}
KINDS = tuple(_WORTH)


def nothing_to_learn(outcome: TaskOutcome) -> str | None:
    """Why a task teaches nothing about its agent, in a word; None when it does.

    `not_chosen`: no agent was chosen, as for a task whose items are tasks of their own or one that the router refused;
    or it was before choices were kept. `cancelled`: a person did not want it any more. `refused`: its queue was full.
    `never_started`: its time was over, or its hosts died, before the agent had begun. A task that failed after it had
    started teaches 0, though a provider may have been at fault: an agent is chosen with the model behind it, and what
    came of that choice is what there is to learn.
    """
    if outcome["decided"] is None or outcome["agent_id"] is None:
        return "not_chosen"
    if outcome["status"] in ("cancelled", "refused", "unknown"):
        return outcome["status"]
    if outcome["status"] in ("expired", "dead_lettered") and outcome["started_at"] is None:
        return "never_started"
    return None


def label(status: OutcomeStatus, opinions: Sequence[Opinion]) -> float:
    """What is to be learned of a task that ended so and of which people said this, 0–1."""
    if not opinions:
        return COMPLETED if status == "completed" else 0.0
    return sum(map(_worth, opinions)) / len(opinions)


def word(opinions: Sequence[Opinion]) -> FeedbackKind | None:
    """What people said, as one word: that of the kind next to their mean; None when nobody said anything."""
    if not opinions:
        return None
    mean = sum(_WORTH[opinion["kind"]] for opinion in opinions) / len(opinions)
    return "positive" if mean > 0.75 else "negative" if mean < 0.25 else "neutral"


def score(opinions: Sequence[Opinion]) -> float | None:
    """The mean of the scores that people gave; None when nobody gave one."""
    scores = [opinion["score"] for opinion in opinions if opinion["score"] is not None]
    return sum(scores) / len(scores) if scores else None


def _worth(opinion: Opinion) -> float:
    if opinion["kind"] == "neutral" and opinion["score"] is not None:
        return opinion["score"]
    return _WORTH[opinion["kind"]]
