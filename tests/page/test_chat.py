"""The chat in a browser: an answer as it is written, over reloads and crashes, and what people do with it."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.support.site import Site, Visit, one_context
from tests.support.waiting import until

pytestmark = pytest.mark.e2e

DONE_MS = 30_000


def say(page: Page, text: str) -> Locator:
    """Types and sends it; the turn that comes of it."""
    page.get_by_label("Message", exact=True).fill(text)
    page.keyboard.press("Enter")
    said = page.locator(".said", has_text=text[:40])  # an answer may quote what was said
    return page.locator("article.turn[data-task]", has=said)


def ended(turn: Locator, state: str = "completed") -> None:
    expect(turn).to_have_attribute("data-state", state, timeout=DONE_MS)


def asked(site: Site, text: str) -> int:
    """How often the model was asked this. What was said before may stand before it."""
    return sum(str(request["messages"][-1]["content"]).rstrip("'}]").endswith(text) for request in site.api.requests)


def test_an_answer_is_streamed_and_goes_on_where_it_was_after_a_reload(page: Page, site: Site) -> None:
    page.goto("/chat")
    turn = say(page, "[[slow]] Explain **briefly** what a reload does to an answer that is being written")
    expect(turn.locator(".said")).to_be_visible()
    answer = turn.locator(".answer")
    expect(answer).to_contain_text("Here is the answer", timeout=DONE_MS)
    before = answer.inner_text()
    page.reload()
    expect(answer).to_contain_text(before)
    expect(turn).to_have_attribute("data-state", "open")
    ended(turn)
    expect(answer.locator("strong")).to_have_text("briefly")
    expect(answer).to_have_text(re.compile(r"^Here is the answer .* being written$"))
    assert asked(site, "an answer that is being written") == 1
    turn.locator(".steps summary").click()
    for step in ("Analysed", "Skill", "Model", "Agent", "Writing"):
        expect(turn.locator(".steps li", has_text=step).first).to_have_attribute("data-state", "done")
    expect(turn.locator(".figures")).to_contain_text("tokens")


def test_in_mid_answer_the_steps_name_the_model_that_was_asked_and_go_on_doing_so(page: Page, site: Site) -> None:
    page.goto("/chat")
    text = "[[slow]] Review this function for mistakes, and say which model looks at it: def f(x): return x"
    turn = say(page, text)
    turn.locator(".steps summary").click()
    expect(turn.locator(".answer")).to_contain_text("Here is", timeout=DONE_MS)
    model = next(one["model"] for one in site.api.requests if text in str(one["messages"][-1]["content"]))
    step = turn.locator(".steps li", has_text="Model")
    expect(step.locator(".what")).to_contain_text(model)
    expect(step.locator(".why")).not_to_be_empty()
    names = turn.locator(".steps li .name")
    expect(names).to_have_text(["Analysed", "Skill", "Model", "Agent", "Writing"])
    expect(turn.locator(".steps li", has_text="Analysed").locator(".what")).to_contain_text("complexity")
    page.reload()
    turn.locator(".steps summary").click()
    expect(turn).to_have_attribute("data-state", "open")
    expect(step.locator(".what")).to_contain_text(model)
    ended(turn)
    expect(step.locator(".what")).to_contain_text(model)
    page.goto(f"/tasks/{turn.get_attribute('data-task')}")
    expect(page.locator(".way dt")).to_have_text(["Analysed", "Skill", "Model"])
    expect(page.locator(".way")).to_contain_text(model)


def test_models_of_skills_can_be_asked_for(page: Page, site: Site) -> None:
    named = {model for skill in site.caller().get("/api/skills")["skills"] for model in skill["preferred"]}
    page.goto("/chat")
    for model in sorted(named):
        expect(page.get_by_label("Model", exact=True).locator(f"option[value='{model}']")).to_have_count(1)


def test_five_tabs_of_a_conversation_are_no_more_than_a_person_may_have_by_default(
    visit: Visit, context: BrowserContext, site: Site
) -> None:
    visit.page.goto("/chat")
    ended(say(visit.page, "Say something that five tabs show"))
    tabs = [Visit(context.new_page(), site) for _ in range(4)]
    for tab in tabs:
        tab.page.goto(visit.page.url)
        expect(tab.page.locator("article.turn[data-task]")).to_have_count(1)
        expect(tab.page.locator("#lamp")).to_have_attribute("data-state", "live")
    for tab in tabs:
        assert tab.complaints == []
        tab.page.close()


def test_a_tab_too_many_says_what_to_do_where_one_looks_and_goes_on_when_there_is_room(
    browser: Browser, site: Site
) -> None:
    token = site.token()
    with one_context(browser, site) as context:
        visit = Visit(context.new_page(), site)
        visit.let_in(token)
        visit.page.goto("/chat")
        ended(say(visit.page, "Say something that few tabs show"))
        second, third = (Visit(context.new_page(), site) for _ in range(2))
        second.page.goto(visit.page.url)
        expect(second.page.locator("article.turn[data-task]")).to_have_count(1)
        third.page.goto(visit.page.url)
        blank = third.page.locator(".talk .welcome")
        expect(blank).to_contain_text("close a tab, or have gateway_connections_user_max raised")
        assert third.grave_findings() == []
        second.page.close()
        third.page.locator(".talk").get_by_role("button", name="Try again").first.click()
        expect(third.page.locator("article.turn[data-task]")).to_have_count(1)
        expect(blank).to_be_hidden()


def test_a_conversation_that_there_is_not_says_so_as_other_views_do(page: Page) -> None:
    page.goto("/chat/nosuch")
    expect(page.locator(".talk")).to_contain_text("There is no conversation nosuch.")
    expect(page.get_by_label("Message", exact=True)).to_be_hidden()
    page.get_by_role("link", name="All conversations").click()
    expect(page.get_by_label("Message", exact=True)).to_be_visible()


def test_stop_keeps_what_was_written_and_the_same_can_be_asked_again(page: Page) -> None:
    page.goto("/chat")
    turn = say(page, "[[slow]] Write something long, of which only the beginning is of use" + 40 * " to anybody")
    expect(turn.locator(".answer")).to_contain_text("Here is", timeout=DONE_MS)
    page.get_by_role("button", name="Stop the answer").click()
    ended(turn, "cancelled")
    expect(turn.locator(".answer")).to_contain_text("Here is")
    expect(turn.locator(".note")).to_have_text("Stopped here.")
    expect(turn.get_by_role("button", name="A good answer")).to_be_hidden()  # there is none
    turn.get_by_role("button", name="Ask the same again").click()
    expect(page.locator("article.turn[data-task]")).to_have_count(2)
    page.get_by_role("button", name="Stop the answer").click()
    ended(page.locator("article.turn[data-task]").nth(1), "cancelled")


def test_each_of_two_open_answers_has_its_own_stop_and_the_stop_of_all_says_so(page: Page) -> None:
    page.goto("/chat")
    turns = page.locator("article.turn[data-task]")
    for n in range(2):
        say(page, f"[[slow]] Write a long story number {n}" + 40 * " for somebody")
        expect(turns).to_have_count(n + 1)
    expect(page.get_by_role("button", name="Stop all 2 answers")).to_be_visible()
    turns.nth(0).get_by_role("button", name="Stop", exact=True).click()
    ended(turns.nth(0), "cancelled")
    expect(turns.nth(1)).to_have_attribute("data-state", "open")
    page.get_by_role("button", name="Stop the answer").click()
    ended(turns.nth(1), "cancelled")


def test_another_tab_shows_the_same_and_hears_what_people_think_of_it(
    visit: Visit, context: BrowserContext, site: Site
) -> None:
    page = visit.page
    page.goto("/chat")
    turn = say(page, "Review this <img src=x onerror=alert(1)>, please")
    expect(turn).to_be_visible()
    other = Visit(context.new_page(), site)
    other.page.goto(page.url)
    theirs = other.page.locator("article.turn[data-task]")
    ended(theirs)
    expect(theirs.locator(".answer")).to_contain_text("<img src=x onerror=alert(1)>")
    ended(turn)
    turn.get_by_role("button", name="Not a good answer").click()
    turn.get_by_label("Why?").fill("<b>too short</b>")
    page.keyboard.press("Enter")
    expect(theirs.locator(".told")).to_contain_text("<b>too short</b>")
    expect(theirs.get_by_role("button", name="Not a good answer")).to_have_attribute("aria-pressed", "true")
    other.page.reload()
    expect(theirs.locator(".told")).to_contain_text("<b>too short</b>")
    assert other.complaints == []


def test_nothing_that_was_typed_or_sent_is_lost_when_the_gateway_dies(visit: Visit, site: Site) -> None:
    visit.is_cut_off()
    page = visit.page
    page.goto("/chat")
    first = say(page, "[[slow]] This answer is written while the gateway is killed, and comes once all the same")
    expect(first.locator(".answer")).to_contain_text("Here is", timeout=DONE_MS)
    with site.no_gateway():
        expect(page.locator(".room .lost")).to_be_visible()
        second = say(page, "This was said while there was no gateway")
        page.get_by_label("Message", exact=True).fill("a draft")
    ended(first)
    expect(first.locator(".answer")).to_have_text(re.compile(r"^Here is the answer .* all the same$"))
    ended(second)
    expect(page.locator("article.turn")).to_have_count(2)
    expect(page.locator(".room .lost")).to_be_hidden()
    page.reload()
    expect(page.locator("article.turn[data-task]")).to_have_count(2)
    expect(page.get_by_label("Message", exact=True)).to_have_value("a draft")
    assert asked(site, "and comes once all the same") == 1
    assert asked(site, "while there was no gateway") == 1


def test_what_is_refused_says_why_and_can_be_changed(page: Page) -> None:
    page.goto("/chat")
    page.get_by_label("Message", exact=True).fill("é" * 40_000)
    page.keyboard.press("Enter")
    refused = page.locator(".pending .refused")
    expect(refused).to_contain_text("too long to be sent: 79 KB, and at most 64 KB go")
    refused.get_by_role("button", name="Change it").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("é" * 40_000)
    expect(refused).to_have_count(0)
    turn = say(page, "[[401]] The model refuses this")
    ended(turn, "failed")
    expect(turn.locator(".note")).to_contain_text("There is no answer")
    expect(turn.get_by_role("button", name="Try again")).to_be_visible()


def test_a_first_message_that_is_taken_back_leaves_the_room_that_it_began(page: Page) -> None:
    page.goto("/chat")
    message = page.get_by_label("Message", exact=True)
    message.fill("é" * 40_000)
    page.keyboard.press("Enter")
    page.locator(".pending .refused").get_by_role("button", name="Change it").click()
    message.fill("Something shorter")
    told: list[str | bytes] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: told.append(frame)))
    page.reload()
    until(lambda: page.evaluate("1") and any('"conversation"' in str(frame) for frame in told), 15, "it is told")
    expect(message).to_have_value("Something shorter")
    expect(message).to_be_visible()
    message.press("Enter")
    ended(page.locator("article.turn[data-task]"))


def test_a_conversation_is_found_again_among_conversations_alone_and_taken_along(
    page: Page, site: Site, tmp_path: Path
) -> None:
    site.submit("A walrus that a program hands in", session_id="nightly")
    page.goto("/chat")
    page.get_by_label("Agent", exact=True).select_option("doc-writer")
    ended(say(page, "A **walrus** of a title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx = 1\n```"))
    address = page.url
    page.get_by_role("link", name="New conversation").click()
    expect(page.get_by_label("Agent", exact=True)).to_have_value("")
    page.get_by_label("Search titles of conversations").fill("walrus")
    expect(page.locator(".conversations .items a")).to_have_count(1)
    page.locator(".conversations .items a").click()
    expect(page).to_have_url(re.compile(re.escape(address)))
    expect(page.get_by_label("Agent", exact=True)).to_have_value("doc-writer")
    page.locator(".export summary").click()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Markdown").click()
    saved.value.save_as(tmp_path / "talk.md")
    assert "A **walrus** of a title" in (tmp_path / "talk.md").read_text()


def test_on_a_phone_the_list_folds_the_composer_is_reachable_and_nobody_is_kept_out(visit: Visit) -> None:
    page = visit.page
    page.set_viewport_size({"width": 390, "height": 700})
    page.goto("/chat")
    ended(say(page, "A table for a phone:\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\n" + "long line " * 30 + "\n```"))
    expect(page.get_by_label("Message", exact=True)).to_be_in_viewport()
    expect(page.locator(".conversations")).not_to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".steps summary").click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert visit.grave_findings() == []
    page.get_by_role("button", name="Conversations").click()
    expect(page.locator(".conversations")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.locator(".conversations")).not_to_be_in_viewport()


def test_a_reader_who_is_further_up_is_left_there_and_told_of_what_is_new(page: Page) -> None:
    page.set_viewport_size({"width": 1024, "height": 500})
    page.goto("/chat")
    ended(say(page, "Many lines:\n\n" + "\n\n".join(f"line {n}" for n in range(40))))
    box = page.get_by_role("region", name="Messages")
    expect(page.locator(".answer p").last).to_be_in_viewport()
    turn = say(page, "[[slow]] And some more of them, slowly, so that somebody can go up while it is written")
    expect(turn.locator(".answer")).to_contain_text("Here is", timeout=DONE_MS)
    box.evaluate("(box) => { box.scrollTop = 100; }")
    expect(page.locator(".below")).to_be_visible(timeout=DONE_MS)
    assert abs(box.evaluate("(box) => box.scrollTop") - 100) < 2
    page.locator(".below").click()
    expect(turn.locator(".answer")).to_be_in_viewport()
    expect(page.locator(".below")).to_be_hidden()
