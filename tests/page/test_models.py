"""Models on the page: which one is in use, promoting and going back with a question, and one with its lineage."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Route, expect

from infra import models
from tests.support.learning import model
from tests.support.site import Site, Visit

pytestmark = pytest.mark.e2e

ANSWERS = {
    "calibration": {
        "columns": ["apart", "band", "expected", "observed", "decisions"],
        "rows": [[None, 0.1, 0.15, 0.0, 20], [0.25, 0.8, 0.85, 0.6, 200]],
    },
    "learned_over_time": {
        "columns": ["from_time", "learned_accurate", "rules_accurate", "learned", "by_rules"],
        "rows": [
            ["2026-11-21 06:00:00", 0.5, 0.5, "10", "100"],
            ["2026-11-21 12:00:00", None, 0.5, "0", "100"],
            ["2026-11-21 18:00:00", 0.9, 0.5, "90", "4"],
        ],
    },
    "task_drift": {
        "columns": ["psi", "feature", "tasks", "learned_from"],
        "rows": [[0.36, "length of the text", 240, 200], [0.02, "items", 240, 200]],
    },
}


def answered(route: Route) -> None:
    """As the warehouse answers, which is not there."""
    route.fulfill(json=ANSWERS[urlsplit(route.request.url).path.rpartition("/")[2]])


def test_a_model_is_put_to_use_and_taken_back_with_a_question_that_names_the_effect(visit: Visit, site: Site) -> None:
    page = visit.page
    page.goto("/models")
    expect(page.locator(".now")).to_contain_text("The rules alone")
    expect(page.locator(".empty")).to_contain_text("headway train")
    metrics = {"held_out": 1204.0, "auc": 0.81, "ece": 0.02, "gain": 0.07, "gain_low": 0.03, "gain_high": 0.11}
    good = model(
        "mlp-1",
        created_at=2_000_000,
        metrics=metrics | {"log_loss": 0.4},
        reason="It <img src=x onerror=window.ran=1> knows.",
    )
    models.write(site.settings, good)
    models.write(site.settings, model("knn-1", status="rejected", reason="It knows nothing."))
    page.reload()
    row = page.get_by_role("row", name=re.compile("^mlp-1"))
    expect(row).to_contain_text("+7.0 points")
    expect(row).to_contain_text("It <img src=x onerror=window.ran=1> knows.")
    assert visit.grave_findings() == []
    page.route("**/api/questions/*", answered)
    row.get_by_role("button", name="Promote").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Put mlp-1 to use? Routers take it within seconds")
    dialog.get_by_label("Why").fill("as agreed")
    dialog.get_by_role("button", name="Promote").click()
    expect(page.locator(".now")).to_contain_text("mlp-1")
    expect(page.locator(".now")).to_contain_text("as agreed")
    expected = page.get_by_role("region", name="Expected and observed success")
    expect(expected).to_contain_text("Where it says 80–90 % it expects 25 points more than comes true")
    expect(expected.get_by_role("row", name=re.compile("^10–20 %"))).to_contain_text("15 %")
    said = "15 % expected, 0 % came true; 85 % expected, 60 % came true"
    curve = expected.get_by_role("img", name=re.compile("Calibration curve"))
    expect(curve).to_have_attribute("aria-label", re.compile(said))
    expect(curve.locator("circle.few")).to_have_count(1)
    beside = page.get_by_role("region", name="Learned beside the rules")
    expect(beside).to_contain_text("Learned 86 % of 100 tasks")
    expect(beside).to_contain_text("rules 50 % of 204")
    expect(beside.get_by_role("img").locator("circle")).to_have_count(5)
    drift = page.get_by_role("region", name="Drift of the tasks")
    expect(drift).to_contain_text("The tasks are others by their length of the text")
    assert visit.grave_findings() == []
    page.get_by_role("row", name=re.compile("^knn-1")).get_by_role("button").click()
    expect(dialog).to_contain_text("The gate rejected it: It knows nothing.")
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="mlp-1", exact=True).first.click()
    expect(page).to_have_url(re.compile("/models/mlp-1$"))
    expect(page.locator("#main")).to_contain_text("headway train")
    assert visit.grave_findings() == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Roll back").click()
    expect(dialog).to_contain_text("the rules alone route")
    dialog.get_by_role("button", name="Roll back").click()
    expect(page.locator(".now")).to_contain_text("The rules alone")
    assert page.evaluate("window.ran") is None
    page.set_viewport_size({"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
