/** The elements that a chart is made of. */

import { h, svg } from "./dom.js";

/** Room around the lines [px]: for the figures, and for the times. */
export const LEFT = 52;
export const BOTTOM = 18;
export const TOP = 6;

const MARKS = { solid: "M-3,0a3,3 0 1,0 6,0a3,3 0 1,0 -6,0", dashed: "M-3,-3h6v6h-6z", dotted: "M0,-4l4,7h-8z" };

/** `hear`: what the plot listens to; `ontable`: when the table is opened. */
export function parts({ name, title, href, span, series }, hear, ontable) {
  const lines = series.map(({ tone, line, area }) => ({
    path: svg("path", { class: `line ${tone} ${line}` }),
    ground: area ? svg("path", { class: `area ${tone}` }) : null,
    mark: svg("path", { class: `mark ${tone}`, d: MARKS[line] }),
    value: h("span", { class: "value" }, "–"),
  }));
  const axis = svg("g", { class: "axis" });
  const grounds = lines.map((one) => one.ground).filter(Boolean);
  const sliding = svg("svg", { class: "sliding" }, grounds, lines.map((one) => one.path), axis);
  const hair = svg("line", { class: "hair" });
  const cross = svg("svg", { class: "cross" }, hair, lines.map((one) => one.mark));
  const grid = svg("svg", { class: "grid" });
  const why = h("p", { class: "why", hidden: true });
  const summary = h("p", { class: "hidden", id: `chart-${name}-summary` });
  const aria = { label: `${title}: a moment of it`, describedby: summary.id };
  const values = { valuemin: -span / 1000, valuemax: 0, valuenow: 0, valuetext: "now" };
  const plot = h(
    "div",
    { class: "plot", tabindex: 0, role: "slider", aria: { ...aria, ...values }, ...hear },
    grid,
    h("div", { class: "pane" }, sliding, cross),
    why,
  );
  const readout = h("span", { class: "at", aria: { hidden: true } });
  const { table, details } = tableOf(series, ontable);
  const element = h(
    "section",
    { class: "chart", data: { chart: name } },
    h("div", { class: "head" }, h("h3", {}, href ? h("a", { href }, title) : title), readout),
    legend(series, lines),
    plot,
    summary,
    details,
  );
  return { element, lines, axis, sliding, hair, cross, grid, why, summary, plot, readout, table, details };
}

function legend(series, lines) {
  const items = series.map((one, n) => h("li", {}, sample(one), `${one.label} `, lines[n].value));
  return h("ul", { class: "legend" }, items);
}

/** What a series looks like: its line and its mark. */
function sample({ tone, line }) {
  return svg(
    "svg",
    { class: "sample", width: 22, height: 10, "aria-hidden": "true" },
    svg("line", { class: `line ${tone} ${line}`, x1: 0, x2: 22, y1: 5, y2: 5 }),
    svg("path", { class: `mark ${tone}`, d: MARKS[line], transform: "translate(11,5) scale(.8)" }),
  );
}

function tableOf(series, ontoggle) {
  const heads = ["Time", ...series.map((one) => one.label)].map((label) => h("th", { scope: "col" }, label));
  const table = h("tbody");
  const whole = h("div", { class: "scrolls" }, h("table", {}, h("thead", {}, h("tr", {}, heads)), table));
  return { table, details: h("details", { ontoggle }, h("summary", {}, "Values as a table"), whole) };
}
