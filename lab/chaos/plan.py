"""What a campaign does to the line and when, from a seed alone: the same seed gives the same campaign. Pure."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

Kind = Literal["kill", "pause", "outage"]

ALONE = ("kafka", "redis", "supervisor")
"""Of these there is one; of each service there are as many as the campaign runs."""
PAUSABLE = ("router", "dispatcher")
PAUSE_S = (9.0, 12.0)
"""Longer than the 6 s after which a group gives a silent member up: its work goes to another, and it wakes a zombie."""
FIRST_S = (2.0, 5.0)
"""From the start of a round to its first fault: work is in hand everywhere by then."""
SHORT_S = (0.2, 2.0)
"""Between two faults in short succession: the second meets a recovery."""
LONG_S = (6.0, 9.0)
PAIR_SHARE = 0.4
"""Share of rounds with a second fault in short succession."""
LATE_SHARE = 0.4
"""Share of rounds with a further fault once the line has recovered."""
PAUSE_EVERY = 4
"""One round of so many pauses a process, beside what else it does."""


@dataclass(frozen=True)
class Fault:
    at_s: float
    """From the start of the round."""
    target: str
    """Name of the process, as in `headway status`."""
    kind: Kind = "kill"
    pause_s: float = 0.0

    def __str__(self) -> str:
        what = {"kill": "kill -9", "pause": "pause", "outage": "no"}[self.kind] + f" {self.target}"
        lasts = f" for {self.pause_s:.1f} s" if self.pause_s else ""
        return f"{what}{lasts} at {self.at_s:.1f} s"


def targets(processes: int) -> list[str]:
    services = ("router", "dispatcher", "executor")
    return [f"{service}-{i}" for service in services for i in range(processes)] + list(ALONE)


def stores(processes: int) -> list[str]:
    return [f"sink-{i}" for i in range(processes)] + ["warehouse"]


def campaign(seed: int, rounds: int, processes: int, stored: bool = False) -> list[list[Fault]]:
    """The faults of each round, in the order of their time. Every process is met once before one is met twice. With
    `stored` only what stores events is met."""
    chooser = random.Random(f"campaign/{seed}")
    deck: list[str] = []

    def draw() -> str:
        if not deck:
            deck.extend(stores(processes) if stored else targets(processes))
            chooser.shuffle(deck)
        return deck.pop()

    pausable = ("sink",) if stored else PAUSABLE
    return [_round(chooser, draw, number, processes, pausable) for number in range(1, rounds + 1)]


def once_each(processes: int, apart_s: float) -> list[Fault]:
    """One round that kills everything once: the short form."""
    return [Fault(1.0 + apart_s * n, name) for n, name in enumerate(targets(processes))]


def outage(seconds: float) -> list[Fault]:
    """One round without a warehouse for so long: whoever starts it finds it dead again."""
    return [Fault(FIRST_S[0], "warehouse", "outage", seconds)]


def _round(
    chooser: random.Random, draw: Callable[[], str], number: int, processes: int, pausable: Sequence[str]
) -> list[Fault]:
    at_s = chooser.uniform(*FIRST_S)
    faults = []
    if number % PAUSE_EVERY == 0:
        paused = f"{chooser.choice(pausable)}-{chooser.randrange(processes)}"
        faults.append(Fault(at_s, paused, "pause", chooser.uniform(*PAUSE_S)))
        at_s += chooser.uniform(0.5, 5.0)
    faults.append(Fault(at_s, draw()))
    if chooser.random() < PAIR_SHARE:
        at_s += chooser.uniform(*SHORT_S)
        faults.append(Fault(at_s, draw()))
    if chooser.random() < LATE_SHARE:
        faults.append(Fault(at_s + chooser.uniform(*LONG_S), draw()))
    return faults
