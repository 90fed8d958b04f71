"""The gateway of a running line as visitors come to it: by HTTP, and by a browser."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psutil
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from gateway.server.principal import Role
from gateway.server.tokens import Tokens
from infra import stack
from infra.settings import Settings
from tests.support.gateway import Caller
from tests.support.messages_api import MessagesApi
from tests.support.waiting import until

AXE = AXE_FILE_PATH.read_text()
GRAVE = ("serious", "critical")


class Site:
    def __init__(self, settings: Settings, api: MessagesApi) -> None:
        self.settings, self.api = settings, api
        self.url = f"http://127.0.0.1:{settings.gateway_port}"
        self.admin = Tokens(settings).local(_now_us())

    def token(
        self, tenant: str = "default", role: Role = "submitter", *, for_s: float | None = None, name: str | None = None
    ) -> str:
        until_us = None if for_s is None else _now_us() + int(for_s * 1_000_000)
        return Tokens(self.settings).create(name or f"{role} of {tenant}", tenant, role, until_us, _now_us())

    def caller(self, token: str | None = None) -> Caller:
        return Caller(self.settings.gateway_port, token or self.admin)

    def submit(self, text: str, **more: Any) -> str:
        """The id of a task that is handed in."""
        return self.caller().submit(text, **more)

    def ended(self, task_id: str) -> dict[str, Any]:
        """The task once it has ended."""
        told = self.caller().get(f"/api/tasks/{task_id}/wait?timeout=30")
        assert told["ended"], told
        return dict(told["task"])

    def kill_gateway(self) -> None:
        """As a crash does it. The supervisor starts another."""
        process = next(p for p in stack.status(self.settings)["processes"] if p["name"] == "gateway-0")
        os.kill(process["pid"], signal.SIGKILL)

    @contextmanager
    def no_gateway(self) -> Iterator[None]:
        """It is killed, and no other is started meanwhile: its supervisor sleeps."""
        supervisor = psutil.Process(stack.status(self.settings)["pid"])
        supervisor.suspend()
        try:
            self.kill_gateway()
            yield
        finally:
            supervisor.resume()
            self.await_gateway()

    def await_gateway(self) -> None:
        until(self._answers, 30, "the gateway answers")

    def _answers(self) -> bool:
        try:
            return self.caller().call("GET", "/api/me").status == 200
        except OSError:
            return False


class Visit:
    """One tab, and what it complained about."""

    def __init__(self, page: Page, site: Site) -> None:
        self.page, self.site = page, site
        self._heard: list[str] = []
        self._expected: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self._heard.append(f"uncaught: {error}"))

    def let_in(self, token: str | None = None) -> None:
        """By the address that `headway open` opens."""
        code = self.site.caller(token).call("POST", "/api/codes").body["code"]
        self.page.goto(f"/#code={code}")
        self.page.wait_for_selector("#nav a")

    def is_refused(self, status: int, path: str) -> None:
        """Requests of this path (a pattern) are: a browser says so in its console, at a moment of its own."""
        self._expected.append(rf"the server responded with a status of {status} .*\({path}\)$")

    def is_cut_off(self) -> None:
        """The gateway goes away: whatever asks it meanwhile fails, as a browser says of each."""
        self._expected.append(r"\bnet::ERR_|^TypeError: Failed to fetch dynamically imported module")

    @property
    def complaints(self) -> list[str]:
        """What the browser said of the page, with the path that it is about, and nobody expects."""
        return [said for said in self._heard if not any(re.search(one, said) for one in self._expected)]

    def grave_findings(self) -> list[str]:
        """What the accessibility check finds on what is shown now, of the kinds that keep people out."""
        self.page.evaluate(AXE)
        found = self.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
        return [
            f"{violation['id']}: {json.dumps([node['target'] for node in violation['nodes']][:5])}"
            for violation in found["violations"]
            if violation["impact"] in GRAVE
        ]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._heard.append(f"{message.text} ({urlsplit(message.location['url']).path})")


@contextmanager
def one_context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    """A browser of somebody else's: with its own storage, at the site."""
    context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(15_000)
    try:
        yield context
    finally:
        context.close()


def _now_us() -> int:
    return time.time_ns() // 1000
