/** The figures of an experiment: effects beside control, guardrails, units against the plan, how far tasks came. */

import { h } from "../dom.js";
import { count, number, percent } from "../format.js";
import { panel } from "../ui.js";
import { against, interval, reachOf } from "./experiments-chart.js";
import { mark } from "./experiments-list.js";
import {
  BUCKETS,
  between,
  effectOf,
  guards,
  pOf,
  relativeOf,
  unitsOf,
  valueOf,
  valued,
  widthOf,
} from "./experiments-said.js";

const SIGNS = { unsure: { tone: "wait" }, good: { tone: "good" }, bad: { tone: "bad" } };

/** A row a metric and arm; choosing a metric shows how it became known. */
export function effects(experiment, rows, chosen, pick, report) {
  const reach = (metric) => reachOf(rows.filter((row) => row.metric.spec === metric.spec).map((row) => row.relative));
  const several = experiment.arms.length > 2;
  const span = report?.mode === "fixed" ? "95 % interval" : "95 % sequence";
  const heads = ["Metric", "Arm", "Control", "Arm's value", "Effect", span, "", "p", "Units"];
  const line = (row) => {
    const [at, low, high] = [row.relative.effect, row.relative.low, row.relative.high].map(relativeOf);
    const said = row.few ? `${at}, of too few units to say how sure` : `${at}, between ${low} and ${high}`;
    const direction = row.metric.lower ? " ↓" : "";
    const name = h(
      "button",
      {
        type: "button",
        class: "plain metric",
        "aria-pressed": String(row.metric.spec === chosen?.spec),
        title: row.metric.lower ? "Less is better" : "More is better",
        onclick: () => pick(row.metric.spec),
      },
      row.metric.name,
      direction,
    );
    const cells = [
      ["Arm", row.arm, ""],
      ["Control", valueOf(row.metric, row.base), "num"],
      ["Arm's value", valueOf(row.metric, row.value), "num"],
      [
        "Effect",
        h(
          "span",
          {},
          h("span", { class: "by" }, effectOf(row.metric, row.effect, widthOf(row))),
          mark({ ...SIGNS[row.tone], word: row.word }),
        ),
        "",
      ],
      [span, between(row.metric, row.low, row.high), "num"],
      [
        "",
        h(
          "span",
          { class: "drawn", title: said },
          interval({ ...row.relative, tone: row.tone }, reach(row.metric), `As a share of control: ${said}`),
          h("span", { class: "quiet" }, relativeOf(row.relative.effect)),
        ),
        "",
      ],
      ["p", pOf(row.p), "num"],
      ["Units", number(row.units), "num"],
    ];
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, name),
      cells
        .filter(([label]) => several || label !== "Arm")
        .map(([label, cell, kind]) => h("td", { class: kind, data: { label } }, cell)),
    );
  };
  return panel(
    `Effects beside ${experiment.control}`,
    h(
      "div",
      { class: "scrolls" },
      h(
        "table",
        { class: "cards effects" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            heads
              .filter((name) => several || name !== "Arm")
              .map((name) =>
                h(
                  "th",
                  { scope: "col", class: ["Control", "Arm's value", "p", "Units", span].includes(name) ? "num" : "" },
                  name || "As a share of control",
                ),
              ),
          ),
        ),
        h("tbody", {}, rows.map(line)),
      ),
    ),
    h(
      "p",
      { class: "quiet" },
      "A bar is where the true effect may be, each metric on a scale of its own; one that touches the middle line is ",
      "not certain. ↓ less is better. A metric’s name shows how it became known.",
    ),
  );
}

export function guardrails(experiment, report, least) {
  if (!experiment.guardrails.length) return null;
  const rows = guards(experiment, report, least);
  const span = ({ metric, effect, low, high }) =>
    ` ${effectOf(metric, effect, widthOf({ low, high }))}, ${between(metric, low, high)}`;
  const line = ({ metric, arm, stops, ...found }) =>
    h(
      "li",
      {},
      mark(stops ? { tone: "bad", word: "worse: stop the arm" } : { tone: "good", word: "holds" }),
      h("span", {}, ` ${metric.name}${experiment.arms.length > 2 ? `, ${arm}` : ""}`),
      h("span", { class: "quiet" }, span({ metric, ...found })),
    );
  const none = `Nothing is known yet of ${experiment.guardrails.join(", ")}, or it is the same for all.`;
  return panel(
    "Guardrails",
    rows.length ? h("ul", { class: "guards" }, rows.map(line)) : h("p", { class: "quiet" }, none),
  );
}

/** Units by arm against the plan, and whether they differ from it by more than chance. */
export function sample(experiment, report, verdict, told) {
  const counts = unitsOf(report, verdict, told?.funnel);
  const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
  const live = experiment.arms.filter((arm) => !arm.stopped);
  const whole = live.reduce((sum, arm) => sum + arm.share, 0);
  const planned = (arm) => report?.srm.expected[arm.name] ?? (total * arm.share) / whole;
  const most = Math.max(1, ...live.flatMap((arm) => [counts[arm.name] ?? 0, planned(arm)]));
  const rows = live.map((arm) =>
    h(
      "li",
      {},
      h("span", {}, arm.name),
      against(counts[arm.name] ?? 0, planned(arm), most),
      h("span", { class: "num" }, number(counts[arm.name] ?? 0)),
      h("span", { class: "quiet" }, `planned ${number(Math.round(planned(arm)))}`),
    ),
  );
  return panel(
    "Is the sample as planned?",
    judgedSample(report, verdict, experiment),
    h("ul", { class: "samples" }, rows),
  );
}

function judgedSample(report, verdict, experiment) {
  if (!report && !verdict?.figures.length)
    return h("p", { class: "quiet" }, `No ${experiment.unit} has been counted yet.`);
  const p = report?.srm.p ?? verdict?.srm_p;
  const alarm = report?.srm.alarm ?? verdict?.verdict === "invalid";
  if (alarm)
    return h(
      "p",
      {},
      mark({ tone: "bad", word: "No" }),
      `: the arms did not get their planned shares (p ${pOf(p)}). No effect of it can be believed: `,
      "stop it and find out why.",
    );
  const always = report ? `, at any look ${pOf(report.srm.sequential_p)}` : "";
  return h(
    "p",
    {},
    mark({ tone: "good", word: "Yes" }),
    `: the shares differ from the plan no more than chance brings (p ${pOf(p)}${always}).`,
  );
}

export function arms(experiment) {
  const rows = experiment.arms.map((arm) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, arm.name, arm.stopped && h("span", { class: "badge bad" }, " ✕ stopped")),
      h("td", {}, h("code", { title: arm.value }, valued(arm.value))),
      h("td", { class: "num" }, percent(arm.share / BUCKETS)),
    ),
  );
  const head = h(
    "thead",
    {},
    h(
      "tr",
      {},
      h("th", { scope: "col" }, "Arm"),
      h("th", { scope: "col" }, experiment.parameter),
      h("th", { scope: "col", class: "num" }, "Share"),
    ),
  );
  return panel("Arms", h("table", { class: "arms-of" }, head, h("tbody", {}, rows)));
}

/** How many of the tasks of an arm got how far. */
export function funnelOf(experiment, funnel) {
  const names = Object.keys(funnel).sort((a, b) => (b === experiment.control) - (a === experiment.control));
  const stages = funnel[names[0]].map((one) => one.stage);
  const cell = (arm, i) => {
    const { count: n } = funnel[arm][i];
    const first = funnel[arm][0].count;
    return h(
      "td",
      { class: "num", data: { label: stages[i] } },
      number(n),
      i > 0 && first > 0 && h("span", { class: "quiet" }, ` ${percent(n / first)}`),
    );
  };
  const rows = names.map((arm) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, arm),
      stages.map((_, i) => cell(arm, i)),
    ),
  );
  const head = h(
    "thead",
    {},
    h(
      "tr",
      {},
      h("th", { scope: "col" }, "Arm"),
      stages.map((stage) => h("th", { scope: "col", class: "num" }, stage)),
    ),
  );
  return panel(
    "From exposed to accepted",
    h("p", { class: "quiet" }, `Tasks by how far they came; ${count(names.length, "arm")}.`),
    h("table", { class: "cards" }, head, h("tbody", {}, rows)),
  );
}
