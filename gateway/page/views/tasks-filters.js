/** The filters over the list: choices for what there is little of, chips for what is set. They change the address. */

import { fill, h } from "../dom.js";
import { time, words } from "../format.js";
import { FIELDS, moment, RANGES, STATES } from "./tasks-filter.js";

const TYPING_MS = 250;
const NAMES = { cost_min: "cost from", since: "since", until: "until", parent: "items of", text: "words" };

export class Filters {
  constructor(context, change) {
    this.change = change;
    const choice = (name, label, choices) => {
      const select = h("select", { name, aria: { label }, onchange: () => change({ [name]: select.value || null }) });
      select.label = label;
      this.#options(select, choices);
      return (this.choices[name] = select);
    };
    this.choices = {};
    this.chips = h("div", { class: "chips", aria: { label: "Filters that are set" }, role: "group" });
    const more = h(
      "button",
      { type: "button", class: "more", aria: { expanded: "false" }, onclick: () => this.#more() },
      "More filters",
    );
    this.moreButton = more;
    const fold = { type: "button", class: "fold", aria: { expanded: "false", controls: "task-filters" } };
    this.count = h("span", { class: "chip", hidden: true });
    this.foldButton = h("button", { ...fold, onclick: () => this.#fold() }, "Filters ", this.count);
    const all = h(
      "div",
      { class: "choices", id: "task-filters" },
      choice("state", "Any state", STATES),
      choice("agent", "Any agent", []),
      choice("skill", "Any skill", []),
      choice(
        "priority",
        "Any priority",
        [...Array(10).keys()].map((n) => String(n + 1)),
      ),
      choice("since", "Any time", Object.keys(RANGES)),
      more,
    );
    this.element = h("div", { class: "filters" }, this.foldButton, all, this.chips);
    this.admin = context.me.role === "admin";
    this.#followSearch();
  }

  /** On a narrow screen they are out of the way until they are asked for; tasks.css shows them on others anyway. */
  #fold() {
    const open = this.element.classList.toggle("unfolded");
    this.foldButton.setAttribute("aria-expanded", String(open));
  }

  /** The words are typed into the search of the bar: one place for it, and `/` leads there. */
  #followSearch() {
    this.search = document.getElementById("search-words");
    this.typed = () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.change({ text: this.search.value.trim() || null }), TYPING_MS);
    };
    this.search.addEventListener("input", this.typed);
  }

  close() {
    clearTimeout(this.typing);
    this.search.removeEventListener("input", this.typed);
    this.search.value = "";
    this.form?.remove();
  }

  /** What there is to choose from, when it is known. */
  offer(choices) {
    for (const [name, values] of Object.entries(choices)) this.#options(this.choices[name], values);
    if (this.filter) this.show(this.filter);
  }

  #options(select, values) {
    const now = select.value;
    const said =
      { since: (value) => `Last ${RANGES[value] ?? value}`, priority: (value) => `Priority ${value}` }[select.name] ??
      words;
    fill(
      select,
      h("option", { value: "" }, select.label),
      values.map((value) => h("option", { value }, said(value))),
    );
    select.value = now;
  }

  show(filter) {
    this.filter = filter;
    for (const [name, select] of Object.entries(this.choices)) {
      const value = filter[name] ?? "";
      if (value && ![...select.options].some((option) => option.value === value))
        select.append(
          h("option", { value }, name === "since" ? `Since ${time(moment(value, Date.now() * 1000))}` : words(value)),
        );
      select.value = value;
      select.classList.toggle("set", Boolean(value));
    }
    const active = FIELDS.filter((name) => filter[name]).length;
    this.count.hidden = !active;
    fill(this.count, String(active), h("span", { class: "hidden" }, " active"));
    if (document.activeElement !== this.search) this.search.value = filter.text ?? "";
    const chips = FIELDS.filter((name) => filter[name] && !this.choices[name]);
    fill(
      this.chips,
      chips.map((name) => this.#chip(name, filter[name])),
      this.#clear(filter),
    );
  }

  #chip(name, value) {
    const at = ["since", "until"].includes(name) ? moment(value, Date.now() * 1000) : NaN;
    const shown = Number.isNaN(at) ? (name === "cost_min" ? `$${value}` : value) : time(at);
    const remove = h(
      "button",
      {
        type: "button",
        class: "plain",
        aria: { label: `Without ${NAMES[name] ?? name}` },
        onclick: () => this.change({ [name]: null }),
      },
      "×",
    );
    return h("span", { class: "chip" }, h("span", { class: "chip-text" }, `${NAMES[name] ?? name}: ${shown}`), remove);
  }

  #clear(filter) {
    const any = Object.keys(filter).length > 0;
    const none = Object.fromEntries(FIELDS.map((name) => [name, null]));
    return any && h("button", { type: "button", class: "plain clear", onclick: () => this.change(none) }, "Clear all");
  }

  /** What is filtered by more seldom. */
  #more() {
    if (this.form) {
      this.form.remove();
      this.form = null;
      this.moreButton.setAttribute("aria-expanded", "false");
      return;
    }
    const { filter } = this;
    const fixed = (name) => (filter[name] && !(filter[name] in RANGES) ? moment(filter[name], Date.now() * 1000) : NaN);
    const at = (name) => (Number.isNaN(fixed(name)) ? "" : localOf(fixed(name)));
    const field = (label, name, properties) =>
      h("label", {}, label, h("input", { name, value: filter[name] ?? "", ...properties }));
    const set = (event) => {
      event.preventDefault();
      const given = Object.fromEntries(new FormData(this.form));
      for (const name of ["since", "until"]) {
        if (given[name] === at(name)) given[name] = filter[name] ?? "";
        else if (given[name]) given[name] = new Date(given[name]).toISOString();
      }
      this.change(given);
    };
    this.form = h(
      "form",
      { class: "more-filters", onsubmit: set },
      this.admin && field("Tenant", "tenant", { autocomplete: "off" }),
      field("Session", "session", { autocomplete: "off" }),
      field("Items of task", "parent", { autocomplete: "off", placeholder: "id" }),
      field("Cost from, in dollars", "cost_min", { type: "number", min: 0, step: "any" }),
      field("From", "since", { type: "datetime-local", step: 1, value: at("since") }),
      field("Until", "until", { type: "datetime-local", step: 1, value: at("until") }),
      h("button", { type: "submit" }, "Filter"),
    );
    this.element.append(this.form);
    this.moreButton.setAttribute("aria-expanded", "true");
    this.form.querySelector("input").focus();
  }
}

/** As an input of a local moment takes it. */
function localOf(us) {
  const at = new Date(us / 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
