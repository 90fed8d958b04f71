"""Exploration: now and then a task goes to an agent that is not the best by what is known, so that more gets known.

With the probability `explore` a task tries one of the agents that might be as good; with up to NEW_MORE times that more
while one of them is new and could be better than the best, for a newcomer that is hardly tried is never found out.
Chance is a hash of the task's id, so a repeat decides alike. The propensity of the agent chosen, by exploration or not,
is exact:

    p(agent) = (1 − rate) · p_best(agent) + rate · p_try(agent)

where p_best goes by the weights of equals, even where these are, and p_try is half even and half softmax of value and
uncertainty over those that may be tried: the even half bounds 1/p, on which what is learned from the log rests.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from processors.chance import draw
from processors.standing import Flags, Floats

PLAUSIBLE = 0.3
"""How far below the best an agent's value may be for it to be tried."""
TEMPERATURE = 0.1
UNCERTAIN = 0.5
"""What an agent without any run gains for being unknown; it falls with the square root of its runs."""
NEW_RUNS = 20
"""Runs after which an agent is less unknown by three parts in ten: of each kind of task it had a handful."""
NEW_MORE = 5.0
LIKE_MAX = 3.0
"""How many times as much as others one is to be tried at what its description is about."""
EVEN = 0.5
CLASS_ERRORS_MAX = 0.5
"""Share of failures above which a kind of work is left to its best agents: something is broken, and trying others
would teach that only. Below it failures are what there is to learn from."""
MORE_ERRORS_MAX = 0.2
"""How much more often than the best of its kind an agent may fail, certainly, and still be tried. What an agent failed
at in its first few runs may be chance, and nothing else would ever tell."""
_NEWEST = 100.0
"""Runs that a share of newest attempts is made of, at most."""
PRIORITY_FIRST = 3
"""More urgent tasks (1 and 2) are not used to try agents."""
EXPLORE, TRY = "explore", "try"
"""What is drawn: whether a task tries an agent, and which."""


@dataclass(frozen=True, slots=True)
class Rate:
    """With which probability a task tries an agent, and why so."""

    value: float
    reason: str


def rate(explore: float, priority: int, measured: bool, errors: float, unknown: float = 0.0) -> Rate:
    """`measured`: whether an experiment compares routers with this task, so that nothing else may vary it; `errors`:
    the share of newest attempts that failed among the agents of its class; `unknown`: as `lead` finds it."""
    if explore <= 0:
        return Rate(0.0, "off: explore is 0")
    if priority < PRIORITY_FIRST:
        return Rate(0.0, f"off: a task of priority {priority} goes to the best agent")
    if measured:
        return Rate(0.0, "off: an experiment compares routers with this task")
    if errors > CLASS_ERRORS_MAX:
        return Rate(0.0, f"off: {errors:.0%} of the newest attempts at this kind of work failed")
    value = min(1.0, explore * (1 + NEW_MORE * unknown))
    more = f", more than the usual {explore:.0%} for one is new" if round(value, 2) > round(explore, 2) else ""
    return Rate(value, f"{value:.0%} of the tasks of this kind try another agent{more}")


def unknown(runs: Floats, like: Floats | None = None) -> Floats:
    """1 for an agent without any run, towards 0 with many; in proportion to how `like` the task what it says of itself
    is, where that is known: 1 is no more than others."""
    found = np.asarray(1 / np.sqrt(1 + runs / NEW_RUNS))
    return found if like is None else found * np.minimum(like, LIKE_MAX)


def lead(values: Floats, unknown: Floats, may: Flags, best: int | Sequence[int]) -> float:
    """How much less is known of one that may be tried than of the best, or of several equals on average; less where
    the best is known to be better, for there a try costs more and teaches less. 0–1."""
    behind = (np.mean(values[best]) - values[may]) / UNCERTAIN
    return float(np.clip((unknown[may] - np.mean(unknown[best]) - behind).max(initial=0.0), 0.0, 1.0))


def class_errors(errors: Floats, runs: Floats, members: Flags) -> float:
    """The share of newest attempts that failed, of all members; each counts by its runs."""
    weight = np.minimum(runs[members], _NEWEST)
    total = float(weight.sum())
    return float((errors[members] * weight).sum() / total) if total else 0.0


def plausible(values: Floats, among: Flags, errors: Floats, runs: Floats) -> Flags:
    """Who of those may be tried: not far below the best of them, and not failing much more often than others."""
    if not among.any():
        return among
    able = _certain(errors, runs) <= errors[among].min() + MORE_ERRORS_MAX
    near: Flags = among & able & (values >= values[among].max() - PLAUSIBLE - 1e-9)
    return near


def _certain(errors: Floats, runs: Floats) -> Floats:
    """The share of failures that so many runs prove: two standard errors below what they showed."""
    count = np.minimum(runs, _NEWEST) + 2
    share = (errors * (count - 2) + 1) / count
    return np.asarray(share - 2 * np.sqrt(share * (1 - share) / count))


def chances(values: Floats, unknown: Floats, may: Flags) -> Floats:
    """p_try, one entry an agent."""
    count = int(np.count_nonzero(may))
    found = np.zeros(len(values))
    if not count:
        return found
    tempting = (values[may] + UNCERTAIN * unknown[may]) / TEMPERATURE
    odds = np.exp(tempting - tempting.max())
    found[may] = EVEN / count + (1 - EVEN) * odds / odds.sum()
    return found


@dataclass(frozen=True, slots=True)
class Drawn:
    """Who gets the task, and how likely each was to get it."""

    place: int
    tried: bool
    """Whether exploration chose."""
    equals: Sequence[int]
    shares: Sequence[float]
    """How likely each of the equals is to have the turn."""
    tries: Floats
    rate: float

    def propensity(self, place: int) -> float:
        """The probability with which tasks like this go to this agent."""
        by_rank = self.shares[self.equals.index(place)] if place in self.equals else 0.0
        return (1 - self.rate) * by_rank + self.rate * float(self.tries[place])


def drawn(
    task_id: str, best: int, equals: Sequence[int], shares: Sequence[float], tries: Floats, probability: float
) -> Drawn:
    """`best`: the one of the `equals` whose turn it is, as their `shares` give it; `tries`: p_try, all zero when nobody
    may be tried."""
    probability = probability if tries.any() else 0.0
    if probability == 0 or draw(task_id, EXPLORE) >= probability:
        return Drawn(best, False, equals, shares, tries, probability)
    bounds = np.cumsum(tries)
    place = int(np.searchsorted(bounds, draw(task_id, TRY) * bounds[-1], side="right"))
    return Drawn(min(place, int(np.flatnonzero(tries)[-1])), True, equals, shares, tries, probability)
