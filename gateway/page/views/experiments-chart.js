/** Drawings of experiments: an effect over time with the band in which it lies, and intervals in a row of a table. */

import { fill, h, say, svg } from "../dom.js";
import { date, fullTime, number } from "../format.js";
import { between, effectOf, extentOf, judged, ticks } from "./experiments-said.js";

const TOP = 8;
const BOTTOM = 22;
const LEFT = 84;
const RIGHT = 12;
const HEIGHT = 220;

/**
 * `metric`, `looks`: [{ at, effect, low, high, units }], oldest first; `extent`: a scale shared by charts. Gives
 * { element, show(looks, extent) }. `alone`: there are other comparisons, which its band does not allow for. The readout
 * follows the pointer; the same is in words and as a table.
 */
export function course(metric, title, alone = false) {
  let looks = [];
  let extent = [-1, 1];
  let width = 0;
  const drawing = svg("svg", { class: "course", role: "img" });
  const words = h("p", { class: "quiet" });
  const readout = h("p", { class: "readout quiet", aria: { hidden: "true" } });
  const rows = h("tbody");
  const table = h(
    "details",
    {},
    h("summary", {}, "As a table"),
    h("div", { class: "scrolls" }, h("table", {}, head(), rows)),
  );
  const element = h(
    "figure",
    { class: "course-of" },
    h("figcaption", {}, h("h3", {}, title), words),
    drawing,
    readout,
    table,
  );
  new ResizeObserver(([entry]) => {
    if (Math.round(entry.contentRect.width) === width) return;
    width = Math.round(entry.contentRect.width);
    draw();
  }).observe(element);
  drawing.addEventListener("pointermove", (event) => point(event.offsetX));
  drawing.addEventListener("pointerleave", () => point(null));

  function show(now, scale) {
    looks = now;
    extent = scale ?? extentOf([now]);
    const last = looks.at(-1);
    const { word } = last ? judged(metric, last.effect, last.low, last.high) : {};
    const better = metric.lower ? "Down" : "Up";
    const certain = word === "unclear" ? "zero is still possible" : `zero is ruled out, so it is ${word}`;
    say(
      words,
      last
        ? `${better} is better. Now ${effectOf(metric, last.effect, last.high - last.low)}, between ` +
            `${between(metric, last.low, last.high, "and")}${alone ? ", taken alone" : ""}: ${certain}.`
        : "No look yet.",
    );
    drawing.setAttribute("aria-label", `${title}. ${words.textContent}`);
    fill(
      rows,
      looks.map((look) =>
        h("tr", {}, [
          h("td", {}, h("time", {}, fullTime(look.at).slice(0, 19))),
          ...cells(look).map((text) => h("td", { class: "num" }, text)),
        ]),
      ),
    );
    draw();
    point(null);
  }

  const cells = (look) => [
    number(look.units),
    effectOf(metric, look.effect, look.high - look.low),
    between(metric, look.low, look.high),
  ];

  function places() {
    const [from, to] = [looks[0].at, looks.at(-1).at];
    const [low, high] = extent;
    const inside = (value) => Math.min(high, Math.max(low, value));
    const x = (at) => LEFT + ((at - from) / (to - from || 1)) * (width - LEFT - RIGHT);
    const y = (value) => TOP + ((high - inside(value)) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    return { x, y };
  }

  function draw() {
    if (!looks.length || width < 120) return;
    const { x, y } = places();
    drawing.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    const last = looks.at(-1);
    const { tone } = judged(metric, last.effect, last.low, last.high);
    const bound = (value, other) => (value === null || !Number.isFinite(value) ? extent[other] : value);
    const upper = looks.map((one) => `${x(one.at).toFixed(1)},${y(bound(one.high, 1)).toFixed(1)}`);
    const lower = looks.map((one) => `${x(one.at).toFixed(1)},${y(bound(one.low, 0)).toFixed(1)}`).reverse();
    const line = looks.map((one) => `${x(one.at).toFixed(1)},${y(one.effect).toFixed(1)}`);
    fill(
      drawing,
      ticks(...extent, 4).map((value) => [
        svg("line", {
          class: Math.abs(value) < 1e-12 ? "zero" : "grid",
          x1: LEFT,
          x2: width - RIGHT,
          y1: y(value),
          y2: y(value),
        }),
        svg(
          "text",
          { class: "axis", x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" },
          Math.abs(value) < 1e-12
            ? "no effect"
            : effectOf(metric, value, extent[1] - extent[0]).replace(" points", " pt"),
        ),
      ]),
      moments().map((at, i, all) =>
        svg(
          "text",
          {
            class: "axis",
            x: x(at),
            y: HEIGHT - 6,
            "text-anchor": i === 0 ? "start" : i === all.length - 1 ? "end" : "middle",
          },
          clock(at),
        ),
      ),
      svg("polygon", { class: `band ${tone}`, points: [...upper, ...lower].join(" ") }),
      svg("polyline", { class: `effect ${tone}`, points: line.join(" ") }),
      svg("circle", { class: `effect ${tone}`, cx: x(last.at), cy: y(last.effect), r: 3.5 }),
      svg("line", { class: "cursor", y1: TOP, y2: HEIGHT - BOTTOM }),
    );
    point(null);
  }

  function moments() {
    const [from, to] = [looks[0].at, looks.at(-1).at];
    const many = to === from ? 1 : width < 420 ? 2 : 4;
    return many === 1 ? [from] : Array.from({ length: many }, (_, i) => from + ((to - from) * i) / (many - 1));
  }

  function clock(at) {
    const long = looks.at(-1).at - looks[0].at > 2 * 86_400_000_000;
    return date(at).toLocaleString(
      "en-GB",
      long ? { day: "2-digit", month: "short" } : { hour: "2-digit", minute: "2-digit" },
    );
  }

  function point(offset) {
    const cursor = drawing.querySelector(".cursor");
    if (!cursor) return;
    cursor.style.display = offset === null ? "none" : "";
    if (offset === null) return void (readout.textContent = "\u00a0");
    const { x } = places();
    const near = looks.reduce((best, one) =>
      Math.abs(x(one.at) - offset) < Math.abs(x(best.at) - offset) ? one : best,
    );
    cursor.setAttribute("x1", x(near.at));
    cursor.setAttribute("x2", x(near.at));
    const [units, effect, span] = cells(near);
    say(readout, `${fullTime(near.at).slice(0, 16)}: ${effect}, ${span}, ${units} units`);
  }

  return { element, show };
}

const head = () =>
  h(
    "thead",
    {},
    h(
      "tr",
      {},
      ["Until, UTC", "Units", "Effect", "Between"].map((name, i) =>
        h("th", { scope: "col", class: i ? "num" : "" }, name),
      ),
    ),
  );

/** An interval beside zero on a scale that the rows of a table share: `reach` is its end on both sides. */
export function interval({ low, effect, high, tone }, reach, said) {
  if (low === null || high === null || effect === null) return h("span", { class: "quiet" }, "–");
  const place = (value) => 50 + (48 * Math.max(-reach, Math.min(reach, value))) / (reach || 1);
  const [from, at, to] = [place(low), place(effect), place(high)];
  return svg(
    "svg",
    { class: "interval", viewBox: "0 0 100 16", preserveAspectRatio: "none", role: "img", "aria-label": said },
    svg("line", { class: "zero", x1: 50, x2: 50, y1: 0, y2: 16 }),
    svg("rect", { class: tone, x: from, y: 5, width: Math.max(0.8, to - from), height: 6 }),
    svg("rect", { class: `mark ${tone}`, x: at - 0.6, y: 2, width: 1.2, height: 12 }),
  );
}

/** The end of a scale for intervals: the widest that is not out of all proportion to the others. */
export function reachOf(rows) {
  const ends = rows.flatMap(({ low, high, effect }) =>
    low === null || effect === null
      ? []
      : [Math.min(Math.max(Math.abs(low), Math.abs(high)), 4 * Math.abs(effect) + 0.2)],
  );
  return Math.max(0.02, ...ends.filter(Number.isFinite));
}

/** Units of an arm beside what its share of them would be: the upright stroke. */
export function against(count, planned, most) {
  const share = (value) => (98 * value) / (most || 1);
  return svg(
    "svg",
    {
      class: "against",
      viewBox: "0 0 100 12",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": `${number(count)}, planned ${number(planned)}`,
    },
    svg("rect", { class: "ground", x: 0, y: 3, width: 100, height: 6 }),
    svg("rect", { class: "good", x: 0, y: 3, width: share(count), height: 6 }),
    svg("rect", { class: "stroke", x: share(planned) - 0.4, y: 0, width: 0.8, height: 12 }),
  );
}
