"""Runs it: a line under load, clients that come and go, gateways and broker killed; then the topics testify."""

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp

from infra import kafka
from infra.definitions import AGENT, load
from infra.settings import Settings
from lab.chaos.feeding import Feeder
from lab.chaos.load import TENANTS, tasks
from lab.chaos.watching import Watcher
from lab.disconnects.clients import Heard, Tally, Wanderer
from lab.disconnects.programs import Program, kinds
from lab.disconnects.promise import PROGRESS, TOPICS, Fact, Verdict, fact_of, judge
from lab.disconnects.wire import Wire
from lab.own_line import OwnLine, until
from schemas.codec import BadMessage, decode

GATEWAYS = 2
SESSIONS = 6
"""Sessions of the load that somebody follows."""
COPIES = {"socket": 3, "events": 1}
"""Clients of each kind for each thing that is followed."""
CUT_S = 0.3
"""On average, between two cuts of the wire."""
KILL_S = (3.0, 9.0)
STOP_SHARE = 0.25
"""Of the harm to gateways: they are stopped with SIGTERM, and started again."""
BROKER_AT = (0.3, 0.7)
"""Shares of the wanted disconnects after which the broker is killed."""
FEED_S = 10.0
LIMIT_S = 300.0
SETTLE_S = 90.0


@dataclass
class Result:
    disconnects: int = 0
    seconds: float = 0.0
    tasks: int = 0
    facts: int = 0
    harm: Counter[str] = field(default_factory=Counter)
    closes: Counter[int] = field(default_factory=Counter)
    clients: list[tuple[Heard, Verdict]] = field(default_factory=list)

    @property
    def gaps(self) -> list[str]:
        return [reason for heard, _ in self.clients for reason in heard.gaps]

    @property
    def holds(self) -> bool:
        return not self.gaps and all(verdict.holds for _, verdict in self.clients)


class Campaign:
    def __init__(self, line: OwnLine, seed: int, rate: float, tell: Callable[[str], None]) -> None:
        self._line = line
        self._settings: Settings = line.settings
        self._seed = seed
        self._rate = rate
        self._tell = tell
        self._chance = random.Random(f"disconnects/{seed}")
        self._access = (self._settings.state / "token").read_text(encoding="utf-8").strip()
        ports = [self._settings.gateway_port + n for n in range(GATEWAYS)]
        self._wire = Wire(ports, f"wire/{seed}")
        self._urls = [f"http://127.0.0.1:{port}" for port in ports]
        self._result = Result()

    async def run(self, disconnects: int) -> Result:
        wanted = [{"session_id": f"session-{n}"} for n in range(SESSIONS)]
        wanted += [{"tenant_id": TENANTS[0]}, {"tenant_id": "*"}, {"agent_id": sorted(load(AGENT, self._settings))[0]}]
        kinds_of_wanderers = [kind for kind, count in COPIES.items() for _ in range(count)]
        wanderers = [
            Wanderer(Heard(to, kind), self._urls, self._access, f"{self._seed}/{kind}/{n}/{to}")
            for n, kind in enumerate(kinds_of_wanderers)
            for to in wanted
        ]
        programs = [
            Program(kind, [wanted[n % len(wanted)] for n in range(3 * i, 3 * i + 4)]) for i, kind in enumerate(kinds())
        ]
        heard = [w.heard for w in wanderers] + [h for program in programs for h in program.heard]
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http, self._wire:
            try:
                # Before there is anything to be told: then all that the topics hold later is to be told.
                await asyncio.gather(*(wanderer.come(http) for wanderer in wanderers))
                for program in programs:
                    await program.start(f"http://127.0.0.1:{self._wire.port}", self._access)
                await asyncio.wait_for(asyncio.gather(*(program.shown() for program in programs)), SETTLE_S)
                self._tell(f"{len(heard)} clients have been shown an empty line")
                await self._harm(http, wanderers, disconnects)
                facts = await asyncio.to_thread(self._facts)
                await self._catch_up(http, wanderers, heard, facts)
            finally:
                for program in programs:
                    await program.end()
        return self._judged(heard, facts)

    async def _harm(self, http: aiohttp.ClientSession, wanderers: list[Wanderer], disconnects: int) -> None:
        began, result = time.monotonic(), self._result
        tally = Tally(disconnects, began + LIMIT_S)
        watcher = Watcher(self._settings)
        try:
            going = [asyncio.ensure_future(wanderer.come_and_go(http, tally)) for wanderer in wanderers]
            going += map(asyncio.ensure_future, (self._cut(tally), self._kill(http, tally), self._strike(tally)))
            number = 0
            while not tally.over:
                await asyncio.to_thread(self._feed, number, watcher)
                number += 1
                said = ", ".join(f"{name} {count}" for name, count in result.harm.items())
                self._tell(f"  {time.monotonic() - began:.0f} s: {tally.disconnects} disconnects; {said}")
            await asyncio.gather(*going)
            result.disconnects, result.seconds = tally.disconnects, time.monotonic() - began
            if not await asyncio.to_thread(until, lambda: not watcher.open(), SETTLE_S):
                self._tell(f"  {len(watcher.open())} tasks are still open; what the topics hold by now counts")
        finally:
            watcher.close()

    def _feed(self, number: int, watcher: Watcher) -> None:
        plans = tasks(self._seed, number, sorted(load(AGENT, self._settings)))
        feeder = Feeder(self._settings, plans, int(self._rate * FEED_S), self._rate, watcher.accept, lambda: False)
        feeder.start()
        feeder.join()
        self._result.tasks += feeder.sent

    async def _cut(self, tally: Tally) -> None:
        while not tally.over:
            await asyncio.sleep(self._chance.expovariate(1 / CUT_S))
            before = self._wire.cuts
            self._wire.cut()
            tally.disconnects += self._wire.cuts - before
            self._result.harm["wire cut"] += self._wire.cuts - before

    async def _kill(self, http: aiohttp.ClientSession, tally: Tally) -> None:
        """One gateway, or all of them, whenever the supervisor has brought them back."""
        while not tally.over:
            await asyncio.sleep(self._chance.uniform(*KILL_S))
            while not tally.over and not all([await _answers(http, url) for url in self._urls]):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            number = signal.SIGTERM if self._chance.random() < STOP_SHARE else signal.SIGKILL
            count = GATEWAYS if self._chance.random() < 0.2 else 1
            for index in self._chance.sample(range(GATEWAYS), count):
                await self._signal(f"gateway-{index}", number)

    async def _strike(self, tally: Tally) -> None:
        for share in BROKER_AT:
            while tally.disconnects < share * tally.wanted and not tally.over:  # noqa: ASYNC110 (there is no event)
                await asyncio.sleep(0.2)
            await self._signal("kafka", signal.SIGKILL)

    async def _signal(self, name: str, number: signal.Signals) -> None:
        if await asyncio.to_thread(self._line.signal, name, number) is not None:
            self._result.harm[f"{name.split('-')[0]} {'kill -9' if number == signal.SIGKILL else 'restart'}"] += 1

    async def _catch_up(
        self, http: aiohttp.ClientSession, wanderers: list[Wanderer], heard: list[Heard], facts: list[Fact]
    ) -> None:
        """Everybody stays until they have been told everything, or for too long."""
        wanted = {id(h): {f.what for f in facts if f.what.event not in PROGRESS and f.concerns(h.to)} for h in heard}
        until_s = time.monotonic() + SETTLE_S

        def done(h: Heard) -> bool:
            return time.monotonic() > until_s or wanted[id(h)].issubset(h.whats)

        await asyncio.gather(*(wanderer.read_on(http, done) for wanderer in wanderers))
        while not all(map(done, heard)):  # noqa: ASYNC110 (as above)
            await asyncio.sleep(0.5)

    def _facts(self) -> list[Fact]:
        found = []
        for topic in TOPICS:
            for message in kafka.read_all(self._settings, topic):
                try:
                    name, event = decode(message.value())
                except BadMessage:
                    continue
                fact = fact_of(name, event, message.timestamp()[1])
                if fact is not None:
                    found.append(fact)
        return found

    def _judged(self, heard: list[Heard], facts: list[Fact]) -> Result:
        result = self._result
        result.facts = len(facts)
        result.clients = [(h, judge(h.whats, facts, h.to)) for h in heard]
        for h in heard:
            result.closes.update(h.closes)
        return result


async def _answers(http: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with http.get(f"{url}/healthz", timeout=aiohttp.ClientTimeout(total=2)) as answer:
            return answer.status == HTTPStatus.OK
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
