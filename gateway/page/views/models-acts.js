/** Putting a model to use, and going back: each with a question that names the effect. */

import { post } from "../api.js";
import { asked } from "../asking.js";
import { h } from "../dom.js";
import { toast } from "../ui.js";
import { RULES, before, effectOf } from "./models-said.js";

/** A button that puts this model to use; nothing for the one in use. `onchange()` is called when it is done. */
export function promoting(model, onchange) {
  if (model.in_use) return null;
  const rejected = model.status === "rejected";
  const label = model.name === RULES ? "Back to the rules" : rejected ? "Promote all the same" : "Promote";
  async function promote() {
    const given = await asked(effectOf(model), label, { danger: rejected, whyNeeded: rejected });
    if (given)
      await done(
        post(`/api/models/${encodeURIComponent(model.name)}/promote`, rejected ? { ...given, force: true } : given),
        onchange,
      );
  }
  const aria = { label: `${label}: ${model.name}` };
  return h("button", { type: "button", class: rejected ? "danger" : "", aria, onclick: promote }, label);
}

/** A button that goes back to what was in use before; nothing where nothing was. */
export function rollingBack(models, onchange) {
  const used = models.find((one) => one.in_use);
  const target = before(models);
  if (target === null) return null;
  async function back() {
    const to = target === RULES ? "the rules alone route" : `${target} chooses`;
    const question = `Roll back from ${used?.name ?? RULES}? From then on ${to}; what is decided already stays.`;
    const given = await asked(question, "Roll back", { danger: true });
    if (given) await done(post("/api/models/rollback", { ...given, name: used?.name ?? RULES }), onchange);
  }
  return h("button", { type: "button", class: "danger", onclick: back }, "Roll back");
}

async function done(work, onchange) {
  try {
    const { name } = await work;
    toast(name === RULES ? "The rules alone are in use." : `${name} is in use.`);
    await onchange();
  } catch (error) {
    toast(error.message, "bad");
  }
}
