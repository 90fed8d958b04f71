/** What somebody said, as they wrote it; a long one is folded, for it is the answer that is read. */

import { h } from "../dom.js";

const FOLD_CHARS = 900;
const FOLD_LINES = 14;

export class Said {
  constructor(text = "") {
    this.text = h("div", { class: "said" });
    this.more = h("button", { type: "button", class: "plain", hidden: true, onclick: () => this.#fold() });
    this.elements = [this.text, this.more];
    this.update(text);
  }

  update(text) {
    if (this.text.textContent === text) return;
    this.text.textContent = text;
    this.more.hidden = text.length < FOLD_CHARS && text.split("\n", FOLD_LINES + 1).length <= FOLD_LINES;
    if (!this.more.hidden) this.#fold(true);
  }

  #fold(folded = !this.text.classList.contains("folded")) {
    this.text.classList.toggle("folded", folded);
    this.more.textContent = folded ? "Show all of it" : "Show less";
    this.more.setAttribute("aria-expanded", String(!folded));
  }
}
