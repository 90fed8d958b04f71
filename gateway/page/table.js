/**
 * A table of which only what is seen is in the document, so that 100,000 rows scroll like 40.
 *
 * Rows have one height and lie absolutely in a body as tall as all of them; an element belongs to its row's key as long
 * as that is seen, so it moves with the row and its text is changed in place. The table itself has the focus and names
 * the row it points at (`aria-activedescendant`): a row may leave the document, the focus may not.
 */

import { h } from "./dom.js";

const BEYOND = 12; // rows above and below what is seen, so that a quick scroll does not show white
const NEAR_END = 60; // so many rows before the end more are asked for
const NARROW = 620; // below it a row is a card of three lines [px]
const HEIGHT = { table: 34, cards: 84 };
const STILL_MS = 700; // after it, a reader who scrolled is taken to read

export class VirtualTable {
  /**
   * `columns`: { key, label, num, text(row), title(row), draw(cell, row), sign(row) }: either `text`, or `draw` with a
   * `sign` that changes when it must be drawn anew. `key(row)`, `name(row)`: what a screen reader calls it. `on`:
   * open(row), pick(keys), end(), hold(is): whether the reader is at it, so that nothing may move. `over`: an element
   * that comes to lie over rows; who points at it is still at them.
   */
  constructor({ label, columns, key, name, href, on, over }) {
    Object.assign(this, { columns, keyOf: key, nameOf: name, hrefOf: href, on, over });
    this.rows = [];
    this.more = false; // whether there are rows beyond the last
    this.pointed = null; // key of the row the keys point at
    this.current = null; // key of the row that is open
    this.picked = new Set();
    this.shown = new Map(); // by key: the elements that are in the document
    this.spare = [];
    this.hovered = this.scrolled = false;
    this.#build(label);
  }

  #build(label) {
    this.all = h("input", {
      type: "checkbox",
      tabindex: -1,
      aria: { label: "Select all rows" },
      onchange: () => this.#pickAll(),
    });
    const heads = this.columns.map((c) =>
      h("div", { role: "columnheader", class: `cell ${c.key}${c.num ? " num" : ""}` }, c.label),
    );
    this.head = h(
      "div",
      { role: "rowgroup", class: "vt-head" },
      h(
        "div",
        { role: "row", class: "vt-row", "aria-rowindex": 1 },
        h("div", { role: "columnheader", class: "cell pick" }, this.all),
        heads,
      ),
    );
    this.body = h("div", { role: "rowgroup", class: "vt-body" });
    this.element = h(
      "div",
      {
        role: "grid",
        class: "vt",
        tabindex: 0,
        aria: { label, multiselectable: "true" },
        onscroll: () => this.#scrolls(),
      },
      this.head,
      this.body,
    );
    this.body.addEventListener("click", (event) => this.#click(event));
    const points = (event) => event.pointerType === "mouse" && this.#holds({ hovered: true });
    const leaves = ({ relatedTarget: to }) =>
      this.#holds({ hovered: Boolean(to) && (this.body.contains(to) || this.over.contains(to)) });
    for (const element of [this.body, this.over]) {
      element.addEventListener("pointerenter", points);
      element.addEventListener("pointerleave", leaves);
    }
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.watch = new ResizeObserver(() => this.#resize());
    this.watch.observe(this.element);
  }

  close() {
    this.watch.disconnect();
    clearTimeout(this.still);
    clearTimeout(this.ordering);
  }

  get rowHeight() {
    return HEIGHT[this.element.dataset.shape ?? "table"];
  }

  get held() {
    return this.hovered || this.scrolled;
  }

  get atTop() {
    return this.element.scrollTop < 4;
  }

  /** `added`: rows that came in at the top since; they slide in when the reader is there, and push nothing when not. */
  show(rows, { more = this.more, added = 0 } = {}) {
    this.rows = rows;
    this.more = more;
    if (added && !this.atTop) this.element.scrollTop += added * this.rowHeight;
    this.draw();
    if (added && this.atTop && added < 40 && !matchMedia("(prefers-reduced-motion: reduce)").matches)
      this.body.animate(
        [{ transform: `translateY(${-Math.min(added, 3) * this.rowHeight}px)` }, { transform: "none" }],
        140,
      );
  }

  draw() {
    const { rows, rowHeight, element } = this;
    const top = element.scrollTop;
    const room = element.clientHeight || 600;
    const first = Math.max(0, Math.floor(top / rowHeight) - BEYOND);
    const last = Math.min(rows.length, Math.ceil((top + room) / rowHeight) + BEYOND);
    const height = `${rows.length * rowHeight}px`;
    if (this.body.style.height !== height) this.body.style.height = height;
    element.setAttribute("aria-rowcount", this.more ? -1 : rows.length + 1);
    const wanted = new Map();
    for (let i = first; i < last; i++) wanted.set(this.keyOf(rows[i]), i);
    for (const [key, one] of this.shown) {
      if (wanted.has(key)) continue;
      this.shown.delete(key);
      this.spare.push(one);
    }
    for (const [key, i] of wanted) this.#place(key, i);
    while (this.spare.length > 24) this.spare.pop().element.remove();
    for (const one of this.spare) if (!one.element.hidden) one.element.hidden = true;
    this.#tellPointed();
    this.ordering ??= setTimeout(() => this.#inOrder(), STILL_MS);
    this.all.indeterminate = this.picked.size > 0 && this.picked.size < rows.length;
    this.all.checked = this.picked.size > 0 && this.picked.size >= rows.length;
    if (this.more && last >= rows.length - NEAR_END) this.on.end();
  }

  /** A moment later the elements stand in the document as the rows do: a screen reader reads them so. */
  #inOrder() {
    this.ordering = undefined;
    let next = this.body.firstElementChild;
    for (const { element } of [...this.shown.values()].sort((a, b) => a.at - b.at)) {
      if (element === next) next = next.nextElementSibling;
      else if (!element.contains(document.activeElement)) this.body.insertBefore(element, next);
    }
  }

  #place(key, i) {
    let one = this.shown.get(key);
    if (!one) {
      one = this.spare.pop() ?? this.#make();
      this.shown.set(key, one);
      one.key = key;
      one.element.hidden = false;
      one.element.id = `row-${key}`;
    }
    if (one.at !== i || one.height !== this.rowHeight) {
      one.element.style.transform = `translateY(${i * this.rowHeight}px)`;
      one.element.setAttribute("aria-rowindex", i + 2);
      one.at = i;
      one.height = this.rowHeight;
    }
    this.#fill(one, this.rows[i]);
  }

  #make() {
    const check = h("input", { type: "checkbox", tabindex: -1, "aria-label": "Select" });
    const cells = this.columns.map((c) => h("div", { role: "gridcell", class: `cell ${c.key}${c.num ? " num" : ""}` }));
    const element = h(
      "div",
      { role: "row", class: "vt-row" },
      h("div", { role: "gridcell", class: "cell pick" }, check),
      cells,
    );
    this.body.append(element);
    return { element, check, cells, signs: [], flags: "" };
  }

  #fill(one, row) {
    for (let c = 0; c < this.columns.length; c++) {
      const column = this.columns[c];
      const sign = column.text ? column.text(row) : column.sign(row);
      if (one.signs[c] === sign) continue;
      one.signs[c] = sign;
      if (column.draw) column.draw(one.cells[c], row);
      else one.cells[c].textContent = sign;
      if (column.title) one.cells[c].title = column.title(row) ?? "";
    }
    const picked = this.picked.has(one.key);
    const name = this.nameOf(row);
    const { key } = one;
    const flags = [key, picked, key === this.pointed, key === this.current, row.left ?? "", name].join(" ");
    if (one.flags === flags) return;
    one.flags = flags;
    one.check.checked = picked;
    one.check.setAttribute("aria-label", `Select ${name}`);
    const { element } = one;
    element.setAttribute("aria-selected", picked || one.key === this.current);
    element.classList.toggle("picked", picked);
    element.classList.toggle("pointed", one.key === this.pointed);
    element.classList.toggle("current", one.key === this.current);
    element.classList.toggle("left", Boolean(row.left));
  }

  // --- pointing and picking

  indexOf(key) {
    const known = this.shown.get(key);
    if (known && known.at < this.rows.length && this.keyOf(this.rows[known.at]) === key) return known.at;
    return key === null ? -1 : this.rows.findIndex((row) => this.keyOf(row) === key);
  }

  /** Points at the next row (1) or the one before (-1); the first one when it pointed at none. */
  move(by) {
    const from = this.indexOf(this.pointed ?? this.current);
    const to = Math.max(0, Math.min(this.rows.length - 1, from < 0 ? by - 1 : from + by));
    if (!this.rows.length) return;
    this.pointed = this.keyOf(this.rows[to]);
    this.reveal(to);
  }

  reveal(i) {
    const { element, rowHeight } = this;
    const head = this.head.offsetHeight;
    const top = i * rowHeight;
    if (top < element.scrollTop) element.scrollTop = top;
    else if (top + rowHeight + head > element.scrollTop + element.clientHeight)
      element.scrollTop = top + rowHeight + head - element.clientHeight;
    this.draw();
  }

  get pointedRow() {
    const i = this.indexOf(this.pointed);
    return i < 0 ? null : this.rows[i];
  }

  pick(key, picked, { upTo = false } = {}) {
    const from = upTo && this.lastPicked ? this.indexOf(this.lastPicked) : -1;
    const to = this.indexOf(key);
    const keys = from < 0 ? [key] : this.rows.slice(Math.min(from, to), Math.max(from, to) + 1).map(this.keyOf);
    for (const one of keys) picked ? this.picked.add(one) : this.picked.delete(one);
    this.lastPicked = key;
    this.draw();
    this.on.pick(this.picked);
  }

  unpick() {
    this.picked.clear();
    this.draw();
    this.on.pick(this.picked);
  }

  #pickAll() {
    const all = this.picked.size < this.rows.length;
    this.picked = new Set(all ? this.rows.map(this.keyOf) : []);
    this.draw();
    this.on.pick(this.picked);
  }

  #tellPointed() {
    const one = this.shown.get(this.pointed);
    if (one) this.element.setAttribute("aria-activedescendant", one.element.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  #click(event) {
    const element = event.target.closest(".vt-row");
    const one = [...this.shown.values()].find((known) => known.element === element);
    if (!one) return;
    if (event.target.closest(".pick")) {
      const picked = event.target === one.check ? one.check.checked : !this.picked.has(one.key);
      this.pick(one.key, picked, { upTo: event.shiftKey });
      return;
    }
    const ownWay = event.ctrlKey || event.metaKey || event.shiftKey || event.button;
    if (ownWay || getSelection().toString()) return;
    event.preventDefault();
    this.pointed = one.key;
    this.on.open(this.rows[one.at]);
  }

  #key(event) {
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.rowHeight) - 2);
    const by = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: page,
      PageUp: -page,
      Home: -this.rows.length,
      End: this.rows.length,
    }[event.key];
    if (by === undefined && event.key !== " ") return;
    event.preventDefault();
    if (by !== undefined) this.move(by);
    else if (this.pointed) this.pick(this.pointed, !this.picked.has(this.pointed));
  }

  // --- the reader

  #scrolls() {
    this.asked ??= requestAnimationFrame(() => {
      this.asked = undefined;
      this.draw();
    });
    clearTimeout(this.still);
    this.#holds({ scrolled: true });
    if (this.atTop) this.still = setTimeout(() => this.#holds({ scrolled: !this.atTop }), STILL_MS);
  }

  #holds(change) {
    const before = this.held;
    Object.assign(this, change);
    if (this.held !== before) this.on.hold(this.held);
  }

  #resize() {
    const shape = this.element.clientWidth < NARROW ? "cards" : "table";
    const before = this.element.dataset.shape;
    if (before !== shape) {
      const at = this.element.scrollTop / this.rowHeight;
      this.element.dataset.shape = shape;
      if (before) this.element.scrollTop = at * this.rowHeight;
    }
    this.draw();
  }
}
