"""Markup and script in every text that people or agents give: the page shows it as they wrote it, and runs nothing."""

import json
import time

import pytest
from playwright.sync_api import Page, expect

from tests.support.alerts import S, alert, following, write
from tests.support.site import Site, Visit
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

HOSTILE = "<img src=x onerror=window.ran=1><script>window.ran=2</script> **x** [x](javascript:window.ran=3)"
QUOTED = json.dumps(HOSTILE)
"""As a value of a file's front matter."""


def harmless(page: Page) -> None:
    """What is shown has the hostile words, and nothing that they would have become."""
    expect(page.locator("main")).to_contain_text(HOSTILE)
    assert page.locator("main img, main script, main iframe, dialog img, dialog script").count() == 0
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.evaluate("window.ran") is None


@pytest.mark.parametrize(
    ("what", "name", "file", "views"),
    [
        (
            "agents",
            "hostile-agent",
            f"---\ndescription: {QUOTED}\ncapabilities: [harm]\nkeywords: [{QUOTED}]\n---\n{HOSTILE}\n",
            ["/agents/hostile-agent", "/agents", "/agents?find=harm"],
        ),
        (
            "skills",
            "hostile_skill",
            f"---\ndescription: {QUOTED}\nwords: [{QUOTED}]\n---\n{HOSTILE}\n",
            ["/agents?skill=hostile_skill", "/agents?show=skills"],
        ),
        (
            "schedules",
            "hostile-plan",
            f'---\ndescription: {QUOTED}\ncron: "0 6 * * mon"\nenabled: false\n---\n{HOSTILE}\n',
            ["/fleet/schedules"],
        ),
    ],
)
def test_a_definition_is_shown_as_it_is_written(
    visit: Visit, site: Site, what: str, name: str, file: str, views: list[str]
) -> None:
    caller = site.caller()
    answer = caller.call("PUT", f"/api/{what}/{name}", {"markdown": file})
    assert answer.status == 200, answer
    for view in views:
        visit.page.goto(view)
        expect(visit.page.locator("main")).to_contain_text(name)
        harmless(visit.page)
    assert caller.call("DELETE", f"/api/{what}/{name}").status == 200


def test_the_name_of_a_token_is_shown_as_it_is_written(visit: Visit, site: Site) -> None:
    page = visit.page
    visit.let_in(site.token(name=HOSTILE))
    page.get_by_role("button", name="Signed in as").click()
    access = page.get_by_role("dialog", name="Your access")
    expect(access.locator("h2")).to_have_text(HOSTILE)
    assert access.locator("img, script").count() == 0
    assert page.evaluate("window.ran") is None


def test_questions_and_reasons_of_an_experiment_are_shown_as_they_are_written(visit: Visit, site: Site) -> None:
    caller = site.caller()
    body = {"name": "hostile", "parameter": "prompt_extra", "arms": {"b": HOSTILE}, "unit": "task", "question": HOSTILE}
    assert caller.call("POST", "/api/experiments", body).status == 201
    for view in ("/experiments/hostile", "/experiments"):
        visit.page.goto(view)
        expect(visit.page.locator("main")).to_contain_text("hostile")
        harmless(visit.page)
    assert caller.call("POST", "/api/experiments", body | {"name": HOSTILE}).status == 400  # no name has markup


def test_what_is_said_to_an_alert_is_shown_as_it_is_written(visit: Visit, site: Site) -> None:
    now = time.time_ns() // 1000
    hostile = alert("errors", since_at=now - 90 * S, at=now, value=0.15, evidence=HOSTILE)
    with following(site.settings, hostile):
        visit.page.goto("/alerts")
        card = visit.page.get_by_role("article", name="errors/line")
        answer = site.caller().call("POST", "/api/alerts/errors%2Fline/ack", {"comment": HOSTILE})
        assert answer.status == 200, answer
        expect(card.locator(":text('Taken on by')")).to_contain_text(HOSTILE)
        harmless(visit.page)
    write(site.settings, alert("errors", state="resolved", since_at=now - 90 * S, until_at=now))


def test_what_people_say_of_an_answer_is_shown_as_it_is_written(visit: Visit, site: Site) -> None:
    task_id = site.submit("Review what somebody hostile is to judge", session_id="hostile")
    site.ended(task_id)
    said = {"kind": "negative", "comment": HOSTILE}
    assert site.caller().call("POST", f"/api/tasks/{task_id}/feedback", said).status in (200, 201, 202)
    visit.page.goto(f"/tasks/{task_id}")
    expect(visit.page.locator(".given")).to_contain_text(HOSTILE)
    harmless(visit.page)


def test_why_a_host_is_closed_and_why_an_agent_is_scaled_are_shown_as_they_are_written(
    visit: Visit, site: Site
) -> None:
    caller, page = site.caller(), visit.page
    assert caller.call("POST", "/api/hosts/host-0", {"state": "drained", "reason": HOSTILE}).status == 200
    page.goto("/fleet")
    harmless(page)
    assert caller.call("POST", "/api/hosts/host-0", {"state": "open", "reason": HOSTILE}).status == 200
    until(lambda: caller.get("/api/hosts")["hosts"][0]["state"] == "open", 10, "the host is open again")


def test_an_address_is_shown_as_it_is_written(visit: Visit) -> None:
    visit.is_refused(404, "/.*%3Cimg.*")
    for view in ("agents", "experiments", "models", "chat", "nowhere"):
        visit.page.goto(f"/{view}/%3Cimg%20src=x%20onerror=window.ran=4%3E")
        expect(visit.page.locator("main")).to_contain_text("<img src=x onerror=window.ran=4>")
        assert visit.page.evaluate("window.ran") is None
