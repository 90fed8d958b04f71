/**
 * A table of the fleet: rows change in place, keep their order while somebody reads them, and are shown a hundred at a
 * time, for nobody reads a thousand.
 */

import { h, keep, say } from "../dom.js";
import { number } from "../format.js";
import { button } from "../ui.js";

const SHOWN = 100;

export class Table {
  /**
   * `columns`: { key, label, num, wide } with `text(row)`, or `make(row)`, which gives an element that has
   * `show(row)`; the first heads its row. A label that begins with a blank is for screen readers only. `keyOf(row)`:
   * what tells rows apart. `what`: what the rows are called. A column may be `false`.
   */
  constructor({ label, what, columns, keyOf }) {
    Object.assign(this, { what, columns: columns.filter(Boolean), keyOf, most: SHOWN, order: [] });
    this.heads = this.columns.map((c) => {
      const name = c.label.startsWith(" ") ? h("span", { class: "hidden" }, c.label.trim()) : c.label;
      return h("th", { scope: "col", class: c.num ? "num" : null }, name);
    });
    this.body = h("tbody");
    this.left = h("span", { class: "quiet", role: "status" });
    const more = () => ((this.most += SHOWN), this.show(this.rows, this.without));
    this.more = h("button", { type: "button", onclick: more }, `Show ${SHOWN} more`);
    this.foot = h("p", { class: "row foot", hidden: true }, this.left, this.more);
    const table = h("table", { class: "cards", aria: { label } }, h("thead", {}, h("tr", {}, this.heads)), this.body);
    this.element = h("div", {}, table, this.foot);
    table.addEventListener("pointerenter", (event) => (this.hovered = event.pointerType === "mouse"));
    table.addEventListener("pointerleave", () => (this.hovered = false));
  }

  /** `without`: keys of columns that say nothing now. */
  show(rows, without = []) {
    this.rows = rows;
    this.without = without;
    const shown = this.#inOrder(rows).slice(0, this.most);
    this.columns.forEach((c, i) => (this.heads[i].hidden = without.includes(c.key)));
    keep(this.body, shown, this.keyOf, (row) => this.#make(row), (element, row) => this.#fill(element, row));
    this.foot.hidden = rows.length <= SHOWN;
    this.more.hidden = rows.length <= this.most;
    say(this.left, `${number(shown.length)} of ${number(rows.length)} ${this.what}`);
  }

  /** The next row, or the one before, has the focus. */
  step(by) {
    const rows = [...this.body.children];
    const at = rows.indexOf(document.activeElement?.closest("tr"));
    rows[at < 0 ? (by > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + by))]?.focus();
  }

  #inOrder(rows) {
    const by = new Map(rows.map((row) => [this.keyOf(row), row]));
    const read = this.hovered || this.body.contains(document.activeElement);
    const same = this.order.length === by.size && this.order.every((key) => by.has(key));
    if (!read || !same) this.order = [...by.keys()];
    return this.order.map((key) => by.get(key));
  }

  #make(row) {
    const cells = this.columns.map((c, i) => {
      const inner = c.make?.(row);
      const properties = { class: [c.key, c.num && "num", c.wide && "wide"].filter(Boolean).join(" ") };
      const cell = i
        ? h("td", { ...properties, data: c.label.startsWith(" ") ? {} : { label: c.label } }, inner)
        : h("th", { scope: "row", ...properties }, inner);
      const said = inner ? null : cell.appendChild(h("span"));
      return Object.assign(cell, { draw: (one) => (said ? say(said, c.text(one)) : inner.show(one)) });
    });
    return Object.assign(h("tr", { tabindex: -1 }, cells), { parts: cells });
  }

  #fill(element, row) {
    element.parts.forEach((cell, i) => {
      const hides = this.without.includes(this.columns[i].key);
      if (cell.hidden !== hides) cell.hidden = hides;
      cell.draw(row);
    });
  }
}

/** An element for a cell, which `show` changes. */
export const cell = (element, show) => Object.assign(element, { show });

/** A name, and what is said of it below. */
export function named(name, about) {
  const below = h("span", { class: "about quiet" });
  return cell(h("div", {}, name, below), (row) => {
    const text = about(row);
    say(below, text);
    below.hidden = !text;
  });
}

/** A figure or word, and what is said of it below. */
export function two(above, below) {
  const first = h("span");
  const second = h("span", { class: "about quiet" });
  return cell(h("div", {}, first, second), (row) => {
    say(first, above(row));
    say(second, below(row));
    second.hidden = !second.textContent;
  });
}

/**
 * Buttons for what `wanted(row)` names, made anew only when that is something else, so that one about to be pressed
 * stays where it is. `subject`: what `work(label)` is done to. Afterwards its row has the focus, if nothing else has.
 */
export function buttons(subject, wanted, work) {
  let drawn = null;
  const element = h("div", { class: "actions" });
  const make = (label) => button(label, () => done(label), { aria: { label: `${label}: ${subject}` } });
  async function done(label) {
    try {
      await work(label);
    } finally {
      if (document.activeElement === document.body) element.closest("tr")?.focus();
    }
  }
  return cell(element, (row) => {
    const labels = wanted(row);
    if (drawn !== labels.join()) element.replaceChildren(...labels.map(make));
    drawn = labels.join();
  });
}
