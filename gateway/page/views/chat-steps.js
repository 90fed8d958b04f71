/** How an answer came about, in one line that unfolds: analysed, skill, model, agent, writing. */

import { fill, h, say } from "../dom.js";
import { duration, percent, words } from "../format.js";
import { sentence } from "../ui.js";
import { icon } from "./chat-icons.js";
import { isOpen } from "./chat-story.js";

export class Steps {
  constructor() {
    this.line = h("span", { class: "now" });
    this.took = h("span", { class: "took" });
    this.list = h("ol", {});
    this.tries = h("p", { class: "tries", hidden: true });
    const dot = h("span", { class: "dot", aria: { hidden: true } });
    const summary = h("summary", {}, dot, this.line, this.took, icon("fold"));
    this.element = h("div", { class: "steps" }, h("details", {}, summary, this.list), this.tries);
    this.shown = "";
  }

  update(turn) {
    this.element.dataset.state = isOpen(turn) ? "open" : turn.state;
    say(this.line, nowOf(turn));
    say(this.took, isOpen(turn) || !turn.finished_at ? "" : duration((turn.finished_at - turn.submitted_at) / 1000));
    const rows = stepsOf(turn);
    const text = JSON.stringify(rows);
    if (text !== this.shown) {
      this.shown = text;
      fill(this.list, rows.map(({ state, name, what, why }) => stepOf(state, name, what, why)));
    }
    const tried = triesOf(turn);
    this.tries.hidden = !tried;
    say(this.tries, tried);
  }
}

const stepOf = (state, name, what, why) =>
  h(
    "li",
    { data: { state } },
    h("span", { class: "sign", aria: { hidden: true } }, state === "done" ? "✓" : state === "now" ? "●" : "○"),
    h("span", { class: "name" }, name),
    h("span", { class: "what" }, what, why && h("span", { class: "why" }, sentence(why))),
  );

/** What happens now, or what happened, in a few words. */
export function nowOf(turn) {
  const { state, agent_id, instance_id, skill } = turn;
  if (!isOpen(turn)) {
    const by = [agent_id, skill && words(skill)].filter(Boolean).join(" · ");
    return by || (state === "refused" ? "not taken" : words(state));
  }
  if (state === "cancelling") return "stopping…";
  if (state === "submitted") return "choosing an agent…";
  if (turn.answer) return `${agent_id} is writing…`;
  if (turn.doing) return `${agent_id}: ${turn.doing}`;
  if (state === "judged") return "the answer is looked over…";
  if (state === "running") return `${agent_id} is working…`;
  if (state === "assigned") return `${instance_id} begins…`;
  if (turn.tries.length || state === "waiting to retry") return `tries again with ${agent_id}…`;
  return `waiting for ${agent_id}…`;
}

/** The steps as rows: what is done, what is going on, what is to come. */
export function stepsOf(turn) {
  const { agent_id, instance_id, skill, confidence, asked } = turn;
  const step = (name) => turn.steps.find((one) => one.step === name);
  const chosen = turn.state !== "submitted" || Boolean(agent_id);
  const blank = isOpen(turn) && !chosen ? "…" : "–";
  const sure = confidence === null ? "" : ` (${percent(confidence, 0)} sure)`;
  const byName = asked?.agent_id ? "asked for by name" : "";
  const unneeded = byName && chosen ? "not needed" : blank;
  const rows = [
    ["Analysed", step("analyse")?.result ?? unneeded, step("analyse")?.reason ?? byName],
    ["Skill", skill ? words(skill) : blank, step("skill")?.reason ?? (asked?.skill ? "asked for by name" : "")],
    ["Model", ...modelOf(turn, step("model"), chosen)],
    ["Agent", agent_id ? `${agent_id}${byName ? "" : sure}` : blank, byName || turn.reason],
    ["Writing", writingOf(turn), instance_id ? `by ${instance_id}` : ""],
  ];
  const stateOf = (last) => (!isOpen(turn) || (chosen && !last) ? "done" : chosen || !last ? "now" : "next");
  return rows.map(([name, what, why]) => ({ name, what, why, state: stateOf(name === "Writing") }));
}

/** The model that was chosen, or that answered, and why. Of a decision that has not come nothing is guessed. */
function modelOf({ model, asked, state }, step, chosen) {
  const why = asked?.model ? "asked for by name" : (step?.reason ?? "");
  if (state === "completed" && !model) {
    const chose = why && `; chosen was: ${why}`;
    return ["none was asked", `simulated, or a program's own${chose}`];
  }
  if (model) return [model, why];
  return [chosen ? "the line's default" : "…", why];
}

function writingOf(turn) {
  if (!turn.started_at) return isOpen(turn) ? "not begun" : "–";
  const waited = `begun after ${duration((turn.started_at - turn.submitted_at) / 1000)}`;
  return turn.finished_at ? `${waited}, took ${duration((turn.finished_at - turn.started_at) / 1000)}` : waited;
}

/** What was tried before, in a sentence. */
export function triesOf(turn) {
  const { tries } = turn;
  if (!tries.length) return turn.state === "completed" && turn.attempts > 1 ? `It took ${turn.attempts} attempts.` : "";
  if (!isOpen(turn) && turn.state !== "completed" && tries.length === 1) return "";
  const last = tries.at(-1);
  const why = last.error ? `: ${last.error}` : "";
  const what = `Attempt ${last.attempt}: ${words(last.kind)}${why}`;
  return tries.length === 1 ? `${what}. It was tried again.` : `${what}. It was tried ${tries.length} times before.`;
}
