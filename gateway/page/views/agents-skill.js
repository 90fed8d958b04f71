/** One skill: the model it is given now, who does it, its definition to read or change. Without a name: a new one. */

import { get, remove } from "../api.js";
import { h } from "../dom.js";
import { words } from "../format.js";
import { empty, removal, sure, tile, toast } from "../ui.js";
import { anew, workshop } from "./agents-workshop.js";
import { NAME, TEMPLATE, meaningOf, skillChanges } from "./skills-said.js";

const ALL = "/agents?show=skills";

/** What the workshop has to know of skills. */
const SORT = {
  what: "skill",
  key: "skill",
  text: "notes",
  base: "/api/skills",
  name: {
    fits: NAME,
    wrong: "1–63 of a–z, 0–9 and _, beginning with a letter or figure",
    like: "contract_check",
  },
  template: TEMPLATE,
  meaningOf,
  changesOf: skillChanges,
  effect: "It counts within seconds: tasks routed from then on may be taken for it.",
  address: (name) => `/agents?skill=${encodeURIComponent(name)}`,
};

const at = (name) => `/api/skills/${encodeURIComponent(name)}`;

export async function skill(context, name) {
  context.keys({ Escape: () => context.go(ALL) });
  const admin = context.me.role === "admin";
  if (name === null)
    return admin ? anew(context, SORT, back()) : { element: empty("Only an admin can define a skill.", back()) };
  const [{ definition, now, stays }, file] = await Promise.all([
    get(at(name)),
    admin ? get(`${at(name)}/markdown`, { as: "text" }) : null,
  ]);
  const defined = admin ? workshop(SORT, { id: name, definition, file }) : reading(definition);
  const head = header(context, definition, admin, stays);
  const element = h("div", { class: "stack" }, head, boardOf(now), defined.element);
  return { element, leave: () => defined.leave?.() };
}

const back = () => h("a", { href: ALL, class: "back" }, "← Skills");

function header(context, definition, admin, stays) {
  const name = definition.skill;
  async function take() {
    const question = `Remove ${name}? No task is taken for it any more by its words.`;
    if (!(await sure(question, `Remove ${name}`, { danger: true }))) return;
    try {
      const { definition: again } = await remove(at(name));
      toast(again ? `${name} is as it is shipped again.` : `${name} is removed.`);
      context.go(ALL);
    } catch (error) {
      toast(error.message, "bad");
    }
  }
  const { button, why } = removal(take, stays);
  const tasks = h("a", { class: "button", href: `/tasks?skill=${encodeURIComponent(name)}` }, "Its tasks");
  return h(
    "div",
    {},
    back(),
    h("div", { class: "row spread" }, h("h1", {}, name), h("div", { class: "row" }, tasks, admin && button)),
    h("p", { class: "quiet" }, definition.description),
    admin && why,
  );
}

/** What comes of it now. */
function boardOf(now) {
  const model = tile("Model now");
  const agents = tile("Done by");
  const kind = tile("Category");
  if (now) {
    model.show(now.model ?? "the line's default", now.reason);
    if (now.agents.length) agents.show(now.agents.join(", "));
    else agents.show("nobody", "its tasks go to a fallback", "warn");
    kind.show(words(now.category));
  }
  return h(
    "div",
    { class: "tiles" },
    [model, agents, kind].map((one) => one.element),
  );
}

/** For those who may only look. */
function reading(definition) {
  const meaning = h(
    "ul",
    { class: "means" },
    meaningOf(definition).map((said) => h("li", {}, said)),
  );
  return { element: h("section", { class: "panel" }, h("h2", {}, "What it means"), meaning) };
}
