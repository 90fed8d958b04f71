/** The conversations, newest first, by day; with a search among their titles. */

import { get, query } from "../api.js";
import { fill, h, keep, say, set } from "../dom.js";
import { fullTime, time } from "../format.js";
import { failure } from "../ui.js";
import { icon } from "./chat-icons.js";
import { plain } from "./chat-story.js";

const EVERY_MS = 15_000; // asked anew, while somebody looks
const PAGE = 60;

export class ChatList {
  /** `onfind(words)`: the search changed. */
  constructor({ onfind }) {
    this.rows = new Map();
    this.next = null;
    this.current = null;
    this.words = "";
    this.find = h("input", {
      type: "search",
      placeholder: "Search titles",
      "aria-label": "Search titles of conversations",
      autocomplete: "off",
      oninput: () => onfind(this.find.value),
    });
    this.items = h("ul", { class: "items" });
    this.note = h("p", { class: "quiet", role: "status" });
    const more = { type: "button", class: "plain", hidden: true, onclick: () => this.#more() };
    this.older = h("button", more, "Older ones");
    this.problem = h("div", {});
    this.element = h(
      "nav",
      { class: "conversations", "aria-label": "Conversations" },
      h("div", { class: "top" }, h("a", { class: "new", href: "/chat" }, icon("add"), "New conversation"), this.find),
      h("div", { class: "scroller" }, this.items, this.note, this.problem, this.older),
    );
    this.timer = setInterval(() => document.hidden || this.load(), EVERY_MS);
  }

  close() {
    clearInterval(this.timer);
  }

  async load() {
    try {
      const told = await get(`/api/conversations${query({ limit: PAGE })}`);
      for (const row of told.conversations) this.rows.set(row.conversation_id, row);
      if (!this.isLoaded) this.next = told.next;
      this.isLoaded = true;
      this.problem.replaceChildren();
    } catch (error) {
      const again = () => this.load();
      if (!this.isLoaded) fill(this.problem, failure("The conversations cannot be shown.", error, again));
    }
    this.draw();
  }

  async #more() {
    this.older.disabled = true;
    try {
      const told = await get(`/api/conversations${query({ limit: PAGE, cursor: this.next })}`);
      for (const row of told.conversations) this.rows.set(row.conversation_id, row);
      this.next = told.next;
    } catch (error) {
      say(this.note, error.message);
    }
    this.older.disabled = false;
    this.draw();
  }

  /** What this tab knows earlier than the list: something was said, or answered. */
  touch(row) {
    if (!this.rows.has(row.conversation_id) && !row.title) return;
    this.rows.set(row.conversation_id, { ...this.rows.get(row.conversation_id), ...row });
    this.draw();
  }

  show({ current, words = "" }) {
    this.current = current;
    this.words = words.trim().toLowerCase();
    if (this.find.value.trim().toLowerCase() !== this.words) this.find.value = words;
    this.draw();
  }

  draw() {
    const all = [...this.rows.values()].sort((a, b) => b.newest_at - a.newest_at);
    const found = this.words ? all.filter((row) => row.title.toLowerCase().includes(this.words)) : all;
    keep(this.items, withDays(found), (item) => item.key, make, (element, item) => this.#update(element, item));
    this.older.hidden = !this.next;
    const none = this.words ? `No title among ${all.length} has “${this.words}”.` : "No conversations yet.";
    say(this.note, this.isLoaded && !found.length ? none : "");
  }

  #update(element, { row, day }) {
    if (day) return say(element.firstChild, day);
    const link = element.firstChild;
    say(link.firstChild, plain(row.title) || "(without words)");
    say(link.lastChild, row.open ? "answering" : time(row.newest_at).slice(0, -3));
    link.title = `${row.title}\n${fullTime(row.newest_at)}`;
    link.classList.toggle("open", Boolean(row.open));
    if (row.conversation_id === this.current) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }

  /** Moves the focus among the conversations. */
  step(by) {
    const links = [...this.items.querySelectorAll("a")];
    const focused = links.indexOf(document.activeElement);
    const at = focused >= 0 ? focused : links.findIndex((one) => one.hasAttribute("aria-current"));
    links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
  }
}

function make({ row, day }) {
  if (day) return h("li", { class: "day" }, h("h2", {}));
  const link = h("a", {}, h("span", { class: "title" }), h("span", { class: "when" }));
  set(link, { href: `/chat/${encodeURIComponent(row.conversation_id)}` });
  return h("li", {}, link);
}

function* withDays(rows) {
  let last = null;
  for (const row of rows) {
    const day = dayOf(row.newest_at);
    if (day !== last) yield { key: `day ${day}`, day };
    last = day;
    yield { key: row.conversation_id, row };
  }
}

function dayOf(us) {
  const start = new Date();
  start.setHours(0, 0, 0, 0);
  const days = Math.ceil((start.getTime() - us / 1000) / 86_400_000);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  return days <= 7 ? "The week before" : "Earlier";
}
