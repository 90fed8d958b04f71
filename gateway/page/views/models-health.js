/** Whether the model in use still holds: what it expected beside what came of it, and whether the tasks are others. */

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { number } from "../format.js";
import { panel } from "../ui.js";
import { curve, overTime } from "./models-drawn.js";
import { driftIn, expectedIn } from "./models-said.js";

const DAYS = 7;
const BARS = "The bar is what came true, the mark what was expected. ";
const HALF = "What is completed counts half until somebody says how good it was.";
const BANDS = ["It said", "Expected", "Came true", "", "Decisions"];

/** A panel that fills itself; it looks once, for the figures are of a week. */
export function health() {
  const box = h("div", { class: "stack" }, h("p", { class: "quiet" }, "Looking into the warehouse…"));
  tell(box);
  return panel(`Does it still hold? The last ${DAYS} days`, box);
}

async function tell(box) {
  const names = ["calibration", "task_drift", "learned_over_time"];
  const asked = names.map((name) => get(`/api/questions/${name}?hours=${24 * DAYS}`));
  try {
    const [calibration, drift, overall] = (await Promise.all(asked)).map(rowsOf);
    fill(box, h("div", { class: "grid2" }, expectations(calibration), h("div", { class: "stack" }, against(overall), drifts(drift))));
  } catch (error) {
    fill(box, h("p", { class: "quiet" }, `This takes the warehouse, which does not answer: ${error.message}`));
  }
}

const rowsOf = ({ columns, rows }) =>
  rows.map((row) => Object.fromEntries(columns.map((name, n) => [name, row[n]])));

const percents = (share) => `${Math.round(100 * share)} %`;

function expectations(bands) {
  const { tone, words } = expectedIn(bands);
  const rows = bands.map(({ band, expected, observed, decisions, apart }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, `${Math.round(100 * band)}–${Math.round(100 * band + 10)} %`),
      h("td", { class: "num" }, percents(expected)),
      h("td", { class: "num" }, percents(observed)),
      h("td", {}, track(expected, observed, apart === null)),
      h("td", { class: "num quiet" }, number(decisions)),
    ),
  );
  return h(
    "section",
    { aria: { label: "Expected and observed success" } },
    h("h3", {}, "Expected success, and what came of it"),
    h("p", { class: tone }, words),
    rows.length > 0 && curve(bands),
    rows.length > 0 && tableOf("Success by band", BANDS, [1, 2, 4], rows),
    h("p", { class: "quiet" }, h("span", { class: "of-bars" }, BARS), "Within 10 points is normal. ", HALF),
  );
}

/** The learned router beside the rules, which choose some of the tasks at all times. */
function against(rows) {
  return h(
    "section",
    { aria: { label: "Learned beside the rules" } },
    h("h3", {}, "Right at the first attempt"),
    rows.length ? overTime(rows) : h("p", { class: "quiet" }, "No task has ended in this time."),
  );
}

/** A bar as long as what came true, with a mark at what was expected; pale where there are too few to say. */
function track(expected, observed, few) {
  const bar = h("i", { style: { width: `${100 * observed}%` } });
  const mark = h("b", { style: { left: `${100 * expected}%` } });
  return h("span", { class: few ? "track few" : "track", aria: { hidden: true } }, bar, mark);
}

function drifts(features) {
  const { tone, words } = driftIn(features);
  const rows = features.map(({ feature, psi }) => {
    const { tone: is, word } = driftIn([{ psi, feature }]);
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, feature),
      h("td", { class: "num" }, psi.toFixed(2)),
      h("td", { class: is }, word),
    );
  });
  return h(
    "section",
    { aria: { label: "Drift of the tasks" } },
    h("h3", {}, "Tasks of late, beside those it learned from"),
    h("p", { class: tone }, words),
    rows.length > 0 && tableOf("Drift by feature", ["What of the task", "PSI", ""], [1], rows),
    h("p", { class: "quiet" }, "Population stability index: below 0.1 they are alike, from 0.25 they are others."),
  );
}

function tableOf(label, heads, numbers, rows) {
  const unseen = (name) => h("span", { class: "hidden" }, name);
  const cells = heads.map((name, n) =>
    h("th", { scope: "col", class: numbers.includes(n) ? "num" : "" }, name || unseen("In a picture or word")),
  );
  return h("table", { aria: { label } }, h("thead", {}, h("tr", {}, cells)), h("tbody", {}, rows));
}
