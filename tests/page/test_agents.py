"""Agents: who there is, who fits some words, what a definition means, and changing one."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from infra import kafka
from infra.registry import WEIGHTS
from schemas.codec import encode
from tests.support.site import Site, Visit
from tests.support.waiting import until
from tests.support.weighing import weight

pytestmark = pytest.mark.e2e
HOSTILE = "Checks <img src=x onerror=document.title='broken'> contracts."
FILE = f"---\ndescription: {HOSTILE}\ncapabilities: [legal_review]\nkeywords: [covenant]\n---\nYou check contracts.\n"


@pytest.fixture
def checker(site: Site) -> Iterator[str]:
    """An agent of our own, with markup where words belong."""
    caller = site.caller()
    answer = caller.call("PUT", "/api/agents/contract-checker", {"markdown": FILE})
    assert answer.status == 200, answer
    yield "contract-checker"
    caller.call("DELETE", "/api/agents/contract-checker")


def row(page: Page, agent: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=agent, exact=True))


def test_a_row_follows_its_agent_without_a_reload(visit: Visit, site: Site) -> None:
    page = visit.page
    page.goto("/agents")
    done = row(page, "code-reviewer").locator("td[data-label='Done']")
    expect(row(page, "code-reviewer")).to_contain_text("live")
    before = int(re.split(r"\D", done.inner_text())[0])
    site.ended(site.submit("Review the login module for security holes", agent_id="code-reviewer"))
    expect(done).not_to_have_text(re.compile(rf"^{before}\b"))


def test_words_find_the_agent_that_fits_and_stay_in_the_address(visit: Visit, checker: str) -> None:
    page = visit.page
    page.goto("/agents")
    page.get_by_label("Find the agent").fill("Is this covenant binding?")
    expect(page).to_have_url(re.compile("find=Is"))
    expect(page.locator(".understood")).to_contain_text(f"{checker} would get it")
    expect(page.locator("tbody tr").first).to_contain_text(checker)
    expect(page.locator("tbody tr .why").first).to_contain_text("covenant")
    expect(row(page, checker)).to_contain_text("<img src=x")
    assert page.title() == "Agents · Headway"
    page.reload()
    expect(page.locator("tbody tr").first).to_contain_text(checker)


def test_words_find_skills_too_the_best_first_and_what_is_only_faintly_alike_is_said_to_be(visit: Visit) -> None:
    page = visit.page
    page.goto("/agents?show=skills")
    page.get_by_label("Find the skill").fill("Look over this pull request")
    expect(page).to_have_url(re.compile("show=skills.*find=Look|find=Look.*show=skills"))
    expect(page.locator("tbody tr").first).to_contain_text("code_review")
    expect(page.locator("tbody tr .why").first).to_contain_text("the router takes such a task for it")
    expect(page.locator("tbody tr.unfit .why", has_text="only faintly like it").first).to_be_visible()
    assert visit.grave_findings() == []


def test_a_mistake_is_marked_at_its_line_and_cannot_be_saved(visit: Visit, checker: str) -> None:
    page = visit.page
    page.goto(f"/agents/{checker}")
    file, save = page.get_by_label("Definition: front matter"), page.get_by_role("button", name="Save", exact=True)
    file.fill(FILE.replace("keywords:", "instances: many\nkeywords:"))
    expect(page.locator(".editor .said")).to_contain_text("Line 4")
    expect(page.locator(".editor .lines > .bad")).to_have_text("instances: many")
    expect(save).to_be_disabled()
    page.reload()
    expect(page.locator(".editor .said")).to_contain_text("Line 4")  # nothing that was written is lost
    page.get_by_role("button", name="Discard changes").click()
    expect(page.locator(".editor .said")).to_be_empty()


def test_saving_names_its_effect_and_what_it_changes(visit: Visit, site: Site, checker: str) -> None:
    page = visit.page
    page.goto(f"/agents/{checker}")
    page.get_by_label("Definition: front matter").fill(FILE.replace("keywords:", "instances: 3\nkeywords:"))
    expect(page.locator(".side")).to_contain_text("3 instances of it run")
    expect(page.locator(".side ins")).to_have_text("3")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Tasks routed from now on use this")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.locator(".toast")).to_contain_text("is saved")
    assert site.caller().get(f"/api/agents/{checker}")["definition"]["instances"] == 3
    assert visit.grave_findings() == []


def test_an_agent_is_defined_from_the_template_and_removed_again(visit: Visit, site: Site) -> None:
    page = visit.page
    page.goto("/agents")
    page.get_by_role("link", name="New agent").click()
    define = page.get_by_role("button", name="Define agent")
    page.get_by_label("Its name").fill("No Name")
    expect(page.locator("#name-problem")).to_contain_text("a–z")
    expect(define).to_be_disabled()
    page.get_by_label("Its name").fill("page-made")
    define.click()
    page.get_by_role("dialog").get_by_role("button", name="Define page-made").click()
    expect(page).to_have_url(re.compile("/agents/page-made$"))
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove page-made").click()
    expect(page).to_have_url(re.compile("/agents$"))
    assert "page-made" not in [one["agent_id"] for one in agents(site)]


def test_an_agent_that_was_removed_is_missed_by_no_figure(visit: Visit, site: Site) -> None:
    page, caller = visit.page, site.caller()

    def pools() -> list[str]:
        return [pool["pool"] for pool in caller.get("/api/fleet")["pools"] if pool["instances"]]

    page.goto("/")
    answer = caller.call("PUT", "/api/agents/gone-soon", {"markdown": FILE})
    assert answer.status == 200, answer
    until(lambda: "gone-soon" in pools(), 30, "it works")
    hosts = page.locator(".fleet .panel", has_text="Instances by host").locator(".bars .figures")
    count = len(pools())
    caller.call("DELETE", "/api/agents/gone-soon")
    until(lambda: "gone-soon" not in [pool["pool"] for pool in caller.get("/api/fleet")["pools"]], 30, "it is gone")
    whole = caller.get("/api/fleet")["instances"]
    until(lambda: _sums(hosts.all_inner_texts()) == [whole, whole], 30, "no host lacks an instance")
    expect(page.locator(".attention")).not_to_contain_text("gone-soon")
    assert len(pools()) == count - 1


def test_what_a_file_defines_says_why_it_cannot_be_removed_and_its_tasks_tell_waits_and_runs_apart(
    visit: Visit, site: Site
) -> None:
    page = visit.page
    site.ended(site.submit("Review the search module", agent_id="code-reviewer"))
    page.goto("/agents/code-reviewer")
    expect(page.get_by_role("button", name="Remove")).to_be_disabled()
    expect(page.locator("#why-stays")).to_contain_text("is defined by a file")
    expect(page.locator("#why-stays code").first).to_contain_text("headway agents edit")
    expect(page.locator("#why-stays")).not_to_contain_text("`")
    headings = page.get_by_role("table", name="Newest tasks").get_by_role("columnheader")
    expect(headings).to_have_text(["Handed in", "State", "Task", "Waited", "Took", "Cost"])


def test_who_may_only_look_sees_no_prompt_and_no_button(visit: Visit, site: Site) -> None:
    page = visit.page
    visit.let_in(site.token(role="viewer"))
    page.reload()
    page.goto("/agents/code-reviewer")
    expect(page.locator(".panel").first).to_contain_text("Its prompt is told to admins only")
    expect(page.locator("textarea")).to_have_count(0)
    expect(page.get_by_role("button", name="Remove")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/agents$"))
    expect(page.get_by_role("row").filter(has_text="code-writer")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/agents/code-writer$"))


def _sums(shares: list[str]) -> list[int]:
    """Of those like 3/4: all that are there, and all that there should be."""
    return [sum(column) for column in zip(*(map(int, share.split("/")) for share in shares), strict=True)]


def agents(site: Site) -> list[dict[str, Any]]:
    return list(site.caller().get("/api/agents")["agents"])


def test_a_skill_is_defined_changed_and_removed_and_tells_the_model_it_is_given(visit: Visit, site: Site) -> None:
    page = visit.page
    page.goto("/agents?show=skills")
    review = page.get_by_role("row").filter(has=page.get_by_role("link", name="code_review", exact=True))
    expect(review).to_contain_text("claude-opus-5-5")
    expect(review).to_contain_text("code-reviewer")
    assert visit.grave_findings() == []
    page.get_by_role("link", name="New skill").click()
    page.get_by_label("Its name").fill("covenant_check")
    file = page.get_by_label("Definition: front matter")
    file.fill(file.input_value().replace("cost_weight: 0.3", "cost_weight: much"))
    expect(page.locator(".editor .said")).to_contain_text("Line 8")
    file.fill(file.input_value().replace("cost_weight: much", "cost_weight: 1"))
    expect(page.locator(".side")).to_contain_text("quality counts 0.7 and cost 1: the cheaper model")
    page.get_by_role("button", name="Define skill").click()
    page.get_by_role("dialog").get_by_role("button", name="Define covenant_check").click()
    expect(page.locator(".tile").first).to_contain_text("claude-haiku-5-5")
    expect(page.locator(".tile").nth(1)).to_contain_text("nobody")
    assert visit.grave_findings() == []
    page.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove covenant_check").click()
    expect(page).to_have_url(re.compile("/agents.show=skills$"))
    assert "covenant_check" not in [one["skill"] for one in site.caller().get("/api/skills")["skills"]]


def weighs(site: Site, value: float, reason: str = "") -> None:
    """What the line would make of days, until the gateway knows."""
    made = weight("researcher", value, reason=reason)
    producer = kafka.producer(site.settings)
    producer.produce(WEIGHTS, encode("AgentWeight", made), b"researcher")
    assert producer.flush(10) == 0
    until(lambda: site.caller().get("/api/agents/researcher")["now"]["weight"] == made, 20, "the gateway knows")


def test_how_much_an_agent_is_preferred_is_told_with_the_reason(visit: Visit, site: Site) -> None:
    page, reason = visit.page, f"People called 0 answers good and 9 bad {HOSTILE}"
    weighs(site, 0.91, reason)
    page.goto("/agents")
    expect(row(page, "researcher").locator("td[data-label='Weight']")).to_have_text("0.91")
    expect(row(page, "code-reviewer").locator("td[data-label='Weight']")).to_have_text("1.00")
    page.goto("/agents/researcher")
    expect(page.locator(".tile").filter(has_text="Weight")).to_contain_text("1.00 before")
    expect(page.get_by_text(f"Weight: {reason}")).to_be_visible()
    assert page.title() == "researcher · Headway" and visit.grave_findings() == []
    page.goto("/agents/code-reviewer")
    expect(page.locator(".tile").filter(has_text="Weight")).to_contain_text("as much as others")
    weighs(site, 1.0)
