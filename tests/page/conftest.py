"""The page in a real browser, before a whole line whose agents ask a local server that speaks the Messages API.

A screenshot of each test's end is kept in `build/page`. Whatever the page complains about in the console fails a test,
unless it expects that.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

from tests.support.messages_api import MessagesApi
from tests.support.running import running_line, settings_in
from tests.support.site import Site, Visit

KEPT = Path(__file__).parents[2] / "build" / "page"
CHROMIUM = "/usr/bin/chromium-headless-shell"  # the same browser without its windows: half the processor
WAIT_MS = 15_000


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A running line with its gateway. A text with `[[slow]]` is answered slowly; see tests/support/messages_api."""
    with MessagesApi().serving() as api:
        model = {"anthropic_api_key": "any", "anthropic_base_url": api.url, "redos_max": 0}
        many = {"gateway_requests_per_s": 2000.0}
        with running_line(settings_in(tmp_path_factory.mktemp("site"), gateways=1, **model, **many)) as settings:
            yield Site(settings, api)


# Not for the whole session: while the browser's driver runs, no test of asyncio can.
@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
    yield browser
    browser.close()


@pytest.fixture
def context(browser: Browser, site: Site) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(WAIT_MS)
    expect.set_options(WAIT_MS)
    yield context
    context.close()


@pytest.fixture
def visit(context: BrowserContext, site: Site, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """A tab, let in as the admin of the machine; `visit.page` is Playwright's."""
    visit = Visit(context.new_page(), site)
    visit.let_in()
    yield visit
    KEPT.mkdir(parents=True, exist_ok=True)
    visit.page.screenshot(path=KEPT / f"{re.sub(r'[^a-z0-9]+', '-', request.node.name.lower())[:80]}.png")
    assert visit.complaints == []


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.page
