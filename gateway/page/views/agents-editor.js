/**
 * An editor for the file of a definition: lines with numbers, problems marked beside them while typing, and nothing
 * lost when somebody leaves before saving. What the text means is told to whoever asked for it.
 */

import { post } from "../api.js";
import { fill, h, paced, say } from "../dom.js";

const STILL_MS = 250; // after the last key, before the text is checked
const KEPT = "headway.";

/**
 * `sort`: what is defined, as the workshop knows it; `nameOf()` gives its name, if it has one. `saved`: the text as the
 * line has it. `oncheck({ definition, problems, text, dirty })` is called after each check.
 * Gives { element, text(), saved(text), discard(), focus(), leave() }.
 */
export function editor({ sort, nameOf, saved, keptAs: name, oncheck }) {
  const keptAs = `${sort.what}.${name}`;
  let stored = saved;
  let typing = 0;
  let asking = null;
  const lines = h("div", { class: "lines", aria: { hidden: "true" } });
  const problem = h("p", { class: "problem said", id: "file-problem", role: "status" });
  const area = h("textarea", {
    name: "markdown",
    spellcheck: "false",
    autocapitalize: "off",
    "aria-label": `Definition: front matter and ${sort.text}, as Markdown`,
    "aria-describedby": "file-problem",
    oninput: typed,
  });
  const unsaved = h("span", { class: "quiet", role: "status" });
  const element = h("div", { class: "editor" }, problem, h("div", { class: "sheet" }, lines, area));
  let found = [];

  const number = paced(() => {
    const marked = new Set(found.map((one) => one.line));
    fill(
      lines,
      area.value.split("\n").map((line, i) => h("div", { class: marked.has(i + 1) ? "bad" : null }, line || "\u200b")),
    );
  });

  function typed() {
    keep();
    number();
    clearTimeout(typing);
    typing = setTimeout(check, STILL_MS);
  }

  function keep() {
    const dirty = area.value !== stored;
    say(unsaved, dirty ? "not saved" : "");
    try {
      if (dirty) sessionStorage.setItem(KEPT + keptAs, area.value);
      else sessionStorage.removeItem(KEPT + keptAs);
    } catch {
      // No room: then it is only here.
    }
  }

  async function check() {
    asking?.abort();
    asking = new AbortController();
    const text = area.value;
    try {
      const id = nameOf();
      const answer = await post(
        `${sort.base}/check`,
        { markdown: text, ...(id && { [sort.key]: id }) },
        { signal: asking.signal },
      );
      tell(answer.problems);
      oncheck({ ...answer, text, dirty: text !== stored });
    } catch (error) {
      if (error.name === "AbortError") return;
      tell([{ line: null, said: error.message }]);
      oncheck({ definition: null, problems: found, text, dirty: text !== stored });
    }
  }

  function tell(problems) {
    found = problems;
    number();
    area.setAttribute("aria-invalid", String(problems.length > 0));
    fill(
      problem,
      problems.map(({ line, said }) =>
        h(
          "span",
          {},
          "✕ ",
          line ? h("button", { type: "button", class: "plain", onclick: () => toLine(line) }, `Line ${line}`) : "",
          line ? ": " : "",
          said,
        ),
      ),
    );
  }

  function toLine(line) {
    const from =
      area.value
        .split("\n")
        .slice(0, line - 1)
        .join("\n").length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(from, from + (area.value.split("\n")[line - 1] ?? "").length);
    lines.children[line - 1]?.scrollIntoView({ block: "center" });
  }

  function show(text) {
    area.value = text;
    number();
    keep();
    check();
  }

  const kept = read(keptAs);
  const restored = kept !== null && kept !== saved;
  show(restored ? kept : saved);
  return {
    element,
    unsaved,
    restored,
    text: () => area.value,
    check,
    discard: () => show(stored),
    saved: (text) => {
      stored = text;
      keep();
      check();
    },
    focus: () => area.focus(),
    leave: () => (clearTimeout(typing), asking?.abort()),
  };
}

function read(name) {
  try {
    return sessionStorage.getItem(KEPT + name);
  } catch {
    return null;
  }
}
