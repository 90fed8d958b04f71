"""The report of an experiment: the same verdict and figures in every form, harmless whatever names are in it."""

import json
import re
from dataclasses import asdict, replace
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.reports import experiment
from gateway.reports.experiment import Told, as_html, as_json, as_markdown, as_text
from gateway.reports.findings import conclusion, findings, terms
from tests.support.told import HOSTILE, early, hostile, told

CASES: dict[str, Told] = {
    "winner": told(),
    "several arms": told(9000, ("control", "b", "c", "d"), 0.02, harm=-0.02, seed=3),
    "no difference": told(1500, lift=0.0),
    "control wins": told(lift=-0.06),
    "mixed": told(lift=0.06, harm=0.2),
    "invalid": told(shares=(0.6, 0.4)),
    "guardrail": told(metrics=("success:binary",), guardrails=("response_ms:mean:lower",), lift=0.06, harm=0.3),
    "fixed": told(plan={"mode": "fixed"}),
    "quantile": told(metrics=("response_ms:quantile@0.9:lower",), harm=-0.2),
    "too early": told(80),
    "nothing yet": early(),
    "hostile": hostile(),
}
FORMS = {"text": as_text, "markdown": as_markdown, "html": as_html}
every_case = pytest.mark.parametrize("name", CASES)


def page(name: str) -> ElementTree.Element:
    return ElementTree.fromstring(as_html(CASES[name]).removeprefix("<!DOCTYPE html>\n"))


def words(text: str) -> str:
    """Without line breaks and without what Markdown escapes, so that a sentence is found in any form."""
    return " ".join(re.sub(r"\\(?=[\W_])", "", text).split())


def said(name: str, form: str) -> str:
    return words(" ".join(page(name).itertext()) if form == "html" else FORMS[form](CASES[name]))


@pytest.mark.parametrize("name", [name for name in CASES if name != "hostile"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_opens_with_the_conclusion_and_what_to_do(name: str, form: str) -> None:
    report = said(name, form)
    found = words(conclusion(CASES[name]).text)
    assert found in report
    assert words(CASES[name].next_step) in report
    assert report.index(found) < report.index("The question")


@pytest.mark.parametrize(
    ("name", "verdict", "opening"),
    [
        ("winner", "winner", '"b" (router = rules/2) wins: better than control on success, '),
        ("several arms", "winner", '"d" (router = rules/4) wins: '),
        ("control wins", "winner", 'Keep "control": the other arm is worse: on success, '),
        ("no difference", "no difference shown", "No difference is shown: on success the effect of "),
        ("mixed", "mixed", 'The result is mixed: "b" is better on success and worse on response_ms.'),
        ("guardrail", "winner", 'Keep "control": the other arm is worse on a guardrail.'),
        ("invalid", "invalid", "Read no effect from this experiment: sample ratio mismatch"),
        ("too early", "no difference shown", "It is too early for a verdict. The smallest arm has "),
        ("nothing yet", None, "Nothing can be said yet: control has 12 sessions and b 9"),
    ],
)
def test_the_conclusion_is_the_verdict(name: str, verdict: str | None, opening: str) -> None:
    assert json.loads(as_json(CASES[name]))["verdict"] == verdict
    assert conclusion(CASES[name]).text.startswith(opening)


@every_case
def test_the_json_is_the_report_to_the_last_digit(name: str) -> None:
    found, story = json.loads(as_json(CASES[name])), CASES[name].story
    if story is None:
        assert (found["report"], found["looks"], found["why_none"]) == (None, [], CASES[name].why_none)
        return
    assert found["report"] == json.loads(json.dumps(asdict(story.report)))
    assert found["looks"][-1]["n"] == story.looks[-1].n
    assert len(found["looks"]) == len(story.looks)
    assert found["winner"] == story.report.winner


@every_case
def test_the_json_names_the_units_below_which_an_interval_says_nothing(name: str) -> None:
    found, least = json.loads(as_json(CASES[name])), {}
    for one in findings(CASES[name]):
        least[one.name] = found["units_min"][one.name]
        assert one.few == (min(one.result.n, one.base.n) < least[one.name])
    assert all(units > 0 for units in least.values())


@pytest.mark.parametrize("form", FORMS)
def test_the_numbers_are_those_of_the_report(form: str) -> None:
    report = CASES["winner"].story.report
    control, b = report.metrics["success"]["control"], report.metrics["success"]["b"]
    low, high = b.cs_adjusted
    text = said("winner", form)
    for figure in (
        f"{control.mean:.1%} → {b.mean:.1%}",
        f"+{100 * b.effect:.2f} points",
        f"between +{100 * low:.2f} and +{100 * high:.2f} points",
        f"{control.n:,}",
        f"{report.metrics['response_ms']['b'].mean:,.0f}",
        f"p = {b.p_always_valid_adjusted:.2g}",
        CASES["winner"].data_hash,
    ):
        assert figure in text
    stages = [count for _, count in CASES["winner"].funnel["b"]]
    assert f"{stages[0]:,}" in text
    assert f"{stages[3] / stages[0]:.1%}" in text


@every_case
def test_a_finding_is_certain_exactly_where_the_verdict_saw_it(name: str) -> None:
    for one in findings(CASES[name]):
        assert one.few or (one.tone == "unsure") == (one.p > CASES[name].story.report.alpha)
        if one.tone != "unsure":
            assert (one.tone == "good") == ((one.effect > 0) == one.metric.higher_is_better)


@every_case
def test_a_page_is_well_formed_and_needs_nothing_else(name: str) -> None:
    html = as_html(CASES[name])
    root = page(name)
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert {element.tag for element in root.iter()}.isdisjoint(
        {"script", "link", "img", "iframe", "object", "a", "form"}
    )
    attributes = {key for element in root.iter() for key in element.attrib}
    assert attributes.isdisjoint({"src", "href", "style"}) and not any(key.startswith("on") for key in attributes)
    assert not re.search(r"https?:|url\(|@import|//", html)


@every_case
def test_every_chart_says_what_it_shows_and_has_its_numbers_beside(name: str) -> None:
    for card in page(name).iter("div"):
        if card.get("class") != "card chart":
            continue
        drawing = card.find("svg")
        labelled = drawing.get("aria-labelledby").split()
        assert [drawing.find(tag).get("id") for tag in ("title", "desc")] == labelled
        assert all(drawing.find(tag).text for tag in ("title", "desc"))
        assert card.find("details/div/table/tbody/tr") is not None


@every_case
def test_no_stroke_leaves_its_chart(name: str) -> None:
    for drawing in (element for element in page(name).iter("svg") if element.get("role") == "img"):
        _, _, width, height = map(float, drawing.get("viewBox").split())
        for element in drawing.iter():
            for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", element.get("points") or ""):
                assert -0.1 <= float(x) <= width + 0.1 and -0.1 <= float(y) <= height + 0.1
            if element.tag == "rect":
                assert float(element.get("x")) + float(element.get("width")) <= width + 0.1
                assert float(element.get("width")) >= 0 and float(element.get("height")) >= 0


def test_hostile_names_are_text_in_a_page() -> None:
    html = as_html(CASES["hostile"])
    assert "<script" not in html and "&lt;script&gt;" in html
    assert page("hostile").find("head/title").text.startswith("Experiment </title><script>alert(1)</script>")


def test_hostile_names_do_not_speak_to_a_terminal() -> None:
    text = as_text(CASES["hostile"])
    assert not set(text) & {"\x1b", "\u202e", "\x07", "\r"}
    coloured = re.sub(r"\x1b\[[\d;]*m", "", as_text(CASES["hostile"], colour=True))
    assert [line.rstrip() for line in coloured.splitlines()] == text.splitlines()


def test_hostile_names_are_no_formatting_in_markdown() -> None:
    for line in as_markdown(CASES["hostile"]).splitlines():
        if "alert" in line:
            assert not re.search(r"(?<!\\)[<>`\[\]]", line)
            assert not re.search(r"(?<!\\)&", line)
    tables = [line for line in as_markdown(CASES["hostile"]).splitlines() if line.startswith("| ")]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in tables if "judgement" in line or "unclear" in line}
    assert cells == {9} or cells == {6, 9}


@pytest.mark.parametrize("address", ["https://evil.example/x", "www.evil.example", "mailto:a@evil.example"])
def test_an_address_in_a_text_is_no_link_in_markdown(address: str) -> None:
    assert address not in as_markdown(replace(CASES["winner"], question=f"see {address}"))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60))
def test_any_text_leaves_a_page_well_formed_and_a_report_whole(text: str) -> None:
    shown = replace(CASES["nothing yet"], name=text, question=text, next_step=text, why_none=text, parameter=text)
    ElementTree.fromstring(as_html(shown).removeprefix("<!DOCTYPE html>\n"))
    assert "What happened" in as_markdown(shown) and "What happened" in as_text(shown)
    assert json.loads(as_json(shown))["question"] == text


def test_the_words_of_a_report_are_explained_and_no_others() -> None:
    assert {"arm", "effect", "sequence", "p", "adjusted", "guardrail"} <= set(dict(terms(CASES["winner"])))
    assert "interval" in dict(terms(CASES["fixed"])) and "sequence" not in dict(terms(CASES["fixed"]))
    assert "guardrail" not in dict(terms(told(guardrails=())))
    assert list(terms(CASES["nothing yet"])) == []


def test_a_table_is_never_cut_however_narrow_the_terminal() -> None:
    report = CASES["winner"].story.report
    narrow = as_text(CASES["winner"], width=40)
    assert f"{report.metrics['response_ms']['b'].mean:,.0f}" in narrow
    assert "judgement" in narrow and "…" not in narrow


def test_an_arm_that_hits_a_guardrail_is_named() -> None:
    text = said("guardrail", "text")
    assert '"b" is certainly worse on the guardrail response_ms: stop it.' in text
    assert "worse: stop the arm" in text


def test_where_ranks_disagree_with_the_mean_a_fixed_test_says_so() -> None:
    """One unit of control had a huge value: the mean sees nothing, and the ranks do."""
    shown = CASES["fixed"]
    result = replace(shown.story.report.metrics["response_ms"]["b"], mann_whitney_p=0.001, p=0.4)
    metrics = shown.story.report.metrics | {"response_ms": shown.story.report.metrics["response_ms"] | {"b": result}}
    other = replace(shown, story=replace(shown.story, report=replace(shown.story.report, metrics=metrics)))
    assert "By ranks (Mann-Whitney U, p = 0.001)" in words(as_text(other))
    assert "By ranks" not in words(as_text(shown))


def test_a_report_of_one_look_is_drawn_too() -> None:
    story = CASES["winner"].story
    one = replace(CASES["winner"], story=replace(story, looks=story.looks[-1:]))
    ElementTree.fromstring(as_html(one).removeprefix("<!DOCTYPE html>\n"))
    assert "●" in as_text(one)


def test_a_bound_that_is_not_there_is_null() -> None:
    story = CASES["winner"].story
    result = replace(story.report.metrics["success"]["b"], cs=(float("-inf"), float("inf")))
    metrics = story.report.metrics | {"success": story.report.metrics["success"] | {"b": result}}
    shown = replace(CASES["winner"], story=replace(story, report=replace(story.report, metrics=metrics)))
    assert json.loads(as_json(shown))["report"]["metrics"]["success"]["b"]["cs"] == [None, None]


def test_all_of_it_is_at_hand_from_one_module() -> None:
    assert set(experiment.__all__) == {"Told", "as_html", "as_json", "as_markdown", "as_text", "document_of"}
    assert HOSTILE in CASES["hostile"].name
