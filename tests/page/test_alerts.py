"""Alerts on the page: what fires is seen at once with what to do, taken on and silenced; what is over is history."""

import time

import pytest
from playwright.sync_api import expect

from tests.support.alerts import S, alert, following, write
from tests.support.site import Site, Visit

pytestmark = pytest.mark.e2e


def test_an_alert_is_seen_at_once_taken_on_silenced_and_over(visit: Visit, site: Site) -> None:
    page, now = visit.page, time.time_ns() // 1000
    page.goto("/alerts")
    expect(page.locator(".empty")).to_contain_text("Nothing is wrong")
    expect(page.get_by_role("table", name="Rules")).to_contain_text("error_rate above 5 %")
    expect(page.get_by_role("link", name="Alerts")).to_have_text("Alerts")
    evidence = "12 of 80 <b>tasks</b> failed."
    with following(site.settings, alert("errors", since_at=now - 90 * S, at=now, value=0.15, evidence=evidence)):
        card = page.get_by_role("article", name="errors/line")
        expect(card).to_contain_text(evidence)
        expect(page.get_by_role("link", name="Alerts")).to_contain_text("1 firing")
        card.get_by_text("What to do").click()
        expect(card).to_contain_text("Running experiments are paused")
        card.get_by_role("button", name="Acknowledge").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Why").fill("looking at it")
        dialog.get_by_role("button", name="Acknowledge").click()
        expect(card).to_contain_text("Taken on by")
        expect(card).to_contain_text("looking at it")
        expect(card.get_by_role("button", name="Acknowledge")).to_have_count(0)
        card.get_by_role("button", name="Silence").click()
        dialog.get_by_role("button", name="Silence").click()
        expect(card).to_contain_text("silent for")
        expect(card).to_contain_text("looking at it")
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert visit.grave_findings() == []
    write(site.settings, alert("errors", state="resolved", since_at=now - 90 * S, until_at=now))
    expect(page.locator(".empty")).to_contain_text("Nothing is wrong")
    expect(page.get_by_role("table", name="Alerts that were resolved")).to_contain_text("1 min 30 s")
    expect(page.get_by_role("link", name="Alerts")).not_to_contain_text("firing")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visit.grave_findings() == []


def test_a_rule_is_silenced_while_nothing_fires_and_everybody_sees_until_when_by_whom_and_why(
    visit: Visit, site: Site
) -> None:
    page = visit.page
    page.goto("/alerts")
    silence = page.get_by_role("table", name="Silences that last").locator("tr", has_text="full-queue")
    expect(silence).to_have_count(0)
    page.get_by_role("button", name="Silence: full-queue").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("option")).to_have_text(["Choose", "30 minutes", "2 hours", "1 day"])
    dialog.get_by_label("Why").fill("a <b>load</b> test")
    dialog.get_by_role("button", name="Silence").click()
    expect(silence).to_contain_text("a <b>load</b> test")
    assert visit.grave_findings() == []
    visit.let_in(site.token(role="viewer"))
    page.goto("/alerts")
    expect(silence).to_contain_text("local")
    expect(page.get_by_role("button", name="Silence: full-queue")).to_have_count(0)
    expect(page.get_by_role("button", name="End it: full-queue")).to_have_count(0)
    visit.let_in()
    page.goto("/alerts")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert visit.grave_findings() == []
    page.get_by_role("button", name="End it: full-queue").click()
    expect(silence).to_have_count(0)
    assert "full-queue" not in [one["target"] for one in site.caller().get("/api/alerts")["silences"]]
