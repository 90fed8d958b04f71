"""The fleet on the page: a host is emptied and opened, an agent scaled, a schedule run and switched; who may only look
is told so; a large fleet stays readable."""

import re
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from infra import kafka
from schemas.codec import encode
from tests.gateway.events import example
from tests.support.site import Site, Visit

pytestmark = pytest.mark.e2e
HOSTS, AGENTS = 200, 1_000


def answer(page: Page, action: str, why: str | None = None, **given: str) -> str:
    """Answers the question that is open, and tells what it said."""
    dialog = page.get_by_role("dialog")
    said = dialog.get_attribute("aria-label") or ""
    for label, value in given.items():
        dialog.get_by_label(label).fill(value)
    if why is not None:
        dialog.get_by_label("Why").fill(why)
    dialog.get_by_role("button", name=action, exact=True).click()
    expect(page.get_by_role("dialog", name=said, exact=True)).to_have_count(0)
    return said


def test_a_host_is_drained_and_opened_with_a_question_that_names_the_effect(visit: Visit) -> None:
    page = visit.page
    page.goto("/fleet")
    row = page.get_by_role("row", name=re.compile("^host-0"))
    expect(row).to_contain_text("open")
    expect(row).to_contain_text("just now")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert visit.grave_findings() == []
    row.get_by_role("button", name="Drain").click()
    assert visit.grave_findings() == []
    assert "No other host is open: new work waits" in answer(page, "Drain", "a <b>new</b> kernel")
    expect(row).to_contain_text("drained")
    expect(row).to_contain_text("a <b>new</b> kernel")
    expect(page.get_by_role("link", name="Hosts open")).to_contain_text("1 drained")
    page.locator(".chip", has_text="drained").click()
    expect(page).to_have_url(re.compile(r"\?find=drained$"))
    expect(page.locator("tbody tr")).to_have_count(1)
    row.get_by_role("button", name="Open").click()
    assert "takes its share of the instances again" in answer(page, "Open")
    expect(page.locator(".empty")).to_contain_text("Nothing here fits")
    page.get_by_role("link", name="Show all").click()
    expect(row).to_contain_text("open")
    expect(page.get_by_role("link", name="Hosts open")).to_contain_text("all work")


def test_an_agent_is_scaled_and_who_asked_why_is_told(visit: Visit, site: Site) -> None:
    page = visit.page
    page.goto("/fleet/agents?find=researcher")
    row = page.get_by_role("row", name=re.compile("^researcher"))
    expect(row).to_contain_text("as its file says")
    before = next(a["instances"] for a in site.caller().get("/api/agents")["agents"] if a["agent_id"] == "researcher")
    row.get_by_role("button", name="Scale").click()
    assert "what runs on those that go is finished" in answer(page, "Scale", "busy <i>days</i>", Instances="3")
    expect(row).to_contain_text("3 live")
    expect(row).to_contain_text("just now: busy <i>days</i>")
    row.get_by_role("button", name="Scale").click()
    answer(page, "Scale", Instances="0")
    assert "Without instances its tasks wait" in answer(page, "Cancel")
    row.get_by_role("button", name="Scale").click()
    answer(page, "Scale", Instances=str(before))
    expect(row).to_contain_text(f"{before} live")


def test_decisions_schedules_and_orchestrators_are_seen_and_schedules_led(visit: Visit, site: Site) -> None:
    page, now = visit.page, time.time_ns() // 1000
    reason = "Load <script>1.4</script>: 5 are right."
    decision = example(
        "ScalingDecision", agent_id="researcher", at=now, before=2, after=5, applied=False, reason=reason
    )
    producer = kafka.producer(site.settings)
    producer.produce("scaling.decisions", encode("ScalingDecision", decision), b"researcher")
    assert producer.flush(10) == 0
    page.goto("/fleet/scaling")
    row = page.get_by_role("row", name=re.compile("^researcher"))
    expect(row).to_contain_text("2 → 5")
    expect(row).to_contain_text("dry run")
    expect(row).to_contain_text(reason)
    assert visit.grave_findings() == []

    page.get_by_role("navigation", name="Parts of the fleet").get_by_role("link", name="Schedules").click()
    row = page.get_by_role("row", name=re.compile("^daily-report"))
    expect(row).to_contain_text("paused")
    expect(row).to_contain_text("0 6 * * mon-fri")
    row.get_by_role("button", name="Resume").click()
    assert "It runs by itself from then on" in answer(page, "Resume")
    expect(row).to_contain_text("in ")
    row.get_by_role("button", name="Pause").click()
    answer(page, "Pause")
    expect(row).to_contain_text("paused")
    row.get_by_role("button", name="Run now").click()
    assert "may cost money" in answer(page, "Run now")
    expect(row.get_by_role("link", name="Task of")).to_have_attribute("href", re.compile("^/tasks/daily-report%40"))
    assert visit.grave_findings() == []

    page.get_by_role("navigation", name="Parts of the fleet").get_by_role("link", name="Orchestrators").click()
    row = page.get_by_role("row", name=re.compile("^router-0"))
    expect(row).to_contain_text("active")
    expect(row).to_contain_text("healthy")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visit.grave_findings() == []


def test_who_may_only_look_is_told_so(visit: Visit, site: Site) -> None:
    page = visit.page
    visit.let_in(site.token("acme", "viewer"))
    page.goto("/fleet")
    expect(page.get_by_role("row", name=re.compile("^host-0"))).to_contain_text("open")
    expect(page.locator(".fleet-view")).to_contain_text("Only an admin may drain, cordon and open hosts")
    for part in ("", "/agents"):
        page.goto(f"/fleet{part}")
        expect(page.locator("tbody tr").first).to_be_visible()
        expect(page.locator("tbody button")).to_have_count(0)
    page.goto("/fleet/schedules")
    expect(page.locator(".empty")).to_contain_text("Schedules are for admins")


def many(route: Route) -> None:
    """A large fleet, as the gateway would tell of it; only one instance in a hundred is missing."""
    at = time.time_ns() // 1000
    open_, usual = {"state": "open", "reason": ""}, {"agents": 5, "heard_at": at, "instances": 50}
    zones = ["b" if n < 3 else "bb" for n in range(HOSTS)]
    hosts = [{"host_id": f"host-{n}", "running": n, "zone": zones[n]} | open_ | usual for n in range(HOSTS)]
    agents: list[dict[str, Any]] = [
        {"agent_id": f"agent-{n}", "instances": 10, "instances_live": 9 if n % 10 == 0 else 10, "asked": None}
        | {"waiting": 0, "waiting_max": 500, "running": 1, "slots": 50, "load_score": 2.0, "runner": "auto"}
        for n in range(AGENTS)
    ]
    told = {"/api/hosts": {"at": at, "hosts": hosts, "zones": []}, "/api/agents": {"agents": agents}}
    route.fulfill(json=told[urlsplit(route.request.url).path])


def test_a_large_fleet_is_shown_a_hundred_at_a_time_and_filtered_by_words(visit: Visit) -> None:
    page = visit.page
    for path in ("/api/hosts", "/api/agents"):
        page.route(f"**{path}", many)
    page.goto("/fleet")
    expect(page.locator("tbody tr")).to_have_count(100)
    expect(page.locator(".foot")).to_contain_text(f"100 of {HOSTS} hosts")
    page.get_by_role("button", name="Show 100 more").click()
    expect(page.locator("tbody tr")).to_have_count(HOSTS)
    expect(page.locator("tbody tr").nth(2)).to_contain_text("host-2")
    page.get_by_role("searchbox", name="Filter").fill("host-199")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("searchbox", name="Filter").fill("zone:b")  # as the tile of the zone has it: not bb as well
    expect(page.locator("tbody tr")).to_have_count(3)
    page.goto("/fleet/agents")
    expect(page.locator("tbody tr")).to_have_count(100)
    expect(page.get_by_role("link", name="Instances live")).to_contain_text("9,900 of 10,000")
    page.locator(".chip", has_text="100 missing").click()
    expect(page.locator(".foot")).to_be_hidden()
    expect(page.locator("tbody tr")).to_have_count(100)
    expect(page.locator("tbody tr").nth(1)).to_contain_text("9 of 10 live")


def zoned(route: Route) -> None:
    """Two zones; one agent has seven instances in the one and five in the other."""
    at = time.time_ns() // 1000
    zones = [{"zone": zone, "hosts": 1, "instances": 9, "instances_live": 9, "running": 0} for zone in ("a", "b")]
    wish = [{"zone": "a", "instances": 7}, {"zone": "b", "instances": 5}]
    agent = {"agent_id": "billing-agent", "instances": 12, "instances_live": 12, "waiting": 0, "waiting_max": 500}
    agent |= {"asked": {"by": "ana", "at": at, "reason": "", "zones": wish}, "running": 1, "slots": 24}
    agent |= {"load_score": 2.0, "runner": "auto"}
    other = agent | {"agent_id": "writer", "instances": 0, "instances_live": 0, "asked": None}
    told = {"/api/hosts": {"at": at, "hosts": [], "zones": zones}, "/api/agents": {"agents": [agent, other]}}
    route.fulfill(json=told[urlsplit(route.request.url).path])


def test_a_zone_that_is_chosen_brings_its_own_number_unless_somebody_has_typed(visit: Visit) -> None:
    page = visit.page
    for path in ("/api/hosts", "/api/agents"):
        page.route(f"**{path}", zoned)
    page.goto("/fleet/agents?sort=__proto__")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_label("Order")).to_have_value("name")
    page.get_by_role("row", name=re.compile("^billing-agent")).get_by_role("button", name="Scale").click()
    size, where = page.get_by_role("dialog").get_by_label("Instances"), page.get_by_role("dialog").get_by_label("Where")
    for zone, number in (("*", "12"), ("b", "5"), ("a", "7"), ("*", "12")):
        where.select_option(zone)
        expect(size).to_have_value(number)
    size.fill("3")
    where.select_option("b")
    expect(size).to_have_value("3")
    answer(page, "Cancel")
    page.locator(".chip", has_text="1 off").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("row", name=re.compile("^writer"))).to_be_visible()
