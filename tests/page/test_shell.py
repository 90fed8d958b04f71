"""What all views share: coming in, the bar, keys, the lamp."""

import re

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocket, expect

from tests.support.site import Site, Visit
from tests.support.waiting import until

pytestmark = pytest.mark.e2e
VIEWS = {
    "/": "Live",
    "/tasks": "Tasks",
    "/chat": "Chat",
    "/agents": "Agents",
    "/fleet": "Fleet",
    "/experiments": "Experiments",
    "/models": "Models",
    "/alerts": "Alerts",
    "/lab": "Lab",
}

SEEN = """state => {
  Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
  Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
  document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
}"""


def lamp(page: Page, state: str, timeout_s: float = 15) -> None:
    expect(page.locator("#lamp")).to_have_attribute("data-state", state, timeout=timeout_s * 1000)


def test_the_address_that_lets_in_does_so_once_and_leaves_the_history(visit: Visit, context: BrowserContext) -> None:
    page = visit.page
    assert "#" not in page.url
    page.click("#nav a:text('Tasks')")
    page.go_back()
    assert "#" not in page.url
    expect(page.locator("#nav a[aria-current]")).to_have_text("Live")


def test_who_has_no_token_is_asked_for_one_and_comes_in_with_it(context: BrowserContext, site: Site) -> None:
    page = context.new_page()
    page.goto("/tasks")
    page.get_by_label("Access token").fill(site.admin)
    page.get_by_role("button", name="Come in").click()
    expect(page.locator("#nav a[aria-current]")).to_have_text("Tasks")


def test_the_bar_says_whose_token_it_is_and_signing_out_forgets_it_in_every_tab(visit: Visit, site: Site) -> None:
    page = visit.page
    visit.let_in(site.token("acme", "viewer", for_s=3600))
    other = page.context.new_page()
    other.goto("/tasks")
    expect(other.locator(".account")).to_be_visible()
    page.get_by_role("button", name="Signed in as viewer of acme").click()
    access = page.get_by_role("dialog", name="Your access")
    for said in ("acme", "viewer: sees the tasks", "in 59 min"):
        expect(access).to_contain_text(said)
    assert visit.grave_findings() == []
    page.evaluate("localStorage.setItem('headway.chat.draft.new', '{}')")
    access.get_by_role("button", name="Sign out").click()
    page.get_by_role("dialog", name="Sign out?").get_by_role("button", name="Sign out").click()
    for tab in (page, other):
        expect(tab.get_by_label("Access token")).to_be_visible()
        expect(tab.locator("#nav a")).to_have_count(0)
        lamp(tab, "closed")
    assert page.evaluate("Object.keys(localStorage)") == []


@pytest.mark.parametrize("path", VIEWS)
def test_every_view_is_free_of_grave_accessibility_findings_and_nothing_overflows(visit: Visit, path: str) -> None:
    page = visit.page
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto(path)
        expect(page.locator("#nav a[aria-current]")).to_have_text(VIEWS[path])
        expect(page.locator("main > .loading")).to_have_count(0)
        assert visit.grave_findings() == []
        page.set_viewport_size({"width": 390, "height": 800})
        assert visit.grave_findings() == []
        page.set_viewport_size({"width": 1280, "height": 800})
    for width in (1440, 1024, 390, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"too wide at {width}"


def test_a_board_that_has_heard_nothing_yet_is_free_of_grave_accessibility_findings(visit: Visit) -> None:
    visit.page.route_web_socket("**/ws", lambda silent: None)
    visit.page.goto("/")
    expect(visit.page.locator(".live .fleet")).to_be_visible()
    assert visit.grave_findings() == []


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_dialog_is_free_of_grave_accessibility_findings(visit: Visit, width: int, scheme: str) -> None:
    page = visit.page
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.goto("/tasks")
    page.get_by_role("button", name="New task").click()
    expect(page.get_by_role("dialog", name="New task")).to_be_visible()
    assert visit.grave_findings() == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert visit.grave_findings() == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Signed in as").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("dialog", name="Sign out?")).to_be_visible()
    assert visit.grave_findings() == []


def test_the_help_names_the_key_of_every_view_and_ends_above_its_button(page: Page) -> None:
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keys")
    keys = [" ".join(key.locator("kbd").all_inner_texts()) for key in help_.locator("dt").all()]
    for key in "ltcafwem":
        assert f"g {key}" in keys
    last, close = help_.locator("dd").last.bounding_box(), help_.get_by_role("button").bounding_box()
    assert last is not None and close is not None and close["y"] - (last["y"] + last["height"]) >= 8


def test_an_address_that_is_none_says_so_and_is_answered_404(visit: Visit) -> None:
    visit.is_refused(404, "/nowhere/at%20all")
    page = visit.page
    answer = page.goto("/nowhere/at all")
    assert answer is not None and answer.status == 404
    expect(page.locator("main")).to_contain_text("There is nothing at /nowhere/at all.")
    page.get_by_role("link", name="To the live board").click()
    expect(page.locator("#nav a[aria-current]")).to_have_text("Live")


@pytest.mark.parametrize("what", ["agent", "alert", "experiment", "model", "task"])
def test_an_address_of_one_that_is_not_there_says_so_and_leads_to_those_that_are(visit: Visit, what: str) -> None:
    visit.is_refused(404, f"/api/{what}s/no%20such(/markdown)?")
    page = visit.page
    page.goto(f"/{what}s/no%20such")
    expect(page.locator("main .empty", has_text=f"There is no {what} no such.")).to_be_visible()
    expect(page.locator("main .failure")).to_have_count(0)
    page.get_by_role("link", name=f"All {what}s").click()
    expect(page).to_have_url(re.compile(f"/{what}s$"))
    expect(page.locator("main .empty", has_text="no such")).to_have_count(0)


def test_keys_lead_through_the_page(page: Page) -> None:
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page.locator("#nav a[aria-current]")).to_have_text("Tasks")
    page.keyboard.press("/")
    expect(page.locator("#search-words")).to_be_focused()
    page.keyboard.type("login")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("text=login"))
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("search tasks")


def test_after_a_kill_of_the_gateway_the_page_says_so_and_goes_on_by_itself(visit: Visit, site: Site) -> None:
    visit.is_cut_off()
    page = visit.page
    page.route("**/views/agents.js", lambda route: route.abort())  # it has not come by the time of the kill
    page.reload()
    lamp(page, "live")
    with site.no_gateway():
        lamp(page, "connecting")
        expect(page.locator("#notice")).to_contain_text("The connection to the gateway is lost")
        page.click("#nav a:text('Agents')")
        expect(page.locator("main")).to_contain_text("The gateway cannot be reached")
        page.unroute("**/views/agents.js")
    lamp(page, "live", 40)
    expect(page.locator("main")).to_contain_text("code-reviewer")


def test_a_token_that_is_over_ends_the_open_page_too(visit: Visit, site: Site) -> None:
    visit.is_refused(401, "/api/me")
    site.await_gateway()
    visit.let_in(site.token(role="viewer", for_s=8))
    expect(visit.page.get_by_label("Access token")).to_have_count(0)
    expect(visit.page.get_by_label("Access token")).to_be_visible()
    lamp(visit.page, "closed")


def test_a_page_that_nobody_sees_for_a_minute_has_no_connection_and_goes_on_when_it_is_seen(visit: Visit) -> None:
    page = visit.page
    open_now: set[WebSocket] = set()  # one that was given up before it had opened tells of no end

    def count(ws: WebSocket) -> None:
        ws.on("framereceived", lambda _: open_now.add(ws))
        ws.on("close", lambda gone: open_now.discard(gone))

    page.on("websocket", count)
    page.clock.install()
    page.reload()
    lamp(page, "live")
    assert len(open_now) == 1
    page.evaluate(SEEN, "hidden")
    page.clock.fast_forward("01:01")
    until(lambda: page.evaluate("1") and not open_now, 10, "the connection ended")
    page.evaluate(SEEN, "visible")
    until(lambda: page.evaluate("1") and len(open_now) == 1, 10, "another connection")
    lamp(page, "live")
