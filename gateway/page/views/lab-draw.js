/** Drawings over simulated time: the load before a run, and its course, with what is broken meanwhile as bands. */

import { scale } from "../chart-scale.js";
import { fill, h, say, svg } from "../dom.js";
import { number } from "../format.js";
import { FAULTS, moments, simulated } from "./lab-said.js";

const LEFT = 48;
const RIGHT = 10;
const TOP = 16;
const BOTTOM = 22;
const ROWS = 60; // of the table

/**
 * `of(point)`: the value; `steps`: points are { from, to, value } instead of { minute }. `show({ points, total,
 * windows })` draws; the readout follows the pointer, and the same is in words and as a table.
 */
export function drawing({ title, unit, of, steps = false, height = 150, empty = "Nothing yet." }) {
  let shown = { points: [], total: 1, windows: [] };
  let width = 0;
  const picture = svg("svg", { class: "minutes", role: "img", height });
  const readout = h("span", { class: "at quiet", aria: { hidden: "true" } });
  const rows = h("tbody");
  const columns = [steps ? "From" : "After", unit];
  const heads = columns.map((name, n) => h("th", { scope: "col", class: n ? "num" : "" }, name));
  const table = h("table", {}, h("thead", {}, h("tr", {}, heads)), rows);
  const element = h(
    "figure",
    { class: "drawn", data: { chart: title } },
    h("figcaption", { class: "row spread" }, h("h3", {}, title), readout),
    picture,
    h("details", {}, h("summary", {}, "As a table"), h("div", { class: "scrolls" }, table)),
  );
  new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (now === width) return;
    width = now;
    draw();
  }).observe(element);
  picture.addEventListener("pointermove", (event) => point(event.offsetX));
  picture.addEventListener("pointerleave", () => point(null));

  const ends = ({ from, to, minute }) => (steps ? [from, to] : [minute, minute]);
  const x = (minute) => LEFT + (minute / shown.total) * (width - LEFT - RIGHT);

  function draw() {
    if (width < 100) return;
    const { points, total, windows } = shown;
    const axis = scale(Math.max(0, ...points.map(of)), { least: 4, wanted: height > 120 ? 3 : 2 });
    const floor = height - BOTTOM;
    const y = (value) => TOP + (floor - TOP) * (1 - value / axis.end);
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const line = points.map((one, n) => {
      const [from, to] = ends(one).map((minute) => x(minute).toFixed(1));
      return `${n ? "L" : "M"}${from},${y(of(one)).toFixed(1)}${steps ? `L${to},${y(of(one)).toFixed(1)}` : ""}`;
    });
    const [first, last] = points.length ? [x(ends(points[0])[0]), x(ends(points.at(-1))[1])] : [0, 0];
    fill(
      picture,
      windows.map((one) => band(one, floor)),
      axis.ticks.map((tick) => [
        svg("line", { class: "rule", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
        svg("text", { class: "tick", x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, number(tick)),
      ]),
      moments(total, Math.max(2, Math.floor((width - LEFT) / 72))).map(({ at, words }) => {
        const anchor = at === 0 ? "start" : x(at) > width - RIGHT - 16 ? "end" : "middle";
        return svg("text", { class: "tick", x: x(at), y: height - 6, "text-anchor": anchor }, words);
      }),
      points.length > 0 && [
        svg("path", { class: "area", d: `${line.join("")}L${last.toFixed(1)},${floor}L${first.toFixed(1)},${floor}Z` }),
        svg("path", { class: "line", d: line.join("") }),
      ],
      points.length === 1 && !steps && svg("circle", { class: "dot", cx: first, cy: y(of(points[0])), r: 2.5 }),
      !points.length && middle(empty),
      svg("line", { class: "hair", y1: TOP, y2: floor, visibility: "hidden" }),
    );
  }

  const middle = (words) =>
    svg("text", { class: "tick", x: (LEFT + width) / 2, y: height / 2, "text-anchor": "middle" }, words);

  /** What is broken: a band at least as wide as can be seen, and a mark above it that colour alone would not be. */
  function band({ from, to, kind }, floor) {
    const left = x(from);
    return [
      svg("rect", { class: `fault ${kind}`, x: left, y: TOP, width: Math.max(2, x(to) - left), height: floor - TOP }),
      svg("path", { class: `sign ${kind}`, d: `M${left - 4},${TOP - 10}h8l-4,7z` }),
    ];
  }

  function point(offset) {
    const hair = picture.querySelector(".hair");
    if (!hair) return;
    const { points, total, windows } = shown;
    const minute = offset === null ? -1 : ((offset - LEFT) / (width - LEFT - RIGHT)) * total;
    const near = minute < 0 || minute > total ? null : nearest(points, minute);
    hair.setAttribute("visibility", near ? "visible" : "hidden");
    if (!near) return say(readout, "");
    const at = steps ? minute : near.minute;
    hair.setAttribute("x1", x(at));
    hair.setAttribute("x2", x(at));
    const broken = windows.filter(({ from, to }) => at >= from && at <= to).map(({ kind }) => FAULTS[kind] ?? kind);
    say(readout, [simulated(at), `${number(of(near))} ${unit}`, ...new Set(broken)].join(" · "));
  }

  const nearest = (points, minute) =>
    steps
      ? points.find(({ from, to }) => minute >= from && minute <= to)
      : points.reduce((best, one) => (apart(one, minute) < apart(best, minute) ? one : best), points[0]);
  const apart = (one, minute) => Math.abs(one.minute - minute);

  function tabulate() {
    const { points } = shown;
    const every = Math.max(1, Math.ceil(points.length / ROWS));
    const some = points.filter((_, n) => n % every === every - 1 || n === points.length - 1);
    const row = (one) =>
      h("tr", {}, h("th", { scope: "row" }, simulated(ends(one)[0])), h("td", { class: "num" }, number(of(one))));
    fill(rows, some.map(row));
  }

  function show(now) {
    shown = { windows: [], ...now, total: now.total || 1 };
    const values = shown.points.map(of);
    const told = values.length
      ? `${number(values[0])} ${unit} at first, at least ${number(Math.min(...values))}, ` +
        `at most ${number(Math.max(...values))}, ${number(values.at(-1))} at the end of ${simulated(shown.total)}.`
      : empty;
    picture.setAttribute("aria-label", `${title}. ${told}`);
    tabulate();
    draw();
  }

  return { element, show };
}

/** What the marks above a drawing mean. */
export function faultLegend(plan) {
  const kinds = [...new Set(plan.faults.map(({ kind }) => kind))];
  const key = (kind) => {
    const sign = svg("path", { class: `sign ${kind}`, d: "M1,1h8l-4,7z" });
    return svg("svg", { class: "key", viewBox: "0 0 10 10", "aria-hidden": "true" }, sign);
  };
  return h(
    "ul",
    { class: "faults quiet" },
    kinds.map((kind) => h("li", {}, key(kind), FAULTS[kind] ?? kind)),
  );
}
