/** The chat: conversations beside the open one. /chat is a new one, /chat/ID is one that there is. */

import { get } from "../api.js";
import { newKey } from "../chat-client.js";
import { fill, h, say } from "../dom.js";
import { short } from "../format.js";
import { missing, sheet } from "../ui.js";
import { Composer, modelsOf } from "./chat-composer.js";
import { exportMenu } from "./chat-export.js";
import { iconButton } from "./chat-icons.js";
import { keepDraft, keepUnsent, NEW } from "./chat-kept.js";
import { ChatList } from "./chat-list.js";
import { Room } from "./chat-room.js";
import { isOpen, plain } from "./chat-story.js";

const TITLE_CHARS = 80; // as the server has it
const NAME = /^(?!@)[^\s\x00-\x1f\x7f]{1,200}$/; // so has it that
const IDEAS = ["Review this function for mistakes: …", "Write a test for …", "Explain to a new colleague how … works"];

export default async function view(context) {
  await Promise.all([sheet("chat"), sheet("markdown")]);
  const page = new ChatPage(context);
  context.onchange = ({ params, query }) => page.show(params.id, query);
  context.onleave = () => page.close();
  context.keys({ j: () => page.list.step(1), k: () => page.list.step(-1), Escape: () => page.fold(true) });
  page.show(context.params.id, context.query);
  return page.element;
}

class ChatPage {
  constructor(context) {
    this.context = context;
    this.room = null;
    this.list = new ChatList({ onfind: (words) => context.setQuery({ find: words }) });
    this.composer = new Composer({
      send: (message) => this.#send(message),
      stop: () => this.room?.stop(),
      typing: () => this.room?.typing(),
      mayWrite: context.me.role !== "viewer",
    });
    this.title = h("h1", {});
    this.here = h("span", { class: "here", role: "status" });
    const folds = { "aria-expanded": "false", class: "icon-button menu-button" };
    this.menu = iconButton("list", "Conversations", () => this.fold(), folds);
    this.export = exportMenu(() => this.id);
    this.talk = h("div", { class: "place" });
    const head = h("header", { class: "head" }, this.menu, this.title, this.here, this.export);
    this.dock = h("div", { class: "dock" }, this.composer.element);
    const room = h("section", { class: "room", "aria-label": "Conversation" }, head, this.talk, this.dock);
    this.shade = h("div", { class: "shade", onclick: () => this.fold(true) });
    this.element = h("div", { class: "chat" }, this.list.element, this.shade, room);
    this.ended = new AbortController();
    this.#fit();
    this.list.load();
    this.#agents();
  }

  show(id, query) {
    this.list.show({ current: id, words: query.find ?? "" });
    if (id === this.id && this.talk.hasChildNodes()) return;
    this.id = id;
    this.fold(true);
    this.room?.close();
    this.room = null;
    this.composer.show(id ?? NEW);
    this.composer.prefer();
    this.export.hidden = true;
    say(this.here, "");
    this.#name("");
    this.dock.hidden = Boolean(id) && !NAME.test(id);
    if (this.dock.hidden) fill(this.talk, missing("conversation", id, "/chat"));
    else if (id) this.#open(id);
    else fill(this.talk, this.#welcome());
    this.composer.update({ open: 0 });
    this.composer.focus();
  }

  close() {
    this.ended.abort();
    this.watched.disconnect();
    this.room?.close();
    this.list.close();
  }

  /** On a small screen the list lies over the conversation. */
  fold(away = this.element.classList.contains("listed")) {
    this.element.classList.toggle("listed", !away);
    this.menu.setAttribute("aria-expanded", String(!away));
  }

  #open(id) {
    this.room = new Room(id, this.composer, {
      me: this.context.me,
      onstory: (story) => this.#story(story),
      onunsent: () => this.#marks(),
    });
    fill(this.talk, this.room.element);
  }

  #send(message) {
    if (this.room) return this.room.send(message);
    const id = `chat-${newKey()}`; // the gateway knows a conversation by this beginning
    keepUnsent(id, [{ key: newKey(), at: 1000 * Date.now(), ...message }]);
    keepDraft(NEW, "");
    this.context.go(`/chat/${id}`);
    this.composer.prefer(message);
  }

  #story(story) {
    const turns = [...story.turns.values()];
    const newest = turns.at(-1);
    this.#name(story.title || newest?.text || "");
    this.export.hidden = !turns.length;
    this.dock.hidden = this.room?.isNowhere ?? false;
    say(this.here, presenceOf(story.here, this.context.me.name));
    if (newest) {
      const row = { conversation_id: this.id, newest_at: newest.at, open: turns.filter(isOpen).length };
      const name = JSON.stringify(row);
      const title = this.list.rows.get(this.id)?.title ?? story.title ?? newest.text;
      if (name !== this.touched) this.list.touch({ title, ...row });
      this.touched = name;
    }
    this.#marks();
  }

  #marks() {
    this.composer.update({ open: this.room?.writing.length ?? 0 });
  }

  #name(words) {
    const title = short(plain(words), TITLE_CHARS);
    const text = title || (this.id ? "Conversation" : "New conversation");
    say(this.title, text);
    this.title.title = text;
    this.context.title(title || "Chat");
  }

  #welcome() {
    const ideas = IDEAS.map((text) => h("button", { type: "button", onclick: () => this.composer.put(text) }, text));
    return h(
      "div",
      { class: "welcome" },
      h("h2", {}, "What should be done?"),
      h("p", {}, "Headway finds out what kind of work it is, chooses an agent, and shows how the answer comes about."),
      h("div", { class: "ideas" }, ideas),
    );
  }

  async #agents() {
    try {
      const [{ agents }, { skills }] = await Promise.all([get("/api/agents"), get("/api/skills")]);
      this.composer.offer(agents, modelsOf(agents, skills));
    } catch (error) {
      console.warn("chat: agents cannot be offered:", error.message);
    }
  }

  /** As high as what can be seen, also above a phone's keyboard. */
  #fit() {
    const { signal } = this.ended;
    const seen = window.visualViewport;
    const fit = () => {
      const top = document.getElementById("main").getBoundingClientRect().top + scrollY;
      this.element.style.setProperty("height", `${Math.max(240, (seen?.height ?? innerHeight) - top)}px`);
      if (seen && seen.height < innerHeight - 80) scrollTo(0, 0); // the keyboard is there
    };
    this.watched = new ResizeObserver(fit);
    for (const one of document.querySelectorAll(".bar, #notice")) this.watched.observe(one);
    seen?.addEventListener("resize", fit, { signal });
    addEventListener("resize", fit, { signal });
    requestAnimationFrame(fit);
  }
}

/** Who else is here, and who types. Each counts once, however many tabs they have. */
export function presenceOf(here, me) {
  const others = here.filter((one) => one.name !== me);
  if (!others.length) return "";
  const typing = [...new Set(others.filter((one) => one.state === "typing").map((one) => one.name))];
  if (!typing.length) return `${new Set(others.map((one) => one.name)).size + 1} here`;
  return `${typing.slice(0, 2).join(" and ")} ${typing.length > 1 ? "are" : "is"} typing`;
}
