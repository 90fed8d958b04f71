/** What an agent wrote: as Markdown, or as it is; long ones folded. Never as markup of the page. */

import { fill, h } from "../dom.js";
import { markdown } from "../markdown.js";
import { toClipboard, toast } from "../ui.js";

const KEPT_AS = "headway.output-as";
const LONG = 1400; // characters

/** `lines`: so many are shown while it is folded. */
export function output(text, { lines = 14 } = {}) {
  const box = h("div", { class: "output-text" });
  const long = text.length > LONG || text.split("\n", lines + 2).length > lines + 1;
  const toggle = h("button", { type: "button", class: "plain", onclick: change });
  const unfold = h("button", {
    type: "button",
    class: "plain",
    onclick: () => fold(!box.classList.contains("folded")),
  });
  const copy = async () => (await toClipboard(text)) && toast("Copied.");
  const bar = h(
    "div",
    { class: "output-bar" },
    long && unfold,
    toggle,
    h("button", { type: "button", class: "plain", onclick: copy }, "Copy"),
  );
  const element = h("div", { class: "output" }, box, bar);
  box.style.setProperty("--lines", lines);
  draw(as());
  fold(long);
  return element;

  function change() {
    localStorage.setItem(KEPT_AS, as() === "text" ? "markdown" : "text");
    draw(as());
  }

  function draw(how) {
    fill(box, how === "text" ? h("pre", {}, text) : markdown(text));
    toggle.textContent = how === "text" ? "As Markdown" : "As text";
  }

  function fold(folded) {
    box.classList.toggle("folded", folded);
    unfold.textContent = folded ? `Show all ${text.length.toLocaleString("en")} characters` : "Fold";
    unfold.setAttribute("aria-expanded", String(!folded));
  }
}

const as = () => (localStorage.getItem(KEPT_AS) === "text" ? "text" : "markdown");
