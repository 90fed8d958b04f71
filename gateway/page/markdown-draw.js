/** The blocks of Markdown as elements: each is made once, and filled again while it is being written. */

import { fill, h } from "./dom.js";
import { inline } from "./markdown-inline.js";
import { toClipboard } from "./ui.js";

const CHUNK_LINES = 80; // of code, laid out on their own

/** How each kind of block is made, and filled with what it holds by now. */
export const DRAW = {
  quote: { make: () => h("blockquote") },
  list: { make: ({ ordered, start }) => (ordered ? h("ol", { start: start === 1 ? null : start }) : h("ul")) },
  item: {
    make({ check }) {
      const isDone = check && check !== " ";
      const named = { class: "check", role: "img", aria: { label: isDone ? "done" : "to do" } };
      const mark = check && h("span", named, isDone ? "☑" : "☐");
      return h("li", { class: check ? "checked" : null }, mark);
    },
  },
  paragraph: { make: () => h("p"), fill: written },
  heading: { make: ({ level }) => h(`h${Math.min(6, level + 2)}`, { class: `h${level}` }), fill: written },
  rule: { make: () => h("hr") },
  table: { make: tableOf },
  row: { make: rowOf },
  code: { make: codeOf, fill: codeWritten },
};

function written({ element, text }, isOpen) {
  fill(element, inline(text, { open: isOpen }));
}

function tableOf(node) {
  node.inside = h("table");
  return h("div", { class: "scrolls", tabindex: 0, role: "group", aria: { label: "Table" } }, node.inside);
}

function rowOf({ parent, cells, isHead }, open) {
  const shown = parent.align.map((align, n) =>
    h(isHead ? "th" : "td", { class: align || null, scope: isHead ? "col" : null }, inline(cells[n] ?? "", { open })),
  );
  return h("tr", {}, shown);
}

function codeOf(node) {
  const language = /^[\w.+#-]{1,30}/.exec(node.info)?.[0] ?? "";
  const copy = h("button", { type: "button", class: "plain", onclick: copied }, "Copy");
  async function copied() {
    const done = await toClipboard(node.lines.join("") + node.unfinished);
    copy.textContent = done ? "Copied" : "Not possible here";
    setTimeout(() => (copy.textContent = "Copy"), 2000);
  }
  node.tail = document.createTextNode("");
  node.tip = h("code", {}, node.tail);
  node.chunk = null;
  const label = language ? `Code, ${language}` : "Code";
  return h(
    "div",
    { class: "code" },
    h("div", { class: "about" }, h("span", {}, language || "text"), copy),
    h("pre", { tabindex: 0, role: "group", aria: { label } }, node.tip),
  );
}

/** Lines that are complete are added and not touched again; in chunks, for a browser lays out a whole block anew. */
function codeWritten(node) {
  let lines = "";
  const flush = () => lines && node.chunk.appendData(lines);
  for (; node.drawn < node.lines.length; node.drawn++) {
    if (node.drawn % CHUNK_LINES === 0) {
      flush();
      lines = "";
      node.chunk = document.createTextNode("");
      node.tip.before(h("code", {}, node.chunk));
    }
    lines += node.lines[node.drawn];
  }
  flush();
  if (node.tail.data !== node.unfinished) node.tail.data = node.unfinished;
}
