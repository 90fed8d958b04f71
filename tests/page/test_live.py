"""The live view: a real task on it, its charts, what it says is wrong, and what it costs the browser."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.site import Visit

pytestmark = pytest.mark.e2e

STAGED = """
// The view, with a line that is played to it instead of the gateway's: window.stage tells it events.
const me = { role: "admin", tenant_id: "default" };
const heard = new Map();
const live = {
  state: { state: "live", since: Date.now(), lag_ms: 1 },
  subscribe(to, handler) {
    const name = Object.keys(to)[0];
    heard.set(name, handler);
    return () => heard.delete(name);
  },
};
const context = { me, live, query: {}, keys() {}, title() {}, setQuery() {} };
const { default: view } = await import("/views/live.js");
document.getElementById("main").replaceChildren(await view(context));
const us = () => Date.now() * 1000;
const tell = (to, event, data, more) => heard.get(to)?.({ event, data, timestamp: us(), progress: null, ...more });
let told = 0;
function task() {
  const id = `t-${++told}`;
  const who = { task_id: id, tenant_id: "default", agent_id: "writer", instance_id: `writer-${told % 50}`, attempt: 1 };
  tell("tenant_id", "task_submitted", { ...who, text: `do ${id}` });
  tell("tenant_id", "task_started", who, { progress: 0 });
  for (let n = 1; n < 9; n++) tell("tenant_id", "progress_update", who, { progress: n / 10 });
  return () => tell("tenant_id", "task_completed", { ...who, submitted_at: us(), started_at: us(), finished_at: us() });
}
window.stage = { heard, task, context };
"""
BUSY = """async (seconds) => {
  // A hundred tasks of eleven events a second, each a second long.
  const end = performance.now() + 1000 * seconds;
  let begun = performance.now(), events = 0, open = [];
  while (performance.now() < end) {
    await new Promise((on) => setTimeout(on, 20));
    for (; begun < performance.now(); begun += 10) { open.push(stage.task()); events += 11; }
    while (open.length > 100) open.shift()();
  }
  return events / seconds;
}"""
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
BOARD = {
    "at": 0,
    "window_s": 60,
    "submitted_per_s": 2.0,
    "ended_per_s": 2.0,
    "failed_per_s": 0.0,
    "error_rate": 0.0,
    "wait_ms": {"p50": 50, "p90": 80, "p99": 200},
    "mean_wait_ms": 60,
    "waiting": 0,
    "waiting_max": 100,
    "running": 3,
    "slots": 20,
    "instances": 4,
    "workers": [],
    "cost_usd_micros_today": 0,
}
POOL = {"pool": "writer", "agent_id": "writer", "waiting": 0, "waiting_max": 100, "instances": 4}
POOL |= {"failed": 0, "error_rate": 0.0}
FOUND = """async ([board, pools, targets, more]) => {
  const { findings } = await import("/views/live-attention.js");
  const seen = { board, pools, targets: new Map(targets), age_ms: 0, live: { state: "live" }, points: [], cap: null };
  if (more.targets) more.targets = new Map(more.targets);
  return findings({ ...seen, ...more }).map((one) => one.text);
}"""

ERRORS = """async (later) => {
  // One task that failed, and then ten minutes with one failure in twenty-five.
  const { Charts } = await import("/views/live-charts.js");
  const charts = new Charts(document.createElement("p"));
  const element = document.createElement("div");
  element.className = "live";
  element.append(charts.element);
  document.getElementById("main").replaceChildren(element);
  const point = (n) => ({ at: Date.now() - 5000 * (120 - n), ended_per_s: later, failed_per_s: 0, error_rate: 0.04 });
  const first = { ...point(0), ended_per_s: 1 / 60, error_rate: 1 };
  charts.show([first, ...Array.from({ length: 119 }, (_, n) => point(n + 1))]);
}"""


def stage_on(page: Page) -> None:
    """An address without a view: none comes to stand in the place of what a test shows."""
    page.goto("/")
    expect(page.locator(".live")).to_be_visible()
    page.evaluate("history.pushState(null, '', '/nowhere'); dispatchEvent(new PopStateEvent('popstate'))")
    expect(page.locator("main .empty")).to_be_visible()


def play(page: Page) -> None:
    stage_on(page)
    page.evaluate(f"async () => {{ {STAGED} }}")


def found(page: Page, board: dict[str, Any], pool: dict[str, Any] | None = None, **more: Any) -> list[str]:
    return list(page.evaluate(FOUND, [BOARD | board, [POOL | (pool or {})], [["writer", 4]], more]))


def test_a_task_is_seen_running_and_then_among_those_that_ended(visit: Visit) -> None:
    page = visit.page
    expect(page.locator(".verdict h1")).not_to_contain_text("Waiting")
    task_id = visit.site.submit("Look at me while I run [[slow]]")
    expect(page.locator(".running .rows li", has_text="Look at me")).to_be_visible()
    visit.site.ended(task_id)
    row = page.locator(".ended .rows a", has_text="Look at me")
    expect(row).to_contain_text("completed")
    row.click()
    expect(page).to_have_url(re.compile(f"/tasks/{task_id}"))


def test_a_chart_opens_from_its_tile_stays_after_a_reload_and_closes_with_escape(page: Page) -> None:
    page.locator(".tile", has_text="Start wait").click()
    expect(page).to_have_url(re.compile(r"/\?chart=waits$"))
    page.reload()
    opened = page.locator(".stage [data-chart=waits]")
    expect(opened).to_be_visible()
    opened.locator("summary").click()
    expect(opened.locator("tbody tr").first).to_be_visible()
    opened.locator("summary").blur()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"/$"))


def test_the_throughput_is_shown_of_its_target_where_one_is_set(page: Page) -> None:
    show = """async ([board, aim]) => {
      const { Tiles } = await import("/views/live-tiles.js");
      const tiles = new Tiles();
      tiles.show({ ...board, throughput_target_per_min: aim }, { target: 4, cap: null, peak: 9 });
      return tiles.throughput.element.querySelector(".figure").textContent;
    }"""
    rate = BOARD | {"ended_per_s": 8.53, "cost_usd_micros_per_min": 0}
    assert page.evaluate(show, [rate, None]) == "512/min"
    assert page.evaluate(show, [rate, 500]) == "512 of 500/min ✓"
    assert page.evaluate(show, [rate, 513]) == "512 of 513/min"


def test_the_moment_that_a_chart_is_read_at_is_told_in_words_and_shown_on_all_charts(page: Page) -> None:
    plot = page.locator("[data-chart=queue] .plot")
    expect(page.locator("[data-chart=queue] .legend .value").first).to_have_text(re.compile(r"\d"))
    plot.press("ArrowLeft")
    expect(plot).to_have_attribute("aria-valuetext", re.compile(r"\d\d:\d\d:\d\d: waiting \d+, running \d+"))
    expect(page.locator("[data-chart=machine] .at")).to_have_text(re.compile(r"\d\d:\d\d:\d\d"))
    plot.press("Escape")
    expect(page.locator("[data-chart=machine] .at")).to_have_text("")


def test_the_time_that_charts_show_is_chosen_by_keys_and_stays_in_the_address_and_for_the_next_visit(
    page: Page,
) -> None:
    plot = page.locator("[data-chart=waits] .plot")
    expect(plot).to_have_attribute("aria-valuemin", "-900")
    with page.expect_response("**/api/fleet/history*") as answer:
        page.get_by_label("15 min").press("ArrowRight")
    expect(page).to_have_url(re.compile(r"/\?range=1h$"))
    expect(plot).to_have_attribute("aria-valuemin", "-3600")
    told = answer.value.json()
    assert told["step_s"] == 60 and {len(point) for point in told["points"]} <= {len(told["columns"])}
    expect(page.locator(".range-bar [role=status]")).to_have_text(re.compile(r"Known since \d\d:\d\d"))
    page.click("#nav a:text('Tasks')")
    page.click("#nav a:text('Live')")
    expect(page.get_by_label("1 h", exact=True)).to_be_checked()
    expect(plot).to_have_attribute("aria-valuemin", "-3600")
    page.goto("/?range=5m")
    expect(plot).to_have_attribute("aria-valuemin", "-300")


def test_charts_below_the_fold_are_drawn_before_they_are_scrolled_to(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 500})
    page.reload()
    last = page.locator("[data-chart=machine]")
    expect(last.locator("path.line").first).to_have_attribute("d", re.compile("^M"), timeout=20_000)
    assert page.evaluate("scrollY") == 0
    assert last.bounding_box()["y"] > 1000  # type: ignore[index]


def test_what_is_wrong_is_said_in_words_and_what_is_not_is_not(page: Page) -> None:
    assert found(page, {}) == []
    assert found(page, {"error_rate": 0.5, "ended_per_s": 0.1}) == [], "three of six say little"
    assert "12 % of the tasks" in found(page, {"error_rate": 0.12})[0]
    assert "1 of 4 instances are missing: writer has 3 of 4" in found(page, {"instances": 3}, {"instances": 3})[0]
    assert found(page, {"instances": 0}, {"instances": 0, "waiting": 2}) == [
        "writer has no instance at all. 2 tasks wait."
    ]
    gone = {"instances": 0, "removed": True}
    assert found(page, {}, gone, targets=[]) == [], "its tasks have ended"
    assert found(page, {}, gone | {"waiting": 2}, targets=[]) == ["writer is removed; 2 tasks wait in its queue."]
    assert "writer (85 of 100)" in found(page, {"waiting": 85}, {"waiting": 85})[0]
    assert "more than 9 s" in found(page, {"wait_ms": {"p50": 1, "p90": 2, "p99": 9000}})[0]
    assert "the router does not work" in found(page, {"ended_per_s": 0, "running": 0})[0]
    assert any("1 waits" in one for one in found(page, {"ended_per_s": 0, "running": 0, "waiting": 1}))
    assert "is spent" in found(page, {"cost_usd_micros_today": 9}, cap=10)[0]
    assert "hears nothing from Kafka" in found(page, {}, live={"state": "stale", "since": 0})[0]


@pytest.mark.parametrize(("later", "axis", "beyond"), [(10.0, "10 %", ["▲ 100 %, of few"]), (0.1, "100 %", [])])
def test_a_share_of_few_tasks_does_not_flatten_that_of_many(
    page: Page, later: float, axis: str, beyond: list[str]
) -> None:
    stage_on(page)
    page.evaluate(ERRORS, later)
    chart = page.locator("main [data-chart=errors]")
    expect(chart.locator(".grid .tick:not(.limit, .beyond)").last).to_have_text(axis)
    expect(chart.locator(".grid .beyond")).to_have_text(beyond)


def test_what_ended_a_moment_ago_is_not_counted_as_running(page: Page) -> None:
    play(page)
    page.evaluate("() => { window.end = stage.task(); }")
    expect(page.locator(".running .rows li")).to_have_count(1)
    expect(page.locator(".running .figures")).to_have_text("")
    page.evaluate("end()")
    expect(page.locator(".running .figures")).to_have_text("1 just ended")
    expect(page.locator(".running .rows li.over .share")).to_have_text("completed")


def test_every_zone_is_seen_also_one_in_which_nothing_lives(page: Page) -> None:
    zones = [{"zone": zone, "hosts": 1, "instances": 4, "instances_live": 0, "running": 0} for zone in "ab"]
    page.route("**/api/hosts", lambda route: route.fulfill(json={"at": 0, "hosts": [], "zones": zones}))
    play(page)
    worker = {"host_id": "host-0", "instances": 3, "most": 3, "running": 2, "heard_at": 0, "zone": "a"}
    machine = {"cpu_percent": 1, "memory_percent": 1, "network_in_kb_per_s": 0, "network_out_kb_per_s": 0}
    board = BOARD | {"workers": [worker], "cost_usd_micros_per_min": 0, "oldest_wait_ms": 0, "machine": machine}
    page.evaluate("(b) => stage.heard.get('fleet')({ event: 'board', data: { ...b, at: Date.now() * 1000 } })", board)
    found = page.locator(".panel", has_text="Instances by zone").locator("li")
    expect(found).to_have_text([re.compile("a1 missing3/4"), re.compile("bnothing lives here0/4")])
    expect(found.nth(1).get_by_role("link")).to_have_attribute("href", "/fleet?find=zone%3Ab")


def test_a_thousand_events_a_second_cost_few_paints_and_rows_stay_under_the_reader(page: Page) -> None:
    play(page)
    page.evaluate(BUSY, 1)
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable")

    def measured() -> dict[str, float]:
        return {one["name"]: one["value"] for one in metrics.send("Performance.getMetrics")["metrics"]}

    before = measured()
    events_per_s = page.evaluate(BUSY, 3)
    after = measured()
    passed = after["Timestamp"] - before["Timestamp"]
    layouts, busy = ((after[name] - before[name]) / passed for name in ("LayoutCount", "ThreadTime"))
    print(f"{events_per_s:.0f} events/s: main thread {1000 * busy:.0f} ms/s, {layouts:.1f} layouts/s")
    assert events_per_s > 900 and layouts <= 12 and busy < 0.5
    rows = page.locator(".running .rows li")
    expect(rows).to_have_count(8)
    rows.nth(3).hover()
    texts = rows.all_text_contents()
    page.evaluate(BUSY, 2)
    assert [text[8:20] for text in rows.all_text_contents()] == [text[8:20] for text in texts]
    expect(page.locator(".running .more")).to_have_text(re.compile(r"\d+ new ↑"))


def test_a_hidden_tab_paints_nothing_and_after_a_while_does_not_hear_of_tasks(page: Page) -> None:
    page.clock.install()
    play(page)
    page.evaluate(HIDE, True)
    page.evaluate("() => { stage.task(); }")
    page.clock.run_for(5_000)
    expect(page.locator(".running .rows li")).to_have_count(0)
    assert page.evaluate("stage.heard.has('tenant_id')")
    page.clock.run_for(30_000)
    assert not page.evaluate("stage.heard.has('tenant_id')")
    page.evaluate(HIDE, False)
    assert page.evaluate("stage.heard.has('tenant_id')")
    page.clock.run_for(2_000)
    expect(page.locator(".running .rows li")).to_have_count(1)
