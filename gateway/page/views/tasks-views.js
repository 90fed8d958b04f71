/** Views of the list that have a name: three for everybody, and those that this browser keeps. */

import { fill, h } from "../dom.js";
import { filterOf, sameFilter } from "./tasks-filter.js";

const KEPT_AS = "headway.task-views";
const GIVEN = [
  ["All", {}],
  ["Open", { state: "open" }],
  ["Went wrong", { state: "went_wrong" }],
];
const MOST = 20;

/** What another program may have put there is none of ours. */
function kept() {
  try {
    const found = JSON.parse(localStorage.getItem(KEPT_AS) ?? "[]");
    return found
      .filter(([name, filter]) => typeof name === "string" && filter && typeof filter === "object")
      .slice(0, MOST);
  } catch {
    return [];
  }
}

export class Views {
  constructor(context) {
    this.context = context;
    this.element = h("nav", { class: "views", aria: { label: "Views of tasks" } });
  }

  show(filter = this.filter) {
    this.filter = filter;
    const own = kept();
    const isOne = [...GIVEN, ...own].some(([, one]) => sameFilter(one, filter));
    fill(
      this.element,
      GIVEN.map(([name, one]) => this.#link(name, one)),
      own.map(([name, one]) => h("span", { class: "own" }, this.#link(name, one), this.#remove(name))),
      !isOne && h("button", { type: "button", class: "plain save", onclick: () => this.#ask() }, "Save view"),
    );
  }

  #link(name, filter) {
    const query = new URLSearchParams(filterOf(filter));
    const current = sameFilter(filter, this.filter) ? "page" : undefined;
    return h("a", { href: `/tasks${query.size ? `?${query}` : ""}`, "aria-current": current }, name);
  }

  #remove(name) {
    const remove = () => this.#keep(kept().filter(([one]) => one !== name));
    return h(
      "button",
      { type: "button", class: "plain", aria: { label: `Remove the view ${name}` }, onclick: remove },
      "×",
    );
  }

  /** The name is typed where the button was. */
  #ask() {
    const input = h("input", {
      aria: { label: "Name of the view" },
      placeholder: "Name, then Enter",
      maxlength: 40,
      onblur: () => this.show(),
    });
    const save = (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name) this.#keep([...kept().filter(([one]) => one !== name), [name, this.filter]]);
    };
    this.element.lastChild.replaceWith(h("form", { class: "naming", onsubmit: save }, input));
    input.focus();
  }

  #keep(views) {
    localStorage.setItem(KEPT_AS, JSON.stringify(views.slice(-MOST)));
    this.show();
  }
}
