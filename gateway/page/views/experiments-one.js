/** One experiment: what it says in a sentence, how sure that is, how it became known, and what can be done now. */

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { panel } from "../ui.js";
import { course } from "./experiments-chart.js";
import { arms, effects, funnelOf, guardrails, sample } from "./experiments-figures.js";
import { looking } from "./experiments-looking.js";
import { changesOf, head, planOf, saidOf } from "./experiments-parts.js";
import { bandSaid, comparisons, extentOf, foremost, heard, seen } from "./experiments-said.js";

const LOOK_MS = 5000; // at the record and the verdict
const REPORT_MS = 15_000; // at the warehouse
const at = (name) => `/api/experiments/${encodeURIComponent(name)}`;

export async function one(context, first, name) {
  const state = {
    query: first,
    shown: await get(at(name)),
    told: null,
    trouble: null,
    reportAt: 0,
    courses: new Map(),
  };
  const parts = Object.fromEntries(
    ["head", "said", "figures", "time", "sample", "guards", "arms", "funnel", "plan", "changes"].map((part) => [
      part,
      h("div"),
    ]),
  );
  context.keys({ Escape: () => context.go("/experiments") });

  async function look(holds) {
    const shown = await get(at(name));
    if (!holds()) return null;
    state.shown = shown;
    draw();
    if (Date.now() >= state.reportAt && shown.experiment.started_at !== null) await report(holds);
    return state.shown.experiment.status === "running" ? LOOK_MS : 4 * LOOK_MS;
  }

  async function report(holds) {
    let told = state.told;
    let trouble = null;
    try {
      told = await get(`${at(name)}/report`);
    } catch (error) {
      trouble = error;
    }
    if (!holds()) return;
    Object.assign(state, { told, trouble, reportAt: Date.now() + (trouble ? 4 * REPORT_MS : REPORT_MS) });
    draw();
  }

  const changed = (record) => {
    state.shown = { ...state.shown, experiment: record };
    state.reportAt = 0;
    draw();
    end.now();
  };

  function draw() {
    const { experiment, verdict } = state.shown;
    const told = state.told;
    const report = told?.report ?? null;
    const said = report ? { verdict: report.verdict, winner: report.winner, reasons: report.reasons } : verdict;
    const least = told?.units_min ?? {};
    const rows = comparisons(experiment, report, verdict, least);
    redrawn(parts.head, [experiment.version, said?.winner, Math.floor(Date.now() / 60_000)], () =>
      head(experiment, said, changed, told),
    );
    redrawn(parts.said, [experiment.version, said, told?.range_to ?? null, state.trouble?.message], () =>
      saidOf(experiment, said, rows, told, state, verdict),
    );
    const pick = (metric) => context.setQuery({ metric });
    const metric =
      rows.find((row) => row.metric.spec === state.query.metric)?.metric ?? foremost(rows, said?.winner)[0]?.metric;
    redrawn(
      parts.figures,
      [experiment.version, rows, metric?.spec],
      () => rows.length > 0 && effects(experiment, rows, metric, pick, report),
    );
    drawTime(experiment, metric, rows.length);
    redrawn(
      parts.sample,
      [report?.srm ?? verdict?.figures, experiment.version],
      () => experiment.started_at && sample(experiment, report, verdict, told),
    );
    redrawn(parts.guards, [experiment.guardrails, report?.guardrails], () => guardrails(experiment, report, least));
    redrawn(parts.arms, [experiment.version], () => arms(experiment));
    redrawn(
      parts.funnel,
      [told?.funnel],
      () => told && Object.values(told.funnel).some((stages) => stages[0]?.count) && funnelOf(experiment, told.funnel),
    );
    redrawn(parts.plan, [experiment.version], () => planOf(experiment));
    redrawn(parts.changes, [state.shown.changes.length], () => changesOf(state.shown.changes));
  }

  function drawTime(experiment, metric, compared) {
    const looks = state.told?.looks ?? [];
    const least = metric && (state.told?.units_min?.[metric.name] ?? state.told?.units_min?.[metric.spec]);
    const heardOf = (one) => (looks.length ? seen(looks, one, least) : heard(state.shown.verdicts ?? [], one));
    const all = metric ? heardOf(metric) : new Map();
    parts.time.hidden = !all.size;
    const key = JSON.stringify([metric?.spec, [...all.keys()], compared]);
    if (parts.time.dataset.key !== key) {
      parts.time.dataset.key = key;
      const courseOf = (arm) => course(metric, titleOf(metric, arm, experiment), compared > 1);
      state.courses = new Map([...all.keys()].map((arm) => [arm, courseOf(arm)]));
      fill(
        parts.time,
        all.size > 0 &&
          panel(
            "How the effect became known",
            h("p", { class: "quiet" }, bandSaid(compared)),
            [...state.courses.values()].map((one) => one.element),
          ),
      );
    }
    const extent = extentOf([...all.values()]);
    for (const [arm, one] of state.courses) one.show(all.get(arm), extent);
  }

  draw();
  const end = looking(look, LOOK_MS);
  end.now(); // the verdict is there at once, the figures when the warehouse has told them
  const { head: top, said, figures, time: courses, ...rest } = parts;
  const element = h(
    "div",
    { class: "stack" },
    top,
    said,
    h(
      "div",
      { class: "study" },
      h("div", { class: "stack" }, figures, courses, rest.funnel, rest.changes),
      h("div", { class: "stack" }, rest.arms, rest.sample, rest.guards, rest.plan),
    ),
  );
  return { element, change: (query) => ((state.query = query), draw()), leave: end };
}

const titleOf = (metric, arm, { control }) => `${metric.name}: “${arm}” beside “${control}”`;

/** Draws a part anew only when what it shows is another: focus and selection stay. */
function redrawn(box, sign, make) {
  const key = JSON.stringify(sign);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  const made = make();
  fill(box, made || null);
  box.hidden = !made;
}
