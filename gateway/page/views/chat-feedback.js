/** What people think of an answer: a thumb at once, a sentence if they like. Everybody in the conversation sees it. */

import { h, say } from "../dom.js";
import { toast } from "../ui.js";
import { iconButton } from "./chat-icons.js";

const COMMENT_MAX = 2000;

export class Feedback {
  /** `give`: sends { kind, comment }, and resolves when everybody has it. */
  constructor(give) {
    this.give = give;
    this.thumbs = {
      positive: iconButton("up", "A good answer", () => this.#choose("positive")),
      negative: iconButton("down", "Not a good answer", () => this.#choose("negative")),
    };
    const group = { class: "thumbs", role: "group", aria: { label: "What do you think of it?" } };
    this.buttons = h("span", group, Object.values(this.thumbs));
    this.text = h("input", {
      name: "comment",
      maxlength: COMMENT_MAX,
      autocomplete: "off",
      placeholder: "Why? (if you like)",
      aria: { label: "Why?" },
    });
    this.form = h(
      "form",
      { class: "comment", hidden: true, onsubmit: (event) => this.#comment(event) },
      this.text,
      h("button", { type: "submit" }, "Send"),
      h("button", { type: "button", class: "plain", onclick: () => (this.form.hidden = true) }, "Cancel"),
    );
    this.said = h("p", { class: "told", hidden: true });
    this.element = h("div", { class: "feedback" }, this.form, this.said);
    this.chosen = null;
  }

  update(feedback, canBe) {
    this.buttons.hidden = !canBe;
    this.chosen = feedback?.kind ?? this.chosen;
    for (const [kind, button] of Object.entries(this.thumbs)) {
      button.setAttribute("aria-pressed", String(this.chosen === kind));
    }
    this.said.hidden = !feedback?.comment;
    say(this.said, feedback?.comment ? `${feedback.by ?? "somebody"}: “${feedback.comment}”` : "");
  }

  async #choose(kind) {
    const before = this.chosen;
    this.chosen = kind;
    this.update(null, true);
    this.form.hidden = false;
    this.text.focus();
    if (!(await this.#send({ kind }))) this.chosen = before;
  }

  async #comment(event) {
    event.preventDefault();
    const comment = this.text.value.trim();
    if (comment && !(await this.#send({ kind: this.chosen ?? "neutral", comment }))) return;
    this.text.value = "";
    this.form.hidden = true;
    if (comment) this.thumbs[this.chosen]?.focus();
  }

  async #send(said) {
    try {
      await this.give(said);
      return true;
    } catch (error) {
      toast(`Your feedback was not taken: ${error.message}`, "bad");
      return false;
    }
  }
}
