"""Markdown as the page shows it: what comes of it, that nothing hostile does, and that it keeps up with any writer."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

pytestmark = pytest.mark.e2e

SHOWN = """async (texts) => {
  const { markdown } = await import("/markdown.js");
  return texts.map((text) => shown(markdown(text)));
  function shown(element) {
  for (const code of element.querySelectorAll(".code")) code.replaceWith(code.querySelector("pre"));
  for (const pre of element.querySelectorAll("pre")) pre.replaceChildren(pre.textContent);
  for (const one of element.querySelectorAll("*")) {
    const names = one.getAttributeNames();
    for (const name of names) if (!(name === "href" || name === "start")) one.removeAttribute(name);
  }
  return element.innerHTML;
  }
}"""

STREAMED = """async ([text, cuts]) => {
  const { markdown, Streamed } = await import("/markdown.js");
  const html = (element) => {
    for (const pre of element.querySelectorAll("pre")) pre.replaceChildren(pre.textContent);
    for (const one of element.querySelectorAll(".tip, [class='']")) one.classList.remove("tip");
    for (const one of element.querySelectorAll("[class='']")) one.removeAttribute("class");
    return element.innerHTML;
  };
  const streamed = new Streamed(document.createElement("div"));
  let at = 0;
  for (const cut of [...cuts, text.length]) {
    const end = Math.min(text.length, at + cut);
    streamed.add(text.slice(at, end)).paint();
    at = end;
  }
  streamed.add(text.slice(at)).end();
  return [html(streamed.element), html(markdown(text))];
}"""

STRANGERS = """async (text) => {
  const { markdown } = await import("/markdown.js");
  const known = "A BLOCKQUOTE BR BUTTON CODE DEL DIV EM H3 H4 H5 H6 HR LI OL P PRE SPAN STRONG TABLE TD TH TR UL";
  const element = markdown(text);
  const all = [...element.querySelectorAll("*")];
  const links = all.filter((one) => one.tagName === "A");
  return [
    ...all.filter((one) => !known.split(" ").includes(one.tagName)).map((one) => one.tagName),
    ...all.flatMap((one) => one.getAttributeNames()).filter((name) => /^on|^style$|^src$|^id$/.test(name)),
    ...links.filter((one) => !/^(https?|mailto):/.test(one.href)).map((one) => one.href),
    ...links.filter((one) => one.rel !== "noopener noreferrer" || one.target !== "_blank").map((one) => one.outerHTML),
    ...links.filter((one) => one.querySelector("a")).map((one) => one.outerHTML),
  ];
}"""

MARKS = [
    *[
        "# a",
        "b",
        "**",
        "*",
        "_",
        "~~",
        "`",
        "```",
        "```py",
        "~~~",
        "\n",
        "\n\n",
        "- ",
        "  - ",
        "1. ",
        "7) ",
        "> ",
        "\\",
    ],
    *[
        "| a | b |",
        "|---|:-:|",
        "|",
        " ",
        "    ",
        "[x](https://a.b)",
        "![x](https://a.b/c.png)",
        "[",
        "](",
        ")",
        "<",
        ">",
    ],
    *[
        "javascript:alert(1)",
        "<script>",
        "<img src=x onerror=alert(1)>",
        "https://a.b/c_(d)",
        "data:text/html,x",
        "---",
    ],
    *[
        "&amp;",
        "&#106;",
        "\t",
        "- [ ] ",
        "- [x] ",
        "\r\n",
        "é😀",
        "\u202e",
        "[a](javascript:alert`1`)",
        '" onclick="x',
        "[a](//b.c)",
    ],
]
texts = st.lists(st.sampled_from(MARKS) | st.text(max_size=5), max_size=40).map("".join)
thorough = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


READS = {
    "# One\n###### Six ##": "<h3>One</h3><h6>Six</h6>",
    "a *b* **c** ***d***": "<p>a <em>b</em> <strong>c</strong> <em><strong>d</strong></em></p>",
    "a ~~b~~ c_d_e 2 * 3 * 4": "<p>a <del>b</del> c_d_e 2 * 3 * 4</p>",
    "a `b*c*` ``d`e`` \\*f\\*\ng": "<p>a <code>b*c*</code> <code>d`e</code> *f*<br>g</p>",
    "- a\n  - b\n- c": "<ul><li><p>a</p><ul><li><p>b</p></li></ul></li><li><p>c</p></li></ul>",
    "3. a\n   ```\n   b\n     c\n   ```\n4. d": (
        '<ol start="3"><li><p>a</p><pre>b\n  c\n</pre></li><li><p>d</p></li></ol>'
    ),
    "- [x] a": "<ul><li><span>☑</span><p>a</p></li></ul>",
    "> a\nb\n>> c": "<blockquote><p>a<br>b</p><blockquote><p>c</p></blockquote></blockquote>",
    "a\n\n---\n\nb": "<p>a</p><hr><p>b</p>",
    "| a | b |\n|---|--:|\n| 1 | `x\\|y` |\nc": (
        "<div><table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td><code>x|y</code></td></tr></table></div><p>c</p>"
    ),
    "```py\na\n\tb": "<pre>a\n\tb\n</pre>",
    '[a](https://b.c/d_(e) "f").': '<p><a href="https://b.c/d_(e)">a</a>.</p>',
    "see https://b.c/d.": '<p>see <a href="https://b.c/d">https://b.c/d</a>.</p>',
    "<mailto:a@b.c>": '<p><a href="mailto:a@b.c">a@b.c</a></p>',
    "1986. A year": '<ol start="1986"><li><p>A year</p></li></ol>',
    "It was\n1986. A year": "<p>It was<br>1986. A year</p>",
}

HARMLESS = {
    "<script>alert(1)</script>": "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
    "[a](javascript:alert(1))": "<p>[a](javascript:alert(1))</p>",
    "[a](JaVa\tScript:alert(1))": "<p>[a](JaVa    Script:alert(1))</p>",
    "[a](/tasks) [b](data:text/html,c)": "<p>[a](/tasks) [b](data:text/html,c)</p>",
    "![a](https://b.c/d.png)": '<p><a href="https://b.c/d.png">a (image)</a></p>',
    "pay\u202egnp.exe &#x202e;": "<p>pay‹U+202E›gnp.exe ‹U+202E›</p>",
}


def test_markdown_becomes_the_elements_it_stands_for(page: Page) -> None:
    assert dict(zip(READS, page.evaluate(SHOWN, list(READS)), strict=True)) == READS


def test_what_could_do_harm_is_shown_and_does_nothing(page: Page) -> None:
    assert dict(zip(HARMLESS, page.evaluate(SHOWN, list(HARMLESS)), strict=True)) == HARMLESS


@thorough
@given(text=texts)
def test_whatever_is_written_only_harmless_elements_and_links_come_of_it(page: Page, text: str) -> None:
    assert page.evaluate(STRANGERS, text) == []


@thorough
@given(text=texts, cuts=st.lists(st.integers(1, 12), max_size=60))
def test_pieces_of_any_size_come_to_the_same_as_the_whole(page: Page, text: str, cuts: list[int]) -> None:
    # A lone half of a surrogate pair cannot be carried to the browser; what the browser itself cuts can be one.
    streamed, whole = page.evaluate(STREAMED, [text, cuts])
    assert streamed == whole


HOSTILE = {
    "stars": ["*", 1_000_000],
    "emphasis that begins": ["**a ", 250_000],
    "emphasis that ends": ["a* ", 330_000],
    "emphasis both ways": ["*a _b ", 160_000],
    "brackets": ["[", 1_000_000],
    "links that do not end": ["[a](", 250_000],
    "links full of brackets": ["[a](b()", 140_000],
    "addresses in a row": ["<https://", 110_000],
    "quotes in quotes": ["> ", 500_000],
    "lists in lists": ["- ", 500_000],
    "deep lines": [">" * 50 + "a\n", 20_000],
    "bars": ["|", 1_000_000],
    "blanks": [" ", 1_000_000],
    "a fence that does not end": ["```\n" + "a line of code\n" * 1000, 66],
    "one long word": ["h", 1_000_000],
    "overrides": ["\u202e", 300_000],
}

TIMED = """async (texts) => {
  const { markdown } = await import("/markdown.js");
  const took = {};
  const time = (name, text) => {
    const began = performance.now();
    markdown(text);
    took[name] = Math.round(performance.now() - began);
  };
  for (const [name, [unit, times]] of Object.entries(texts)) time(name, unit.repeat(times));
  time("runs of backticks", Array.from({ length: 1400 }, (_, n) => "`".repeat(n) + "a").join(""));
  return took;
}"""


def test_a_megabyte_of_anything_takes_seconds_at_most_and_not_minutes(page: Page) -> None:
    took = page.evaluate(TIMED, HOSTILE)
    assert max(took.values()) < 5_000, json.dumps(took, indent=1)


PACED = """async () => {
  const { Streamed } = await import("/markdown.js");
  const element = document.body.appendChild(document.createElement("div"));
  const streamed = new Streamed(element);
  let paints = 0;
  const paint = streamed.paint.bind(streamed);
  streamed.paint = () => (paints++, paint());
  streamed.add("The *first* paragraph.\\n\\n").paint();
  const first = element.firstChild;
  let touched = 0;
  const watch = new MutationObserver((all) => (touched += all.filter((one) => first.contains(one.target)).length));
  watch.observe(element, { subtree: true, childList: true, characterData: true, attributes: true });
  watch.takeRecords();
  paints = 0;
  const began = performance.now();
  for (let n = 0; performance.now() - began < 1000; n++) {
    streamed.add(`word ${n} `);
    if (n % 20 === 0) await new Promise((done) => setTimeout(done, 1));
  }
  const seconds = (performance.now() - began) / 1000;
  const told = { perSecond: paints / seconds, painted: element.textContent.includes("word 0") };
  streamed.end();
  await Promise.resolve();
  element.remove();
  return { ...told, kept: first === element.firstChild, touched };
}"""


def test_however_fast_it_is_written_it_paints_ten_times_a_second_and_touches_only_the_end(page: Page) -> None:
    told: dict[str, Any] = page.evaluate(PACED)
    assert told["painted"]
    assert told["perSecond"] <= 11
    assert told["kept"]
    # The cursor leaves the first paragraph: one change of its class.
    assert told["touched"] <= 1
