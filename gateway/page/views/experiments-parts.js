/** The parts of an experiment's page in words: what can be done, what it says, its plan, and what happened to it. */

import { h } from "../dom.js";
import { ago, count, duration, percent, time } from "../format.js";
import { panel } from "../ui.js";
import { buttons } from "./experiments-life.js";
import { mark } from "./experiments-list.js";
import {
  BUCKETS,
  daysOf,
  lastsMs,
  ranMs,
  sentence,
  spoken,
  stateOf,
  unitsOf,
  valueIn,
  valued,
  verdictOf,
} from "./experiments-said.js";

export function head(experiment, said, changed, told) {
  const ran = ranMs(experiment, Date.now() * 1000);
  const bar = h("i", { style: { width: `${Math.min(100, (100 * ran) / lastsMs(experiment))}%` } });
  const progress = experiment.started_at
    ? [
        h("span", { class: "meter", aria: { hidden: "true" } }, bar),
        h("span", { class: "quiet" }, `ran ${duration(ran)} of ${daysOf(experiment.days)}`),
      ]
    : [h("span", { class: "quiet" }, `${daysOf(experiment.days)} planned`)];
  return [
    h("a", { href: "/experiments", class: "back" }, "← Experiments"),
    h(
      "div",
      { class: "row spread" },
      h("div", { class: "row" }, h("h1", {}, experiment.experiment), mark(stateOf(experiment)), progress),
      h(
        "div",
        { class: "actions" },
        told?.report && h("button", { type: "button", onclick: () => save(told) }, "Figures as JSON"),
        buttons(experiment, said?.winner, changed),
      ),
    ),
    experiment.question && h("p", { class: "question" }, experiment.question),
  ];
}

function save(told) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(told, null, 1)], { type: "application/json" }));
  h("a", { href: url, download: `${told.name}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function saidOf(experiment, said, rows, told, state, verdict) {
  if (experiment.started_at === null) {
    return h(
      "div",
      { class: "verdict wait" },
      h(
        "p",
        {},
        experiment.status === "draft"
          ? "It is a draft: nothing is changed until it is started."
          : "It was stopped before it started.",
      ),
    );
  }
  const { tone, word } = verdictOf(said);
  const units = Object.values(unitsOf(told?.report, verdict)).reduce((sum, n) => sum + n, 0);
  const counted = units > 0 ? count(units, experiment.unit) : "";
  const asOf = told?.range_to ?? verdict?.to_at;
  const stale =
    state.trouble &&
    `${told ? "" : "This is the newest verdict. "}Newer figures cannot be told now: ${spoken(state.trouble.message)}`;
  const notes = told?.report?.notes ?? [];
  return h(
    "div",
    { class: `verdict ${tone}`, role: "status" },
    h(
      "p",
      { class: "what" },
      mark({ tone, word }),
      asOf ? h("span", { class: "quiet" }, ` with the data until ${time(asOf)}${counted ? `, ${counted}` : ""}`) : null,
    ),
    !told && !state.trouble && h("p", { class: "quiet" }, awaited(verdict)),
    h("p", { class: "sentence" }, sentence(experiment, said, rows, told?.why_none ?? "")),
    experiment.adopted &&
      h(
        "p",
        {},
        `${experiment.adopted} is adopted: the line works with ${experiment.parameter} = `,
        `${valued(valueIn(experiment, experiment.adopted))}.`,
      ),
    stale && h("p", { class: "quiet" }, stale),
    notes.length > 0 &&
      h(
        "details",
        {},
        h("summary", {}, count(notes.length, "note")),
        h(
          "ul",
          {},
          notes.map((note) => h("li", {}, note)),
        ),
      ),
  );
}

/** Until the warehouse has told the newest: what is shown is of then, not of now. */
export const awaited = (verdict) =>
  verdict
    ? `The last verdict, of ${time(verdict.to_at)}; the newest is being computed…`
    : "No verdict yet; the first is being computed…";

export function planOf(experiment) {
  const share = percent(experiment.buckets / BUCKETS, 1);
  const modes = {
    sequential: "at any time, by confidence sequences",
    fixed: "once, at the planned end",
    bandit: "as it goes; better arms get more",
  };
  const facts = {
    unit: experiment.unit,
    layer: `${experiment.layer}, ${share} of its units`,
    verdict:
      (modes[experiment.mode] ?? experiment.mode) + (experiment.adopt_winner ? "; a winner is adopted by itself" : ""),
    metrics: experiment.metrics.join(", "),
    guardrails: experiment.guardrails.join(", ") || "none",
    covariates: experiment.covariates.join(", ") || "none",
    cluster: experiment.cluster ?? "none",
    started: experiment.started_at ? `${time(experiment.started_at)}, ${ago(experiment.started_at)}` : "not yet",
  };
  return panel(
    "Plan",
    h(
      "dl",
      {},
      Object.entries(facts).map(([name, fact]) => [h("dt", {}, name), h("dd", {}, fact)]),
    ),
  );
}

export function changesOf(changes) {
  const rows = [...changes]
    .reverse()
    .map((one) =>
      h(
        "li",
        {},
        h("time", { class: "quiet" }, time(one.at)),
        h(
          "span",
          {},
          h("strong", {}, one.change.replaceAll("_", " ")),
          ` by ${one.by}`,
          one.reason && h("span", { class: "quiet" }, `: ${one.reason}`),
        ),
      ),
    );
  return panel("What happened", h("ol", { class: "changes" }, rows));
}
