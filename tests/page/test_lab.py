"""The lab on the page: a scenario drawn before its start, run, watched, stopped, and two reports side by side."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from infra import kafka
from infra.registry import Registry
from tests.support.lab import following, forget, lab_process, new_id, run, seen, send, start, write
from tests.support.site import Site, Visit
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

HOSTILE = """\
about: "<img src=x onerror=alert(1)> ends"
load:
  - {minutes: 2, per_minute: 100}
injections:
  - {kind: kill, at_minutes: 1, away_s: 10, percent: 10}
targets:
  lost: {at_most: 0}
"""


@pytest.fixture
def known(site: Site) -> Iterator[Registry]:
    with following(site.settings) as registry:
        yield registry


def fits(page: Page, width: int) -> bool:
    page.set_viewport_size({"width": width, "height": 800})
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_nobody_in_the_lab_is_told_with_what_to_do(visit: Visit, site: Site) -> None:
    page = visit.page
    until(lambda: kafka.members(site.settings, kafka.LAB_GROUP) == 0, 30, "nobody is there")
    page.goto("/lab")
    expect(page.locator(".nobody")).to_contain_text("No lab process is there to run it: set labs to 1")
    expect(page.get_by_role("button", name="Start")).to_be_disabled()
    expect(page.locator(".empty")).to_contain_text("No run yet")
    assert visit.grave_findings() == []


def test_a_scenario_is_drawn_run_watched_and_compared(visit: Visit, site: Site, known: Registry) -> None:
    page = visit.page
    with lab_process(site.settings):
        until(lambda: kafka.members(site.settings, kafka.LAB_GROUP) == 1, 30, "somebody is there")
        until(lambda: len(known.lab_scenarios) == 5, 30, "the scenarios are known")
        page.keyboard.press("g")
        page.keyboard.press("b")
        expect(page).to_have_url(re.compile("/lab$"))
        page.get_by_role("link", name="chaos").click()
        expect(page).to_have_url(re.compile("scenario=chaos"))
        panel = page.locator(".before")
        expect(panel).to_contain_text("10 % of the hosts die after 15 min and every 15 min, for 1 min.")
        expect(panel.locator(".fault.kill")).to_have_count(15)
        expect(panel.locator(".fault.delay")).to_have_count(7)
        panel.get_by_label("Instances").fill("100")
        panel.get_by_label("First minutes").fill("2")
        panel.get_by_label("First minutes").press("Enter")
        expect(page).to_have_url(re.compile("agents=100&minutes=2"))
        expect(panel).to_contain_text("2 min of virtual time, 500 tasks: about")
        page.reload()
        expect(panel.get_by_label("Instances")).to_have_value("100")
        assert visit.grave_findings() == []
        panel.get_by_role("button", name="Start").click()
        expect(page).to_have_url(re.compile("/lab/[0-9a-f]{16}$"))
        expect(page.locator(".tiles")).to_contain_text("Targets", timeout=40_000)
        expect(page.get_by_role("table", name="Targets")).to_contain_text("lost ≤ 0")
        expect(page.get_by_role("img", name=re.compile("^Completed. "))).to_be_visible()
        assert visit.grave_findings() == []
        with page.expect_download() as taken:
            page.get_by_role("button", name="Markdown").click()
        assert "# chaos in the lab" in taken.value.path().read_text()
        page.get_by_role("link", name="Again, with changes").click()
        panel.get_by_label("Seed").fill("5")
        panel.get_by_role("button", name="Start").click()
        expect(page.locator(".tiles")).to_contain_text("Targets", timeout=40_000)
        page.keyboard.press("Escape")
        rows = page.get_by_role("table", name="Runs")
        for seed in (0, 5):
            rows.get_by_label(f"Compare chaos, 100 instances, seed {seed}").check()
        page.get_by_role("button", name="Compare 2").click()
        table = page.get_by_role("table", name="Figures side by side")
        expect(table).to_contain_text("seed 5")
        expect(table.get_by_role("row", name=re.compile("^Tasks handed in"))).to_contain_text("%")
        lost = table.get_by_role("row", name=re.compile("^Lost, doubled or left")).get_by_role("cell")
        assert lost.all_inner_texts() == ["0", "0"]
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert visit.grave_findings() == []
        for width in (1024, 390):
            assert fits(page, width)
            page.goto("/lab")
            expect(rows).to_contain_text("chaos")
            assert fits(page, width)


def test_a_quick_run_says_what_it_passed_over(visit: Visit, site: Site, known: Registry) -> None:
    page = visit.page
    with lab_process(site.settings):
        until(lambda: kafka.members(site.settings, kafka.LAB_GROUP) == 1, 30, "somebody is there")
        page.goto("/lab?scenario=steady_state&agents=20&minutes=60&scaling=off")
        panel = page.locator(".before")
        panel.get_by_label("Quick").check()
        expect(page).to_have_url(re.compile("quick=on"))
        expect(panel).to_contain_text("stretches of which one minute is like another are passed over")
        panel.get_by_role("button", name="Start").click()
        expect(page.locator("main")).to_contain_text("were passed over", timeout=40_000)
        expect(page.locator(".head-of")).to_contain_text("no autoscaler · quick")
        page.get_by_role("link", name="Again, with changes").click()
        expect(panel.get_by_label("Quick")).to_be_checked()
        assert visit.grave_findings() == []


def test_a_run_that_goes_on_shows_how_far_it_is_and_is_stopped(visit: Visit, site: Site, known: Registry) -> None:
    page, run_id = visit.page, new_id()
    with lab_process(site.settings):
        send(site.settings, start(run_id, scenario="soak", minutes=None))
        seen(known, run_id, lambda one: one["simulated_minutes"] > 1, "it gets on")
        page.goto(f"/lab/{run_id}")
        bar = page.get_by_role("progressbar", name="How far it is")
        expect(page.locator(".going")).to_contain_text("of 3 d")
        before = page.locator(".going").inner_text()
        expect(page.locator(".going")).not_to_have_text(before)
        assert 0 <= int(bar.get_attribute("aria-valuenow") or -1) <= 100
        assert visit.grave_findings() == []
        page.get_by_role("button", name="Stop").click()
        expect(page.locator("#main")).to_contain_text("Stopped by local.")
        expect(bar).to_have_count(0)
        viewer = site.token(role="viewer")
        visit.let_in(viewer)
        page.goto(f"/lab/{run_id}")
        expect(page.get_by_role("heading", name="soak")).to_be_visible()
        page.goto("/lab")
        expect(page.locator(".before")).to_contain_text("Starting takes the role admin; yours is viewer.")


def test_a_scenario_of_ones_own_is_checked_while_it_is_typed_and_never_markup(
    visit: Visit, site: Site, known: Registry
) -> None:
    page = visit.page
    page.on("dialog", lambda dialog: pytest.fail(f"markup ran: {dialog.message}"))
    with lab_process(site.settings):
        until(lambda: kafka.members(site.settings, kafka.LAB_GROUP) == 1, 30, "somebody is there")
        until(lambda: len(known.lab_scenarios) == 5, 30, "the scenarios are known")
        page.goto("/lab?scenario=own")
        text = page.get_by_label("Your scenario, as YAML")
        expect(text).to_have_value(re.compile("injections"))
        text.fill("about: x\nload: 3\n")
        expect(page.locator(".before .problem")).to_have_text(
            "Line 2: `load` is 3; accepted: a list of minutes and per_minute"
        )
        expect(page.get_by_role("button", name="Start")).to_be_disabled()
        text.fill(HOSTILE)
        expect(page.locator(".before .fault.kill")).to_have_count(1)
        expect(page.locator(".before")).to_contain_text("<img src=x onerror=alert(1)> ends")
        assert visit.grave_findings() == []
        page.get_by_role("button", name="Start").click()
        expect(page.locator(".tiles")).to_be_visible(timeout=40_000)
    evil = "<img src=x onerror=alert(2)>"
    one = run(asked={**run()["asked"], "scenario": evil}, asked_by=evil, state="failed", report=None, reason=evil)
    write(site.settings, one)
    until(lambda: one["run_id"] in known.lab_runs, 10, "it is known")
    page.goto(f"/lab/{one['run_id']}")
    expect(page.locator("#main")).to_contain_text(evil)
    page.goto("/lab")
    expect(page.get_by_role("table", name="Runs")).to_contain_text(evil)
    assert page.locator("#main img").count() == 0
    forget(site.settings, one["run_id"])


def test_what_is_not_there_is_said(visit: Visit) -> None:
    visit.is_refused(404, "/api/lab/runs/[01]{16}")
    page = visit.page
    page.goto("/lab/0000000000000000")
    expect(page.locator(".empty")).to_contain_text("There is no run 0000000000000000")
    page.goto("/lab?compare=0000000000000000,1111111111111111")
    expect(page.get_by_role("alert")).to_contain_text("There is no run of this id")
