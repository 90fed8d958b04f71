"""An agent that works no harder than it must: the experiment's mix of task times, and failures, by a seed."""

import asyncio
from hashlib import blake2b
from struct import Struct

from streams.executor.work import Answer, Permanent, Retryable, Work

# Seconds of one task at speed 1, by kind of work: the mix of the 200-agent experiment.
SECONDS = {"code_generation": 45.0, "code_review": 30.0, "test_run": 60.0, "documentation": 20.0}
LIGHT_SECONDS = 5.0

_SPREAD = 0.2
_PERMANENT_SHARE = 0.1
_INSTANT_S = 0.001
"""Below this the clock costs more than the work, so a bench of the line measures the line."""
_WORTH_TELLING_S = 0.2
_TELLINGS = 4
_QUOTE_CHARS = 200
_DRAWS = Struct(">4I")

MARK = "Simulated: no model was asked."
"""Begins each answer, so that nobody takes one for work that was done."""
_OPENINGS = {
    "code_generation": "Wrote the code",
    "code_review": "Reviewed the code",
    "test_run": "Ran the tests",
    "documentation": "Wrote the documentation",
}


class Simulated:
    async def run(self, work: Work) -> Answer:
        spread, fails, how, when = _draws(work)
        usual = SECONDS.get(work.assigned["skill"], LIGHT_SECONDS) / work.settings.sim_speed
        seconds = usual * (1 + _SPREAD * (2 * spread - 1))
        failed = fails < work.settings.sim_failure_rate
        if failed:
            seconds *= when
        if seconds >= _INSTANT_S:
            await self._pass(seconds, work)
        if failed:
            _fail(how)
        if not _can(work):
            raise Permanent("simulated: work that this agent cannot do (HEADWAY_SIM_SUCCESS says who can do what)")
        return Answer(_output(work))

    async def _pass(self, seconds: float, work: Work) -> None:
        tellings = _TELLINGS if seconds > _WORTH_TELLING_S else 0
        for n in range(1, tellings + 1):
            await asyncio.sleep(seconds / (tellings + 1))
            share = n / (tellings + 1)
            await work.progress(share, f"{share:.0%} done")
        await asyncio.sleep(seconds / (tellings + 1))


def _can(work: Work) -> bool:
    """Whether the agent is up to the work; the same for every attempt of a task, for a retry makes nobody wiser."""
    known, words = work.settings.sim_success, work.task["text"].lower()
    share = 1.0
    for entry, chance in known.items():
        agent, _, word = entry.partition("/")
        if agent == work.assigned["agent_id"] and word.lower() in words:
            share = min(share, chance)
    drawn = blake2b(f"{work.settings.sim_seed}/{work.assigned['task_id']}/can".encode(), digest_size=4).digest()
    return int.from_bytes(drawn) < share * 2**32


def _draws(work: Work) -> tuple[float, float, float, float]:
    """Four numbers from 0 to 1 that the same attempt always gets."""
    attempt = f"{work.settings.sim_seed}/{work.assigned['task_id']}/{work.assigned['attempt']}"
    a, b, c, d = _DRAWS.unpack(blake2b(attempt.encode(), digest_size=_DRAWS.size).digest())
    return a / 2**32, b / 2**32, c / 2**32, d / 2**32


def _fail(how: float) -> None:
    if how < _PERMANENT_SHARE:
        raise Permanent("simulated failure that no retry helps (HEADWAY_SIM_FAILURE_RATE sets how many there are)")
    raise Retryable("simulated failure (HEADWAY_SIM_FAILURE_RATE sets how many there are)")


def _output(work: Work) -> str:
    text = " ".join(work.task["text"][: 2 * _QUOTE_CHARS].split())
    quote = text if len(text) <= _QUOTE_CHARS else text[:_QUOTE_CHARS] + "…"
    opening = _OPENINGS.get(work.assigned["skill"], "Did the work")
    again = f" This time with regard to: {work.assigned['feedback']}" if work.assigned["feedback"] else ""
    return f"{MARK} {opening} for “{quote}”, and nothing is left open, as far as a simulation can tell.{again}"
