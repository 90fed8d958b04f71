"""The view of tasks: handing in and watching, reading while new ones come, filters, keys, several at once, scripts."""

import re
import uuid
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from gateway.listing import WENT_WRONG
from gateway.server.keys import task_id_of
from tests.support.site import Site, Visit

pytestmark = pytest.mark.e2e

HOSTILE = '<img src=x onerror="window.ran=1"><script>window.ran=2</script> [x](javascript:window.ran=3) <b>bold</b>'
"""Also as an answer: the model here quotes its task."""


def session() -> str:
    return f"s-{uuid.uuid4().hex[:8]}"


def rows(page: Page) -> Any:
    return page.locator(".vt-body .vt-row:visible")


def test_a_task_that_is_handed_in_here_is_seen_being_written_until_its_outcome(visit: Visit) -> None:
    visit.is_refused(400, "/api/tasks")
    page = visit.page
    page.goto("/tasks")
    page.get_by_role("button", name="New task").click()
    dialog = page.get_by_role("dialog", name="New task")
    dialog.get_by_label("Deadline").fill("soon")
    dialog.get_by_label("What is to be done").fill("Review the login module [[slow]]")
    dialog.get_by_role("button", name="Hand in").click()
    expect(dialog.locator(".field.deadline_at .problem")).to_contain_text("30s, 5m or 2h")
    expect(dialog.get_by_label("Deadline")).to_be_focused()
    dialog.get_by_label("Deadline").fill("5m")
    dialog.get_by_role("button", name="Hand in").click()
    expect(page).to_have_url(re.compile(r"/tasks/[0-9a-f-]{36}$"))
    expect(page.locator(".task .stream")).to_contain_text(re.compile(r"\w+"))
    expect(page.locator(".task-state")).to_have_text(re.compile("completed"), timeout=30_000)
    expect(page.locator(".running")).to_be_hidden()
    lines = page.locator(".tl-lines")
    for phase in ("Routing", "Queued", "Handed over", "Running", "Judged"):
        expect(lines).to_contain_text(phase)
    expect(page.locator(".output-text")).to_contain_text("Review the login module")
    expect(page.locator(".candidates tbody tr.chosen")).to_have_count(1)
    expect(page.locator(".vt-row.current .state")).to_have_text(re.compile("completed"))
    page.get_by_label("Comment on the answer").fill("It is short")
    page.get_by_role("button", name="Good").click()
    expect(page.locator(".given")).to_contain_text("It is short")
    events = page.locator(".events details")
    events.first.locator("summary").click()
    expect(events.first.locator("pre")).to_contain_text('"text": "Review the login module [[slow]]"')
    expect(events.first).to_contain_text(re.compile(r"tasks\.submitted/\d+/\d+"))


def test_when_more_come_than_one_can_follow_they_wait_although_nobody_is_at_the_list(visit: Visit) -> None:
    page, said = visit.page, session()
    page.goto(f"/tasks?session={said}")
    expect(page.locator(".instead")).to_contain_text("No task matches")
    for n in range(30):
        visit.site.submit(f"One of many, number {n}", session_id=said)
    fresh = page.locator(".fresh")
    expect(fresh).to_have_text(re.compile(r"\d+ new ↑"))
    fresh.click()
    expect(fresh).to_be_hidden()
    expect(rows(page).first).to_contain_text("number 29")
    page.mouse.move(0, 0)
    for n in range(30, 60):
        visit.site.submit(f"One of many, number {n}", session_id=said)
    expect(fresh).to_be_visible()
    expect(fresh).to_be_hidden()  # they come no more: what waits comes in by itself
    expect(rows(page).first).to_contain_text("number 59")


def test_an_address_of_a_task_shows_it_as_soon_as_it_is_there(visit: Visit) -> None:
    page, key = visit.page, uuid.uuid4().hex
    task_id = task_id_of("default", key, 0)
    visit.is_refused(404, f"/api/tasks/{task_id}")
    page.goto(f"/tasks/{task_id}")
    expect(page.locator(".task")).to_contain_text(f"There is no task {task_id}.")
    visit.site.caller().call("POST", "/api/tasks", {"text": "It comes late"}, headers={"Idempotency-Key": key})
    expect(page.locator(".task-title")).to_have_text("It comes late")
    expect(page.locator(".task-state")).to_have_text(re.compile("completed"))


def test_on_a_narrow_screen_filters_are_behind_a_button_that_counts_those_that_are_set(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/tasks?state=completed&priority=5")
    button = page.get_by_role("button", name="Filters 2 active")
    expect(page.get_by_label("Any state")).to_be_hidden()
    button.press("Enter")
    page.get_by_label("Any priority").select_option("")
    expect(page.get_by_role("button", name="Filters 1 active")).to_have_attribute("aria-expanded", "true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(
        "[...document.querySelectorAll('.filters')].every((one) => one.scrollWidth <= one.clientWidth)"
    )
    assert visit.grave_findings() == []


def test_new_tasks_wait_while_somebody_reads_and_rows_change_in_place(page: Page, site: Site) -> None:
    name = session()
    first = site.submit("The first", session_id=name)
    page.goto(f"/tasks?session={name}")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).locator(".state")).to_have_text(re.compile("completed"))
    rows(page).first.hover()
    second = site.submit("The second [[slow]]", session_id=name)
    page.get_by_role("button", name="1 new ↑").hover()  # it lies over rows, so that it may come under the pointer
    expect(rows(page)).to_have_count(1)
    rows(page).first.hover(position={"x": 80, "y": 8})
    expect(rows(page)).to_have_count(1)
    page.mouse.move(5, 5)
    expect(rows(page)).to_have_count(2)
    expect(page.locator(f"#row-{second} .state")).to_have_text(re.compile("running"))
    expect(page.locator(f"#row-{second}")).to_have_attribute("aria-rowindex", "2")
    site.ended(second)
    expect(page.locator(f"#row-{second} .state")).to_have_text(re.compile("completed"))
    expect(page.locator(f"#row-{first}")).to_have_attribute("aria-rowindex", "3")


def test_filters_keys_and_what_is_open_are_in_the_address(page: Page, site: Site) -> None:
    name = session()
    ids = [site.submit(f"Walrus {n}", session_id=name, priority=1 + n) for n in range(3)]
    for task_id in ids:
        site.ended(task_id)
    page.goto(f"/tasks?session={name}")
    expect(rows(page)).to_have_count(3)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/tasks/{ids[1]}\\?session={name}"))
    expect(page.locator(".task-title")).to_have_text("Walrus 1")
    page.keyboard.press("k")
    expect(page.locator(".task-title")).to_have_text("Walrus 2")
    page.reload()
    expect(page.locator(".task-title")).to_have_text("Walrus 2")
    page.keyboard.press("Escape")
    expect(page.locator(".task")).to_have_count(0)
    page.get_by_label("Any priority").select_option("2")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name of the view").fill("Walruses")
    page.keyboard.press("Enter")
    page.locator("#search-words").fill("no such thing")
    expect(page.locator(".instead")).to_contain_text("No task matches")
    expect(page).to_have_url(re.compile("text=no"))
    page.get_by_role("link", name="Clear the filters").click()
    expect(page).to_have_url(re.compile("/tasks$"))
    page.get_by_role("link", name="Walruses").click()
    expect(rows(page)).to_have_count(1)
    page.go_back()
    expect(page).to_have_url(re.compile("/tasks$"))
    page.get_by_role("link", name="Went wrong").click()
    expect(page).to_have_url(re.compile(r"/tasks\?state=went_wrong$"))
    bad = """async () => {
      const { ENDED, matches } = await import("/views/tasks-filter.js");
      return ENDED.filter((state) => matches({ state: "went_wrong" }, { state }, 0));
    }"""
    assert set(page.evaluate(bad)) == set(WENT_WRONG)


def test_several_tasks_are_done_again_after_a_question_that_names_how_many(page: Page, site: Site) -> None:
    name = session()
    for n in range(3):
        site.ended(site.submit(f"Again {n}", session_id=name))
    page.goto(f"/tasks?session={name}")
    rows(page).nth(0).get_by_role("checkbox").click()
    rows(page).nth(1).get_by_role("checkbox").click()
    page.get_by_role("button", name="Redo 2 ended").click()
    expect(page.get_by_role("dialog")).to_contain_text("Hand in 2 tasks again")
    expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_visible()
    page.get_by_role("button", name="Redo 2 tasks").click()
    page.mouse.move(5, 5)
    expect(rows(page)).to_have_count(5)
    expect(page.locator(".cell.text .chip", has_text="redo")).to_have_count(2)


def test_no_text_of_a_task_or_of_its_answer_runs_or_becomes_an_element(page: Page, site: Site) -> None:
    name = f"<i>{session()}</i>"
    task_id = site.submit(HOSTILE, session_id=name, items=[HOSTILE, f"{HOSTILE} again"])
    site.ended(task_id)
    for where in (f"/tasks/{task_id}", f"/tasks/{task_id}.0?text=%3Cimg%20src%3Dx%20onerror%3Dwindow.ran%3D4%3E"):
        page.goto(where)
        expect(page.locator(".task-state")).to_have_text(re.compile("completed"))
        expect(page.locator(".output-text").first).to_contain_text("onerror")
        for summary in page.locator(".task summary").all():
            summary.click()
        page.get_by_role("button", name="As text").first.click()
        page.get_by_role("button", name="As Markdown").first.click()
        assert (
            page.locator("main img, main script, main iframe, main b, main i:not([class]):not(.meter > i)").count() == 0
        )
        assert page.locator("main a[href^='javascript']").count() == 0
    page.goto(f"/tasks?agent={HOSTILE}&session={name}")
    expect(page.locator(".chips")).to_contain_text(name)
    assert page.evaluate("window.ran") is None


def test_of_100_000_tasks_only_what_is_seen_is_in_the_document(page: Page) -> None:
    page.add_init_script(f"const COUNT = 100000, PAGE = 10000; {MANY}")
    page.goto("/tasks")
    expect(rows(page).first).to_be_visible()
    page.locator(".vt").focus()
    for loaded in [f"{n},000 tasks loaded" for n in range(10, 100, 10)] + ["all 100,000 tasks"]:
        expect(page.locator(".list-foot")).to_contain_text(loaded)
        page.keyboard.press("End")
    expect(page.locator("#row-task-99999")).to_have_attribute("aria-rowindex", "100001")
    expect(rows(page).last).to_have_id("row-task-99999")
    assert rows(page).count() < 100


@pytest.mark.parametrize("width", [1440, 390])
def test_an_open_task_is_free_of_grave_accessibility_findings_and_fits(visit: Visit, width: int) -> None:
    page, site = visit.page, visit.site
    task_id = site.submit("Check the release", items=["Review the login module", "Review the search module"])
    site.ended(task_id)
    page.set_viewport_size({"width": width, "height": 800})
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.goto(f"/tasks/{task_id}")
        expect(page.locator(".items li")).to_have_count(2)
        page.locator(".events summary").first.click()
        assert visit.grave_findings() == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


MANY = """
const start = 1795000000000000, real = window.fetch;
const row = (n) => ({
  task_id: `task-${n}`, session_id: `team-${n % 12}`, tenant_id: "default", parent_id: null, redrive_of: null,
  text: `Review the module ${n}`, items: 0, priority: 5, submitted_at: start - n * 1e6, agent_id: "code-reviewer",
  skill: "code_review", state: n % 9 ? "completed" : "failed", started_at: start - n * 1e6 + 9e4,
  finished_at: start - n * 1e6 + 2e6, attempts: 1, quality: null, cost_usd_micros: 1200 * (n % 7), error: null,
});
window.fetch = async (path, options) => {
  if (!String(path).startsWith("/api/tasks?")) return real(path, options);
  const asked = new URLSearchParams(path.split("?")[1]);
  const first = Number(asked.get("cursor") ?? 0), end = Math.min(COUNT, first + PAGE);
  const tasks = Array.from({ length: end - first }, (_, i) => row(first + i));
  const next = end < COUNT ? String(end) : null;
  return new Response(JSON.stringify({ tasks, next, source: "memory", as_of: start }));
};
"""
"""The API's list as if so many tasks were there, before the page's own scripts run."""
