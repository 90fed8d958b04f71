/** Where a message is typed: it grows with the text and keeps it, and asks for an agent and a model if one likes. */

import { fill, h } from "../dom.js";
import { iconButton } from "./chat-icons.js";
import { draftOf, keepDraft } from "./chat-kept.js";

const HEIGHT_MAX = 0.4; // of the window
const ROUTED = "Headway chooses";
const OWN = "the model it chooses";

export class Composer {
  /** `send({ text, agent_id, model })`, `stop()`, `typing()`. */
  constructor({ send, stop, typing, mayWrite }) {
    Object.assign(this, { send, typing });
    this.id = null;
    this.open = 0;
    this.text = h("textarea", {
      rows: 1,
      placeholder: mayWrite ? "Say what you need" : "Your access may look only",
      "aria-label": "Message",
      disabled: !mayWrite,
      enterkeyhint: "send",
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
    });
    const choice = (name) => ({ "aria-label": name, title: name, disabled: !mayWrite, onchange: () => this.#mark() });
    this.agent = h("select", choice("Agent"), h("option", { value: "" }, ROUTED));
    this.model = h("select", choice("Model"), h("option", { value: "" }, OWN));
    this.sending = iconButton("send", "Send", () => this.#send(), { class: "round", disabled: true });
    this.stopping = iconButton("stop", "Stop the answer", stop, { class: "round", hidden: true });
    const gap = h("span", { class: "gap" });
    const below = h("div", { class: "choice" }, this.agent, this.model, gap, this.stopping, this.sending);
    this.element = h("form", { class: "composer", onsubmit: (event) => event.preventDefault() }, this.text, below);
  }

  /** Turns to another conversation: its draft, and what its newest message asked for. */
  show(id) {
    this.id = id;
    this.text.value = draftOf(id);
    this.#grow();
    this.#mark();
  }

  prefer({ agent_id, model } = {}) {
    choose(this.agent, agent_id);
    choose(this.model, model);
    this.#mark();
  }

  /** What can be chosen, once that is known. */
  offer(agents, models) {
    const agent = this.agent.value;
    const model = this.model.value;
    const options = agents.map((one) => h("option", { value: one.agent_id, title: one.description }, one.agent_id));
    fill(this.agent, h("option", { value: "" }, ROUTED), options);
    fill(this.model, h("option", { value: "" }, OWN), models.map((name) => h("option", { value: name }, name)));
    this.prefer({ agent_id: agent, model });
  }

  /** `open`: so many answers are being written. */
  update({ open }) {
    const label = open > 1 ? `Stop all ${open} answers` : "Stop the answer";
    if (this.stopping.title !== label) {
      this.stopping.title = label;
      this.stopping.setAttribute("aria-label", label);
    }
    this.stopping.hidden = open === 0;
    this.sending.hidden = open > 0 && !this.text.value.trim();
    this.open = open;
  }

  put(text) {
    this.text.value = text;
    this.#typed();
    this.text.focus();
  }

  focus() {
    // On a phone the keyboard would cover half of what was opened to be read.
    if (matchMedia("(pointer: fine)").matches) this.text.focus({ preventScroll: true });
  }

  #typed() {
    keepDraft(this.id, this.text.value);
    this.#grow();
    this.#mark();
    this.typing();
  }

  #key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#send();
  }

  #send() {
    const text = this.text.value.trim();
    if (!text) return;
    const id = this.id;
    this.send({ text, agent_id: this.agent.value || null, model: this.model.value || null });
    keepDraft(id, "");
    if (this.id === id) this.text.value = "";
    this.#grow();
    this.#mark();
  }

  #mark() {
    this.sending.disabled = !this.text.value.trim();
    this.agent.classList.toggle("set", this.agent.value !== "");
    this.model.classList.toggle("set", this.model.value !== "");
    this.update({ open: this.open });
  }

  #grow() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight, HEIGHT_MAX * innerHeight)}px`;
  }
}

/** What agents and skills name, by name: the models that this line knows. */
export function modelsOf(agents, skills) {
  const named = skills.flatMap((skill) => [...skill.preferred, ...skill.fallback]);
  return [...new Set([...agents.map((one) => one.model), ...named])].filter(Boolean).sort();
}

/** A value that is not offered (an agent that is gone) is offered, for the conversation has it. */
function choose(select, value) {
  if (value && ![...select.options].some((one) => one.value === value)) select.append(h("option", { value }, value));
  select.value = value ?? "";
}
