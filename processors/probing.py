"""Probes: one that has taken no work for a while is asked whether it would. A host may beat and read no assignments, so
the question goes the way that work goes; the answer comes with a heartbeat of its host.

Heartbeats are the clock as well: who is silent is asked nothing, and a probe counts as unanswered only when the host
has spoken after its time without a word of it. So a dispatcher that is late holds nobody guilty.
"""

from dataclasses import dataclass
from typing import NamedTuple

from processors.health import Health, Peers
from schemas.events import FleetStep

UNANSWERED = 3
"""In a row, and an instance gets no work."""
ANSWERED = 2
"""In a row, and it does again."""
_ANSWER_SHARE = 3
"""A probe has a third of the time between two of them: 10 s of 30."""

REASON = f"{UNANSWERED} probes in a row were not answered"


class Told(NamedTuple):
    """A step to be written down: about an instance, or about all of the pool."""

    what: FleetStep
    detail: str
    of_all: bool = False


@dataclass(slots=True)
class Probing:
    """Of one instance."""

    life: str = ""
    """Of the host that speaks for it."""
    due_at: int = 0
    """When it is asked next."""
    asked_at: int = 0
    """When the probe was sent that has no answer yet; 0: there is none."""
    first_at: int = 0
    """When the first was sent of those that it did not answer in a row."""
    unanswered: int = 0
    """In a row. One that is mute stays it until it has answered often enough."""
    answered: int = 0
    """In a row, since it is mute."""

    @property
    def mute(self) -> bool:
        return self.unanswered >= UNANSWERED


class Probes:
    """Of the instances of a pool. Each step costs the same however many there are."""

    def __init__(self, every_us: int, peers: Peers) -> None:
        """`every_us` 0: nobody is asked."""
        self.every_us = every_us
        self.answer_us = every_us // _ANSWER_SHARE
        self._peers = peers
        self._answered_at = 0
        """Of all probes that were answered, and of all work that was done, when the newest was sent."""
        self._all_mute = False
        """Whether it was told that none answers."""

    def begin(self, one: Probing, health: Health, life: str, due_at: int, live: int, now: int) -> None:
        """Another host, or another life of one, speaks for it: what was asked before, nobody answers. One that was
        mute has to show first that it is no more."""
        one.life, one.asked_at, one.answered = life, 0, 0
        if not one.mute:
            one.unanswered, one.due_at = 0, due_at
            return
        one.due_at = now
        if health.state == "well":  # it was forgotten while it was away
            self._peers.silence(health, REASON, live, now)

    def ask(self, one: Probing, now: int) -> bool:
        """Whether it is to be asked now."""
        if one.asked_at or now < one.due_at:
            return False
        one.asked_at, one.due_at = now, now + self.every_us
        return True

    def hear(self, one: Probing, health: Health, probed_at: int | None, at: int, live: int, now: int) -> list[Told]:
        """Its host has said, at `at`, which probe came in last; None: it is one that answers none."""
        if probed_at is None:
            return self._excuse(one, health, now)
        if not one.asked_at:
            return []
        if probed_at == one.asked_at:
            return self._answered(one, health, one.asked_at, now)
        if min(at, now) >= one.asked_at + self.answer_us:
            return self._unanswered(one, health, live, now)
        return []

    def worked(self, one: Probing, health: Health, given_at: int, now: int) -> list[Told]:
        """It has done work that it was given then: a better answer than any."""
        one.due_at = max(one.due_at, given_at + self.every_us)
        if one.asked_at and given_at > one.asked_at:
            return self._answered(one, health, given_at, now)
        self._answered_at = max(self._answered_at, given_at)
        return []

    def _excuse(self, one: Probing, health: Health, now: int) -> list[Told]:
        one.asked_at = one.unanswered = one.answered = 0
        if health.state != "mute":
            return []
        self._peers.trust(health, now)
        return [Told("well", "its host is one that answers no probes")]

    def _answered(self, one: Probing, health: Health, sent_at: int, now: int) -> list[Told]:
        self._answered_at = max(self._answered_at, sent_at)
        one.asked_at = 0
        told = []
        if self._all_mute:
            self._all_mute = False
            told.append(Told("well", "an instance answers probes again", of_all=True))
        if not one.mute:
            one.unanswered = 0
            return told
        one.answered += 1
        told.append(Told("verified", f"a probe was answered: {one.answered} of {ANSWERED}"))
        if one.answered >= ANSWERED:
            one.unanswered = one.answered = 0
            if health.state == "mute":
                self._peers.trust(health, now)
                told.append(Told("well", f"{ANSWERED} probes in a row were answered"))
        return told

    def _unanswered(self, one: Probing, health: Health, live: int, now: int) -> list[Told]:
        if not one.unanswered:
            one.first_at = one.asked_at
        one.asked_at = one.answered = 0
        one.unanswered += 1
        told = []
        if one.unanswered <= UNANSWERED:
            within = f"{self.answer_us / 1e6:g} s"
            told.append(Told("ping", f"a probe was not answered within {within}: {one.unanswered} in a row"))
        if not one.mute or health.state == "mute":
            return told
        if self._answered_at < one.first_at:  # what all suffer from is no instance's fault
            if not self._all_mute:
                self._all_mute = True
                detail = "none of its instances has answered a probe or done work meanwhile; none is left out for it"
                told.append(Told("silent", detail, of_all=True))
        elif self._peers.silence(health, REASON, live, now):
            told.append(Told("ejected", REASON))
        return told
