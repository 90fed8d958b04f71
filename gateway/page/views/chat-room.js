/** One open conversation: its turns, what waits to be sent, and the composer under them. */

import { accessToken } from "../access.js";
import { get, query } from "../api.js";
import { Chat } from "../chat-client.js";
import { fill, h, keep, paced, say } from "../dom.js";
import { time, words } from "../format.js";
import { missing, toast } from "../ui.js";
import { Bottom } from "./chat-bottom.js";
import { draftOf, keepUnsent, unsentOf } from "./chat-kept.js";
import { addAccepted, addOlder, apply, complete, isOpen, storyOf } from "./chat-story.js";
import { TurnView } from "./chat-turn.js";
import { pendingView, updatePending } from "./chat-pending.js";

const LOST = "The connection is lost; it goes on by itself, and nothing is missed.";
const TYPING_MS = 4000;
const ENDS = ["task_completed", "task_failed", "task_cancelled"];

export class Room {
  /** `page`: { me, onstory(story), ontold(text) } */
  constructor(id, composer, page) {
    Object.assign(this, { id, composer, page });
    this.story = null;
    this.views = new Map();
    this.changed = new Set();
    this.gaps = new Set();
    this.failures = 0;
    const older = { type: "button", class: "plain older", hidden: true, onclick: () => this.#older() };
    this.older = h("button", older, "Earlier messages");
    this.turns = h("div", { class: "turns" });
    this.pending = h("div", { class: "turns pending" });
    this.told = h("p", { class: "hidden", role: "status" });
    this.lost = h("p", { class: "lost", role: "status", hidden: true });
    this.blank = h("div", { class: "welcome", hidden: true });
    this.inner = h("div", { class: "inner" }, this.older, this.blank, this.turns, this.pending);
    this.bottom = new Bottom(this.inner);
    this.element = h("div", { class: "talk" }, this.bottom.element, this.lost, this.told);
    this.soon = paced(() => this.#draw());
    this.chat = new Chat(id, { accessToken, unsent: unsentOf(id) });
    this.begun = this.chat.unsent.size > 0 || Boolean(draftOf(id)); // by this reader, though nothing is said yet
    Object.assign(this.chat, {
      onevent: (message) => this.#hear(message),
      onstate: (state) => this.#state(state),
      onunsent: () => this.#unsent(),
      onaccepted: (message) => this.#accepted(message),
    });
    this.chat.present("reading");
    this.chat.connect();
    this.#state(this.chat.state); // a first connection that does not come is not told of as a change
    this.#unsent();
  }

  close() {
    clearTimeout(this.typed);
    clearTimeout(this.late);
    this.chat.close();
    this.bottom.close();
    this.closed = true;
  }

  send(message) {
    this.begun = true;
    this.bottom.stick();
    this.chat.send(message);
  }

  /** The answers that are not complete, of which each can be stopped. */
  get writing() {
    return this.story ? [...this.story.turns.values()].filter(isOpen) : [];
  }

  /** All of them, where no one is named. */
  async stop(turns = this.writing) {
    await Promise.all(
      turns.map((turn) =>
        this.chat.stop(turn.task_id).catch((error) => toast(`It was not stopped: ${error.message}`, "bad")),
      ),
    );
  }

  typing() {
    this.chat.present("typing");
    clearTimeout(this.typed);
    this.typed = setTimeout(() => this.chat.present("reading"), TYPING_MS);
  }

  #hear(message) {
    if (message.event === "conversation") return this.#begin(message.data);
    if (!this.story) return;
    const turn = apply(this.story, message);
    if (turn) {
      this.changed.add(turn.task_id);
      if (turn.missing) this.#gap(turn);
      if (turn.cut) this.#whole(turn);
      if (message.event === "task_submitted") this.#mine(turn);
      if (ENDS.includes(message.event)) say(this.told, `The answer is ${words(turn.state)}.`);
    }
    this.soon();
  }

  #begin(data) {
    const before = this.story;
    this.story = storyOf(data);
    for (const [task_id, turn] of this.story.turns) {
      const known = before?.turns.get(task_id);
      if (known) {
        turn.edition = known.edition + (turn.answer.startsWith(known.answer) ? 0 : 1);
        turn.tries = known.tries;
      }
      this.changed.add(task_id);
    }
    if (!before) this.composer.prefer(data.turns.length ? data.preferences : undefined);
    this.#draw();
    if (!before) this.bottom.stick();
  }

  /** A message of ours may be told before it is accepted: then it is not shown twice. */
  #mine(turn) {
    const sent = [...this.chat.unsent.values()].filter((one) => one.state === "sent" && !one.task_id);
    const own = sent.find((one) => one.text.startsWith(turn.text));
    if (own) own.task_id = turn.task_id;
    this.#unsent();
  }

  #accepted(message) {
    if (!this.story) return;
    this.changed.add(addAccepted(this.story, { ...message, by: this.page.me.name }).task_id);
    this.#draw();
  }

  #gap({ task_id, attempt }) {
    const name = `${task_id} ${attempt}`;
    if (this.gaps.has(name)) return;
    this.gaps.add(name);
    this.chat.anew();
  }

  /** Long texts come cut in live messages. */
  async #whole({ task_id }) {
    try {
      const { turns } = await get(`/api/conversations/${encodeURIComponent(this.id)}`);
      const told = turns.find((one) => one.task_id === task_id);
      if (!told || !complete(this.story, told)) return;
      this.changed.add(task_id);
      this.soon();
    } catch (error) {
      console.warn("chat:", error.message);
    }
  }

  async #older() {
    this.older.disabled = true;
    try {
      const page = await get(`/api/conversations/${encodeURIComponent(this.id)}${query({ cursor: this.story.next })}`);
      addOlder(this.story, page);
      for (const turn of page.turns) this.changed.add(turn.task_id);
      this.bottom.keepPlace(() => this.#draw());
    } catch (error) {
      toast(error.message, "bad");
    }
    this.older.disabled = false;
  }

  #draw() {
    if (this.closed || !this.story) return;
    const { story, changed } = this;
    const { writing } = this;
    const update = (_element, turn) => {
      if (changed.has(turn.task_id) || isOpen(turn)) this.views.get(turn.task_id).update(turn, writing.length === 1);
    };
    keep(this.turns, story.turns.values(), (turn) => turn.task_id, (turn) => this.#view(turn), update);
    changed.clear();
    this.#stands(this.isNowhere && missing("conversation", this.id, "/chat"));
    this.older.hidden = !story.more || !story.next;
    this.page.onstory(story);
    this.bottom.grew();
  }

  /** Whether nobody ever said anything here: an address that was mistyped, or of somebody else's. */
  get isNowhere() {
    return Boolean(this.story) && !this.story.turns.size && !this.story.more && !this.begun;
  }

  /** What stands where there are no messages. */
  #stands(what) {
    this.blank.hidden = !what;
    if (what) fill(this.blank, what);
  }

  #view(turn) {
    const view = new TurnView(turn, {
      me: this.page.me.name,
      stop: (one) => this.stop([one]),
      again: ({ text, asked }) => this.send({ text, ...asked }),
      feedback: (task_id, said) => this.chat.feedback(task_id, said),
    });
    this.views.set(turn.task_id, view);
    this.changed.add(turn.task_id);
    return view.element;
  }

  #unsent() {
    const all = [...this.chat.unsent.values()];
    keepUnsent(this.id, all);
    const doing = {
      retry: (key) => this.chat.retry(key),
      edit: (message) => {
        this.chat.forget(message.key);
        this.composer.put(message.text);
      },
    };
    const shown = all.filter((one) => !one.task_id);
    const update = (element, one) => updatePending(element, one, this.chat.isOpen);
    keep(this.pending, shown, (one) => one.key, (one) => pendingView(one, doing), update);
    this.bottom.grew();
    this.page.onunsent();
  }

  #again() {
    return h("button", { type: "button", onclick: () => this.chat.connect() }, "Try again");
  }

  #state({ state, since, reason }) {
    clearTimeout(this.late);
    const says = {
      connecting: reason ?? (this.story ? LOST : "There is no connection yet; it is tried again by itself."),
      stale: `The gateway has no connection to Kafka since ${time(since * 1000)}; what you see is as it was then.`,
      closed: `${reason} Reload the page to try again.`,
    }[state];
    const again = state === "connecting" && Boolean(reason) && this.#again();
    const show = () => {
      this.lost.hidden = !says || !this.story;
      if (says) fill(this.lost, says, again);
      if (!this.story) this.#stands(says && h("div", { role: "alert" }, h("p", {}, says), again && this.#again()));
    };
    if (state === "connecting" && !reason) this.late = setTimeout(show, 1000); // a short one is nobody's concern
    else show();
    this.#unsent();
  }
}
