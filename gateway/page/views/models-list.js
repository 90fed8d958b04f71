/** All models, and above them which one routes now. */

import { get } from "../api.js";
import { fill, h, say } from "../dom.js";
import { ago, number, time } from "../format.js";
import { empty } from "../ui.js";
import { mark } from "./experiments-list.js";
import { looking } from "./experiments-looking.js";
import { promoting, rollingBack } from "./models-acts.js";
import { health } from "./models-health.js";
import { RULES, gainSpan, measured, stateOf } from "./models-said.js";

const AGAIN_MS = 10_000;
const FIGURES = { held_out: "Held out", auc: "AUC", ece: "ECE", gain: "Gain" };
const COLUMNS = ["Model", "State", "Made", "Samples", ...Object.values(FIGURES), ""];
const NUMBERS = new Set(["Samples", ...Object.values(FIGURES)]);

export async function all(context) {
  let known = await get("/api/models");
  const now = h("section", { class: "now", aria: { label: "In use now" } });
  const holds = h("div");
  const box = h("div");
  let drawn = "";
  let held = RULES; // the model whose health is shown

  function draw() {
    const said = JSON.stringify(known);
    if (said === drawn) return; // what somebody is about to press stays where it is
    drawn = said;
    fill(now, inUse(known, again));
    if (known.in_use !== held) fill(holds, known.in_use === RULES ? null : health());
    held = known.in_use;
    fill(box, known.models.length > 1 ? tableOf(known.models, again) : nothing());
  }
  async function again() {
    known = await get("/api/models");
    draw();
  }
  const end = looking(async (isShown) => {
    const newest = await get("/api/models");
    if (!isShown()) return null;
    known = newest;
    draw();
    return AGAIN_MS;
  }, AGAIN_MS);
  draw();
  return { element: h("div", { class: "stack" }, h("h1", { class: "hidden" }, "Models"), now, holds, box), leave: end };
}

function inUse({ in_use: name, models }, again) {
  const used = models.find((one) => one.name === name);
  const alone = name === RULES;
  const title = alone ? "The rules alone" : h("a", { href: `/models/${encodeURIComponent(name)}` }, name);
  const since = used?.promoted_at ? `Since ${time(used.promoted_at)}, ${ago(used.promoted_at)}, by ${used.by}. ` : "";
  return h(
    "div",
    { class: "row spread" },
    h("div", {}, h("h2", {}, "In use now: ", title), h("p", { class: "quiet" }, since, used?.reason ?? "")),
    rollingBack(models, again),
  );
}

function nothing() {
  return empty(
    "Nothing has been learned yet, so the rules route alone. The scorer trains a model when there are enough samples.",
    h("p", {}, "To train one now: ", h("code", {}, "headway train")),
  );
}

function tableOf(models, again) {
  const head = COLUMNS.map((name) =>
    name
      ? h("th", { scope: "col", class: NUMBERS.has(name) ? "num" : "" }, name)
      : h("th", { scope: "col" }, h("span", { class: "hidden" }, "What can be done")),
  );
  return h(
    "table",
    { class: "cards", aria: { label: "Models" } },
    h("thead", {}, h("tr", {}, head)),
    h(
      "tbody",
      {},
      models.map((model) => row(model, again)),
    ),
  );
}

function row(model, again) {
  const href = `/models/${encodeURIComponent(model.name)}`;
  const made = h("span");
  say(made, model.created_at ? time(model.created_at) : "–");
  const cells = {
    State: mark(stateOf(model)),
    Made: made,
    Samples: model.samples ? number(model.samples) : "–",
    ...Object.fromEntries(
      Object.entries(FIGURES).map(([name, label]) => [
        label,
        h("span", { title: name === "gain" ? gainSpan(model) : "" }, measured(model, name)),
      ]),
    ),
    "": promoting(model, again),
  };
  return h(
    "tr",
    {},
    h(
      "th",
      { scope: "row" },
      h("a", { class: "name", href }, model.name),
      h("span", { class: "about quiet", title: model.reason }, model.reason),
    ),
    Object.entries(cells).map(([label, cell]) =>
      h("td", { class: NUMBERS.has(label) ? "num" : null, data: label ? { label } : {} }, cell),
    ),
  );
}
