"""Experiments: making one, its life, what its page says, and how effects are drawn and written."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.site import Site, Visit

pytestmark = pytest.mark.e2e


def draft(site: Site, name: str, **more: Any) -> None:
    """One that varies how long an attempt may take, of which nobody here feels anything."""
    body = {"name": name, "parameter": "task_timeout_s", "arms": {"short": "300"}, "unit": "task", **more}
    answer = site.caller().call("POST", "/api/experiments", body)
    assert answer.status == 201, answer


def press(page: Page, verb: str, effect: str) -> None:
    """A button, and the question that names its effect."""
    page.get_by_role("button", name=verb, exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(effect)
    dialog.get_by_role("button", name=verb, exact=True).click()
    expect(dialog).to_have_count(0)


def test_a_refusal_stands_beside_the_field_it_is_about_and_the_draft_is_made_once_it_is_mended(visit: Visit) -> None:
    visit.is_refused(400, "/api/experiments(/plan)?")
    page = visit.page
    page.goto("/experiments?new")
    page.get_by_label("Name", exact=True).fill("More Redos")
    expect(page.locator("#wrong-name")).to_contain_text("a-z")
    page.get_by_label("Name", exact=True).fill("more-redos")
    page.get_by_label("Question").fill("Is it worth <b>it</b>?")
    page.get_by_label("Setting of the line").select_option("redos_max")
    page.get_by_label("Value of arm b").fill("2")
    page.get_by_label("Metrics").fill("loudness:mean")
    page.get_by_role("button", name="Make the draft").click()
    expect(page.locator("#wrong-metrics")).to_contain_text("loudness")
    expect(page.get_by_label("Metrics")).to_be_focused()
    page.get_by_label("Metrics").fill("")
    page.get_by_role("button", name="Make the draft").click()
    expect(page).to_have_url(re.compile("/experiments/more-redos$"))
    expect(page.locator(".verdict")).to_contain_text("nothing is changed until it is started")
    expect(page.locator(".question")).to_have_text("Is it worth <b>it</b>?")


def test_the_values_of_an_experiment_are_offered_as_the_setting_takes_them(page: Page) -> None:
    page.goto("/experiments?new")
    setting = page.get_by_label("Setting of the line")
    control, other = (page.get_by_label(f"Value of arm {arm}") for arm in ("control", "b"))
    setting.select_option("balancer")
    expect(control.locator("option").first).to_have_text("weighted_round_robin (as now)")
    other.select_option("adaptive")
    setting.select_option("quality_min")
    expect(page.locator("#note-parameter")).to_contain_text("Now: 0.5; it takes a number from 0 to 1.")
    other.fill("1.5")
    expect(page.locator("#wrong-arms")).to_have_text("The value of arm b is to be a number from 0 to 1.")
    other.fill("0.7")
    expect(page.locator("#wrong-arms")).to_have_text("")
    setting.select_option("prompt_extra")
    expect(control).to_have_attribute("placeholder", "(nothing, as now)")
    other.fill("Be brief.")


def test_the_forecast_follows_what_is_typed(visit: Visit, site: Site) -> None:
    page = visit.page
    for text in ("Summarise the incident", "Summarise the other incident"):
        site.ended(site.submit(text))
    page.goto("/experiments?new")
    page.get_by_label("Unit").select_option("task")
    page.get_by_label("Metrics").fill("completed:binary")
    forecast = page.get_by_role("region", name="What it will be able to tell")
    expect(forecast).to_contain_text("Change worth finding [points]")
    expect(forecast).to_contain_text("No forecast yet: arm b has no value")
    page.get_by_label("Value of arm b").select_option("adaptive")
    forecast.get_by_label("Change worth finding").fill("3")
    expect(forecast.locator(".answers > *").first).to_be_visible()
    page.get_by_label("Metrics").fill("completion_ms:mean:lower")
    expect(forecast.locator(".answers .loud")).to_contain_text("type how many tasks come in a day")
    forecast.get_by_label("Tasks a day").fill("5000")
    expect(forecast.locator(".answers .loud")).to_contain_text("tasks: what the metric is may be quite")
    assert visit.grave_findings() == []
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_forecast_says_when_it_is_a_guess_and_is_never_all_sure(page: Page) -> None:
    said = page.evaluate("""async () => {
      const { chance, guessed } = await import("/views/experiments-plan.js");
      const seen = (hours, units) => ({ from_at: 0, to_at: hours * 3.6e9, units, units_a_day: 9 });
      return {
        chances: [0.8, 0.9999, 1, 0.0001].map(chance),
        guesses: [[1, 40], [1, 4000], [48, 40], [48, 4000]].map((one) => guessed(seen(...one), "session", false)),
        typed: guessed(seen(1, 4000), "session", true),
      };
    }""")
    assert said["chances"] == ["80 % of the time", *[">99 % of the time"] * 2, "<1 % of the time"]
    assert "from no more than 1 h and 40 sessions: type how many sessions" in said["guesses"][0]
    assert "from no more than 1 h: type how many sessions" in said["guesses"][1]
    assert "from no more than 40 sessions: what the metric is" in said["guesses"][2]
    assert (said["guesses"][3], said["typed"]) == ("", "")


def test_each_step_of_a_life_names_its_effect_first(visit: Visit, site: Site) -> None:
    visit.is_refused(503, "/api/experiments/life/report")  # there is no warehouse here
    page = visit.page
    draft(site, "life")
    page.goto("/experiments/life")
    press(page, "Start", "work with one of 2 values of task_timeout_s")
    press(page, "Pause", "units and data are kept")
    press(page, "Resume", "Every task has the arm it had")
    page.get_by_role("button", name="Adopt", exact=True).click()
    page.get_by_role("dialog").get_by_label("Arm").select_option("short")
    page.get_by_role("dialog").get_by_label("Why").fill("as agreed")
    page.get_by_role("dialog").get_by_role("button", name="Adopt").click()
    expect(page.locator(".verdict")).to_contain_text("the line works with task_timeout_s = 300")
    expect(page.locator(".changes")).to_contain_text("as agreed")
    press(page, "Give back", "works with the configured value")
    expect(page.locator(".changes")).to_contain_text("given back")
    changes = site.caller().get("/api/experiments/life")["changes"]
    assert [one["change"] for one in changes] == ["created", "started", "paused", "resumed", "adopted", "given_back"]
    page.goto("/experiments")


def test_the_list_filters_by_the_address_and_opens_by_keys(visit: Visit, site: Site) -> None:
    page = visit.page
    draft(site, "waiting-one", question="Which <script>alert(1)</script>?")
    page.goto("/experiments?state=draft")
    expect(page.get_by_role("link", name="waiting-one")).to_be_visible()
    expect(page.locator("tbody")).to_contain_text("<script>alert(1)</script>")
    assert visit.grave_findings() == []
    page.get_by_role("link", name=re.compile("^Running")).click()
    expect(page.get_by_role("link", name="waiting-one")).to_have_count(0)
    page.go_back()
    expect(page.get_by_role("link", name="waiting-one")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/experiments/[a-z0-9-]+$"))


def test_an_effect_is_drawn_with_its_band_and_told_in_words_and_as_a_table(page: Page) -> None:
    page.goto("/experiments")
    expect(page.locator("#main .experiments")).to_be_visible()
    page.evaluate("""async () => {
      const { course } = await import("/views/experiments-chart.js");
      const { metricOf } = await import("/views/experiments-said.js");
      const one = course(metricOf("completion_ms:mean:lower"), "completion_ms: “b” beside “control”");
      document.getElementById("main").replaceChildren(one.element);
      const looks = [3, 2, 1].map((width, i) => ({
        at: 1.795e15 + i * 6e7, units: 100 * (i + 1),
        effect: -1500, low: -1500 - width * 700, high: -1500 + width * 700,
      }));
      one.show(looks);
    }""")
    drawing = page.get_by_role("img", name="completion_ms")
    expect(drawing).to_have_attribute("aria-label", re.compile("Down is better.*zero is ruled out, so it is better"))
    expect(drawing.locator("polygon.band.good")).to_have_count(1)
    drawing.hover(position={"x": 90, "y": 60})
    expect(page.locator(".readout")).to_contain_text("100 units")
    page.get_by_text("As a table").click()
    expect(page.locator("tbody tr")).to_have_count(3)


def test_figures_are_written_as_the_metric_asks(page: Page) -> None:
    said = page.evaluate("""async () => {
      const s = await import("/views/experiments-said.js");
      const [share, time] = ["routing_success:binary", "completion_ms:mean:lower"].map(s.metricOf);
      return {
        metrics: ["a/b:ratio:lower", "x:quantile@0.95", "plain"].map((one) => Object.values(s.metricOf(one)).slice(1)),
        share: [s.valueOf(share, 0.05), s.effectOf(share, -0.0123, 0.02), s.between(share, -0.03, 0.012)],
        time: [s.valueOf(time, 2310), s.between(time, -2100, -685, "and")],
        judged: [[1, 0.5, 1.5], [-1, -2, -0.5], [1, -1, 3], [1, null, null]].map((one) => s.judged(time, ...one).word),
        fields: ['"X" is no name for an experiment: use a-z', "Arm b: redos_max is 'many'", "hm"].map(s.fieldOf),
      };
    }""")
    assert said["metrics"] == [["a/b", "ratio", True], ["x", "quantile", False], ["plain", "mean", False]]
    assert said["share"] == ["5.0 %", "−1.2 points", "−3.0 to +1.2 points"]
    assert said["time"] == ["2.3 s", "−2.1 s and −685 ms"]
    assert said["judged"] == ["worse", "better", "unclear", "unclear"]
    assert said["fields"] == ["name", "arms", None]


def test_below_the_least_number_of_units_it_is_too_early_and_no_interval_is_shown(page: Page) -> None:
    why = "The smallest arm has 5 units, and a verdict takes at least 50: extend it."
    said = page.evaluate(
        """async (why) => {
      const s = await import("/views/experiments-said.js");
      const { effects } = await import("/views/experiments-figures.js");
      const { awaited, saidOf } = await import("/views/experiments-parts.js");
      const metrics = ["completion_ms:mean:lower"];
      const one = { control: "control", arms: [{ name: "control" }, { name: "b" }], unit: "session", metrics,
        started_at: 1, layer: "default" };
      const wide = [-1.2e13, 1.2e13];
      const arm = (n, more = {}) => ({ n, mean: 2000, effect: null, ...more });
      const beside = { effect: -300, cs_adjusted: wide, p_always_valid_adjusted: 1 };
      const report = (n, reasons) => ({ mode: "sequential", verdict: "no difference shown", winner: null, reasons,
        srm: { counts: { control: n, b: n } }, metrics: { completion_ms: { control: arm(n), b: arm(n, beside) } } });
      const verdict = { verdict: "no difference shown", winner: null, reasons: [why], to_at: 1.795e15, rows: 77,
        figures: [{ metric: "completion_ms", arm: "control", units: 5, value: 2000, effect: null },
          { metric: "completion_ms", arm: "b", units: 5, value: 1700, effect: -300, low: wide[0], high: wide[1] }] };
      const least = { completion_ms: 50 };
      const rows = (n, least) => s.comparisons(one, report(n, [why]), null, least);
      const known = { completion_ms: { b: { effect: 1, cs: wide } } };
      const look = (n) => ({ at: 1, n: { control: n, b: n }, metrics: known });
      const table = effects(one, rows(5, least), null, () => {}, report(5, [why]));
      document.querySelector("#main").replaceChildren(table);
      table.style.width = "400px";
      return {
        sentences: [s.sentence(one, report(5, [why]), rows(5, least)),
          s.sentence(one, verdict, s.comparisons(one, null, verdict))],
        told: table.textContent,
        enough: rows(60, least)[0].high,
        first: saidOf(one, verdict, s.comparisons(one, null, verdict), null, { trouble: null }, verdict).textContent,
        awaited: awaited(verdict),
        looks: [...s.seen([look(5), look(60)], s.metricOf(metrics[0]), 50).get("b").map((at) => at.units)],
        broken: table.scrollWidth > table.clientWidth,
      };
    }""",
        why,
    )
    assert said["sentences"] == [f"It is too early for a verdict. {why}"] * 2
    assert "not known yet" in said["told"] and "too few" in said["told"] and " d " not in said["told"]
    assert said["enough"] == 1.2e13
    assert said["looks"] == [120]
    assert said["awaited"] in said["first"] and re.search("of .*; the newest is being computed", said["awaited"])
    assert "10 sessions" in said["first"] and "task" not in said["first"]
    assert said["broken"] is False
