/** One model: what it was made from, what was measured of it, and the command that makes it again. */

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { fullTime, number } from "../format.js";
import { copyable, panel } from "../ui.js";
import { mark } from "./experiments-list.js";
import { promoting } from "./models-acts.js";
import { health } from "./models-health.js";
import { MEASURES, gainSpan, measured, stateOf } from "./models-said.js";

export async function one(context, _query, name) {
  context.keys({ Escape: () => context.go("/models") });
  const box = h("div", { class: "stack" });
  async function draw() {
    const { model, again } = await get(`/api/models/${encodeURIComponent(name)}`);
    const learned = model.metrics.log_loss !== undefined;
    const live = learned && model.in_use && health();
    fill(box, head(model, draw), live, learned && figures(model), lineage(model, again));
  }
  await draw();
  return { element: box };
}

function head(model, draw) {
  return h(
    "div",
    { class: "row spread" },
    h(
      "div",
      {},
      h("a", { href: "/models", class: "back" }, "← Models"),
      h("div", { class: "row" }, h("h1", {}, model.name), mark(stateOf(model))),
      h("p", { class: "why" }, model.reason || "The rules that route when nothing was learned."),
      model.by && h("p", { class: "quiet" }, `by ${model.by}, ${fullTime(model.at)}`),
    ),
    promoting(model, draw),
  );
}

function figures(model) {
  const rows = Object.entries(MEASURES)
    .filter(([name]) => name in model.metrics)
    .map(([name, [label, , meaning]]) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, label),
        h("td", { class: "num" }, measured(model, name)),
        h("td", { class: "quiet" }, name === "gain" ? `${meaning} It is ${gainSpan(model)} (95 %).` : meaning),
      ),
    );
  return panel(
    "On decisions it had not seen",
    h("table", { aria: { label: "What was measured" } }, h("tbody", {}, rows)),
  );
}

function lineage(model, again) {
  const ranges = model.ranges
    .filter((one) => one.to_offset > one.from_offset)
    .map((one) => `partition ${one.partition}: ${number(one.from_offset)} to ${number(one.to_offset)}`);
  const facts = {
    kind: model.kind,
    made: fullTime(model.created_at),
    samples: number(model.samples),
    "offsets of training.samples": ranges.join("; "),
    seed: model.seed,
    embedder: model.embedder,
    features: model.features,
    weights: model.weights_bytes && `${number(model.weights_bytes)} bytes, SHA-256 ${model.weights_hash}`,
  };
  return panel(
    "What it was made from",
    again
      ? [
          h(
            "dl",
            {},
            Object.entries(facts)
              .filter(([, fact]) => fact !== "" && fact !== 0)
              .map(([label, fact]) => [h("dt", {}, label), h("dd", {}, fact)]),
          ),
          h("p", {}, "The same weights again: ", copyable(again)),
        ]
      : h("p", { class: "quiet" }, "Rules are written, not learned."),
  );
}
