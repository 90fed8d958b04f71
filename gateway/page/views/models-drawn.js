/** Two drawings of a model in use: what it expected beside what came true, and its success beside that of the rules. */

import { h, svg } from "../dom.js";
import { date, number } from "../format.js";

const WIDTH = 360;
const HEIGHT = 200;
const LEFT = 44;
const RIGHT = 10;
const TOP = 8;
const BOTTOM = 24;
const FEW = 10; // decisions: a share of fewer is drawn pale

const y = (share) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
const across = (part) => LEFT + part * (WIDTH - LEFT - RIGHT);
const percents = (share) => `${Math.round(100 * share)} %`;

/** Shares from 0 to 1 upwards; `below`: [[part of the width, words]]. */
function frame(label, below, ...content) {
  const grid = [0, 0.5, 1].map((share) => [
    svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(share), y2: y(share) }),
    svg("text", { class: "axis", x: LEFT - 6, y: y(share) + 4, "text-anchor": "end" }, percents(share)),
  ]);
  const times = below.map(([part, words]) => {
    const anchor = part === 0 ? "start" : part === 1 ? "end" : "middle";
    return svg("text", { class: "axis", x: across(part), y: HEIGHT - 6, "text-anchor": anchor }, words);
  });
  const drawn = { class: "drawn", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": label };
  return svg("svg", drawn, grid, times, ...content);
}

const path = (points) => points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(" ");

/** `bands`: { expected, observed, decisions, apart }; on the dashed line what it says is what happens. */
export function curve(bands) {
  const told = bands.map((one) => `${percents(one.expected)} expected, ${percents(one.observed)} came true`).join("; ");
  const places = bands.map((one) => [across(one.expected), y(one.observed)]);
  const most = Math.max(1, ...bands.map((one) => one.decisions));
  const dots = bands.map((one, n) =>
    svg("circle", {
      class: one.apart === null ? "few" : "",
      cx: places[n][0],
      cy: places[n][1],
      r: 3 + 5 * Math.sqrt(one.decisions / most),
    }),
  );
  const below = [0, 0.5, 1].map((share) => [share, `${percents(share)}${share === 0.5 ? " expected" : ""}`]);
  return frame(
    `Calibration curve. ${told}.`,
    below,
    svg("line", { class: "ideal", x1: across(0), x2: across(1), y1: y(0), y2: y(1) }),
    svg("polyline", { class: "learned", points: path(places) }),
    dots,
  );
}

/** `rows`: { from_time, learned_accurate, rules_accurate, learned, by_rules }, oldest first; a share may be null. */
export function overTime(rows) {
  const at = (row) => Date.parse(`${row.from_time.replace(" ", "T")}Z`);
  const [from, to] = [at(rows[0]), at(rows.at(-1))];
  const x = (row) => across(to === from ? 0.5 : (at(row) - from) / (to - from));
  const series = [
    ["learned", "learned_accurate", "learned"],
    ["rules", "rules_accurate", "by_rules"],
  ].map(([name, share, count]) => {
    const known = rows.filter((row) => row[share] !== null);
    const dot = (row) =>
      svg("circle", { class: `${name} ${row[count] < FEW ? "few" : ""}`, cx: x(row), cy: y(row[share]), r: 3 });
    return [svg("polyline", { class: name, points: path(known.map((row) => [x(row), y(row[share])])) }), known.map(dot)];
  });
  const day = (ms) =>
    date(1000 * ms).toLocaleString("en-GB", { day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit" });
  const below = to === from ? [[0.5, day(from)]] : [[0, day(from)], [1, day(to)]]; // prettier-ignore
  const sum = (name) => rows.reduce((total, row) => total + Number(row[name]), 0);
  const mean = (share, count) =>
    sum(count) ? percents(rows.reduce((all, row) => all + (row[share] ?? 0) * Number(row[count]), 0) / sum(count)) : "–";
  const learned = `Learned ${mean("learned_accurate", "learned")} of ${number(sum("learned"))} tasks`;
  const rules = `rules ${mean("rules_accurate", "by_rules")} of ${number(sum("by_rules"))}`;
  return h(
    "figure",
    { class: "over-time" },
    h("figcaption", {}, h("span", { class: "key learned" }, learned), " ", h("span", { class: "key rules" }, rules)),
    frame(`Right at the first attempt, over time. ${learned}, ${rules}.`, below, series),
  );
}
