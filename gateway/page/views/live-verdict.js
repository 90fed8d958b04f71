/** One sentence on how the line is, and what needs attention. */

import { h, keep, say } from "../dom.js";
import { count, number } from "../format.js";
import { panel } from "../ui.js";

const STAYS_MS = 5000; // a finding that comes and goes is not to flicker
const SHOWN_MAX = 8;
const WEIGHT = { bad: 2, warn: 1 };
const SIGNS = { bad: "✕", warn: "!" };

export class Verdict {
  constructor() {
    this.sign = h("span", { class: "sign", aria: { hidden: true } });
    this.head = h("span");
    this.detail = h("span", { class: "quiet figures" });
    this.element = h("div", { class: "verdict" }, h("h1", {}, this.sign, this.head), this.detail);
    this.list = h("ul", { class: "findings" });
    this.nothing = h("p", { class: "calm" }, h("span", { aria: { hidden: true } }, "✓ "), "Nothing needs attention.");
    this.more = h("p", { class: "quiet", hidden: true });
    this.panel = panel("Needs attention", this.nothing, this.list, this.more);
    this.panel.classList.add("attention");
    this.held = new Map(); // by key: the finding, and when it was last found
  }

  /** Returns how many there are. */
  show(found, board, target) {
    const now = performance.now();
    for (const finding of found) this.held.set(finding.key, { finding, at: now });
    for (const [key, { at }] of this.held) if (now - at > STAYS_MS) this.held.delete(key);
    const all = [...this.held.values()].map(({ finding }) => finding).sort((a, b) => WEIGHT[b.tone] - WEIGHT[a.tone]);
    keep(this.list, all.slice(0, SHOWN_MAX), (finding) => finding.key, makeFinding, showFinding);
    this.nothing.hidden = all.length > 0 || !board;
    this.more.hidden = all.length <= SHOWN_MAX;
    say(this.more, `and ${all.length - SHOWN_MAX} more`);
    this.#tell(all, board, target);
    return all.length;
  }

  #tell(all, board, target) {
    const tone = !board ? "wait" : all.some((one) => one.tone === "bad") ? "bad" : all.length ? "warn" : "good";
    if (this.element.dataset.tone !== tone) this.element.dataset.tone = tone;
    say(this.sign, { good: "✓ ", wait: "" }[tone] ?? `${SIGNS[tone]} `);
    const wrong = `${count(all.length, "thing")} ${all.length === 1 ? "needs" : "need"} attention`;
    say(this.head, !board ? "Waiting for the first word of the line…" : all.length ? wrong : "All is well");
    say(this.detail, board ? sentence(board, target) : "");
  }
}

function sentence({ ended_per_s, waiting, running, instances }, target) {
  const there = target === null ? count(instances, "instance") : `${number(instances)} of ${count(target, "instance")}`;
  const waits = waiting ? `${number(waiting)} waiting` : "nothing waits";
  const done = `${count(Math.round(60 * ended_per_s), "task")} a minute`;
  return `${done}, ${number(running)} running, ${waits}, ${there} there`;
}

function makeFinding() {
  const said = h("div", {}, h("span", { class: "text" }), " ", h("span", { class: "step" }));
  return h("li", {}, h("span", { class: "sign" }), said);
}

function showFinding(row, { tone, text, step }) {
  row.dataset.tone = tone;
  const sign = row.querySelector(".sign");
  say(sign, SIGNS[tone]);
  sign.setAttribute("aria-label", tone === "bad" ? "wrong:" : "look:");
  sign.setAttribute("role", "img");
  say(row.querySelector(".text"), text);
  const box = row.querySelector(".step");
  if (box.textContent === step.label && box.firstChild?.getAttribute("href") === step.href) return;
  box.replaceChildren(step.href ? h("a", { href: step.href }, step.label) : h("code", {}, step.label));
}
