/**
 * A line chart of the last minutes that slides with the time.
 *
 *     const one = chart({ name: "waits", title: "Time to start", span: 900_000, format: duration, series, cursor });
 *     one.show(points);       // each has `at` [ms]; `series[n].of(point)` gives the value, null where nobody knows it
 *     one.slide(now);         // as often as one likes: it is drawn when it would look different
 *
 * A series is told by its dashes and its mark as well as by its colour. The readout works by pointer and by keys;
 * charts that share a cursor show the same moment. What is drawn is also there in words, and as a table.
 */

import { BOTTOM, LEFT, TOP, parts } from "./chart-parts.js";
import { nearest, scale, times } from "./chart-scale.js";
import { fill, h, say, svg } from "./dom.js";
import { clock, duration, minute } from "./format.js";
import { sheet } from "./ui.js";

const STEP_MS = 5000; // between two points, unless `range` says something else
const GAP_STEPS = 4; // what is so many of them apart is not joined by a line
const LATE_MS = 1500; // the right end lags by so much: a new point comes in from outside
const NEAR = { rootMargin: "200px" }; // what is farther from the screen does not slide; it is drawn all the same
const NOTHING_YET = "Nothing is known yet; the first points come within seconds.";
const MANY = 1e9;
const STEPS = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -12, ArrowUp: 12, Home: -MANY, End: MANY };
const SUMMARY_MS = 10_000;

/** The moment that the reader looks at, shared by charts. */
export class Cursor {
  constructor() {
    this.at = null;
    this.heard = new Set();
  }

  set(at) {
    if (at === this.at) return;
    this.at = at;
    for (const hear of this.heard) hear();
  }
}

export function chart(options) {
  return new Chart(options);
}

class Chart {
  /**
   * `least`: the axis reaches at least so far. `limit`: { value, label }. `empty(points)`: why not. `weighs(point)`:
   * whether it is of enough to make the axis higher; what is not may lie beyond it, and it is said how far.
   */
  constructor(options) {
    sheet("chart");
    const { cursor, series, format, axis = format, unit = "", least = 1, limit = null, weighs = () => true } = options;
    Object.assign(this, { ...options, axis, unit, least, limit, weighs });
    this.gap = GAP_STEPS * STEP_MS;
    this.points = [];
    this.end = null;
    this.seen = true;
    this.size = null;
    const hear = {
      onpointermove: (event) => this.#follow(event),
      onpointerdown: (event) => this.#follow(event),
      onpointerleave: () => this.#leave(),
      onkeydown: (event) => this.#press(event),
      onblur: () => this.#leave(),
    };
    this.parts = parts(options, hear, () => this.#tabulate());
    this.lines = series.map((one, n) => ({ ...one, ...this.parts.lines[n] }));
    this.element = this.parts.element;
    cursor.heard.add(() => this.#point());
    new ResizeObserver(() => this.#resize()).observe(this.parts.plot);
    new IntersectionObserver((entries) => this.#see(entries.at(-1).isIntersecting), NEAR).observe(this.parts.plot);
  }

  /** How much time it shows, and how far its points lie apart [ms]. To be shown its points next. */
  range(span, step = STEP_MS) {
    Object.assign(this, { span, gap: GAP_STEPS * step, timed: null, summarised: null });
    this.parts.plot.setAttribute("aria-valuemin", -span / 1000);
  }

  show(points) {
    this.points = points;
    if (this.end === null && points.length) this.end = points.at(-1).at;
    this.#draw();
  }

  slide(now) {
    const end = now - LATE_MS;
    if (this.size === null || !this.seen) return void (this.end = end);
    const moved = ((end - this.end) / this.span) * this.size.width * devicePixelRatio;
    if (this.end !== null && moved >= 0 && moved < 0.5) return;
    this.end = end;
    this.#move();
  }

  // --- drawing

  #resize() {
    const { clientWidth, clientHeight } = this.parts.plot;
    if (!clientWidth || !clientHeight) return;
    this.size = { width: clientWidth - LEFT, height: clientHeight - BOTTOM - TOP };
    this.#draw();
  }

  #see(seen) {
    this.seen = seen;
    if (seen) this.#move();
  }

  #draw() {
    if (this.size === null) return;
    const { width, height } = this.size;
    const from = (this.end ?? 0) - this.span - this.gap;
    const shown = this.points.filter((point) => point.at >= from);
    const mostOf = (points) => Math.max(0, ...points.flatMap((point) => this.series.map((one) => one.of(point) ?? 0)));
    const most = mostOf(shown);
    const told = shown.filter(this.weighs);
    const wanted = height > 200 ? 5 : height > 110 ? 3 : 2;
    const axis = scale(told.length ? mostOf(told) : most, { least: this.least, wanted, unit: this.unit });
    axis.beyond = most > axis.end ? most : null;
    this.base = this.end;
    this.x = (at) => width + ((at - this.base) / this.span) * width;
    this.y = (value) => TOP + height - (Math.min(value, axis.end) / axis.end) * height;
    for (const { of, path, ground } of this.lines) {
      const { line, area } = this.#paths(shown, of);
      path.setAttribute("d", line);
      ground?.setAttribute("d", area);
    }
    this.#rule(axis);
    this.#tellTimes();
    this.#sayWhy(shown);
    this.#move();
    this.#summarise(shown);
    if (this.parts.details.open) this.#tabulate();
  }

  /** A line for what is known, and what lies under it. */
  #paths(points, of) {
    const ground = this.y(0).toFixed(1);
    let line = "";
    let area = "";
    let before = null;
    let start = null;
    for (const point of points) {
      const value = of(point);
      const joined = before !== null && value !== null && point.at - before < this.gap;
      if (!joined && start !== null) {
        area += `V${ground}H${start}Z`;
        start = null;
      }
      before = value === null ? null : point.at;
      if (value === null) continue;
      const x = this.x(point.at).toFixed(1);
      const there = `${x},${this.y(value).toFixed(1)}`;
      line += joined ? `L${there}` : `M${there}h0.1`;
      area += joined ? `L${there}` : `M${there}`;
      start ??= x;
    }
    return { line, area: start === null ? area : `${area}V${ground}H${start}Z` };
  }

  /** The lines across, with their figures; drawn anew only when they change. */
  #rule({ end, ticks, beyond }) {
    const { width, height } = this.size;
    const limit = this.limit && this.limit.value <= end ? this.limit : null;
    const drawn = `${width} ${height} ${ticks} ${limit?.value} ${beyond}`;
    if (drawn === this.ruled) return;
    this.ruled = drawn;
    const across = (value, name) => {
      const y = this.y(value);
      return svg("line", { class: name, x1: LEFT, x2: LEFT + width, y1: y, y2: y });
    };
    fill(
      this.parts.grid,
      ticks.map((tick) => [
        across(tick, tick ? "rule" : "rule ground"),
        svg("text", { class: "tick", x: LEFT - 6, y: this.y(tick) + 4 }, this.axis(tick)),
      ]),
      limit && [
        across(limit.value, "limit"),
        svg("text", { class: "tick limit", x: LEFT + width - 2, y: this.y(limit.value) - 4 }, limit.label),
      ],
      beyond && svg("text", { class: "tick beyond", x: LEFT + width - 2, y: TOP + 10 }, this.#beyond(beyond)),
    );
  }

  #beyond(value) {
    return `▲ ${this.format(value)}, of few`;
  }

  #tellTimes() {
    const { width, height } = this.size;
    const found = times(this.base - this.span, this.base + 60_000, Math.max(2, Math.floor(width / 60)));
    const drawn = `${width} ${height} ${found}`;
    if (drawn !== this.timed) {
      this.timed = drawn;
      const y = TOP + height + 14;
      fill(this.parts.axis, found.map((at) => svg("text", { class: "tick time", y, data: { at } }, minute(at * 1000))));
    }
    for (const text of this.parts.axis.children) {
      const x = this.x(Number(text.dataset.at));
      text.setAttribute("x", x.toFixed(1));
      text.classList.toggle("cut", x < 16 || x > width - 14);
    }
  }

  /** What was drawn moves as it is. */
  #move() {
    if (this.size === null || !this.x) return;
    const shift = ((this.end - this.base) / this.span) * this.size.width;
    this.parts.sliding.style.setProperty("transform", `translateX(${(-shift).toFixed(2)}px)`);
    if (this.pointer !== undefined && this.pointer !== null) this.#lookAt(this.pointer);
    this.#point();
  }

  #sayWhy(points) {
    const none = points.length < 2 ? NOTHING_YET : this.empty?.(points);
    say(this.parts.why, none ?? "");
    this.parts.why.hidden = !none;
    this.parts.plot.classList.toggle("none", Boolean(none));
  }

  // --- the readout

  #follow(event) {
    this.pointer = event.clientX - this.parts.plot.getBoundingClientRect().left - LEFT;
    this.#lookAt(this.pointer);
  }

  #lookAt(x) {
    if (!this.size) return;
    const at = this.end - this.span + (x / this.size.width) * this.span;
    this.cursor.set(nearest(this.points, at)?.at ?? null);
  }

  #leave() {
    this.pointer = null;
    this.cursor.set(null);
  }

  #press(event) {
    const step = STEPS[event.key];
    if (event.key === "Escape" && this.cursor.at !== null) this.#leave();
    else if (step && this.points.length) this.#step(step);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #step(count) {
    this.pointer = null;
    const now = this.points.indexOf(nearest(this.points, this.cursor.at ?? this.end));
    const wanted = this.cursor.at === null ? now : now + count;
    const point = this.points[Math.max(0, Math.min(this.points.length - 1, wanted))];
    this.cursor.set(point.at);
    this.parts.plot.setAttribute("aria-valuenow", Math.round((point.at - this.end) / 1000));
    this.parts.plot.setAttribute("aria-valuetext", `${clock(point.at * 1000)}: ${this.#inWords(point)}`);
  }

  #inWords(point) {
    return this.series.map((one) => `${one.label} ${this.format(one.of(point))}`).join(", ");
  }

  /** The values at the cursor, else the newest. */
  #point() {
    if (this.size === null || !this.x) return;
    const at = this.cursor.at;
    const point = at === null ? this.points.at(-1) : nearest(this.points, at);
    for (const { of, value } of this.lines) say(value, point ? this.format(of(point)) : "–");
    say(this.parts.readout, at === null || !point ? "" : clock(point.at * 1000));
    this.parts.cross.classList.toggle("on", at !== null && Boolean(point));
    if (at === null || !point) return;
    const x = this.x(point.at) - ((this.end - this.base) / this.span) * this.size.width;
    const { hair } = this.parts;
    hair.setAttribute("x1", x);
    hair.setAttribute("x2", x);
    hair.setAttribute("y1", TOP);
    hair.setAttribute("y2", TOP + this.size.height);
    for (const { of, mark } of this.lines) {
      const value = of(point);
      mark.setAttribute("transform", `translate(${x},${value === null ? -99 : this.y(value)})`);
    }
  }

  // --- in words

  #summarise(points) {
    const now = performance.now();
    if (now - (this.summarised ?? -Infinity) < SUMMARY_MS) return;
    this.summarised = now;
    const told = this.series.map((one) => {
      const values = points.map(one.of).filter((value) => value !== null);
      if (!values.length) return `${one.label}: not known.`;
      const [low, high] = [Math.min(...values), Math.max(...values)].map(this.format);
      return `${one.label}: ${this.format(values.at(-1))} now, between ${low} and ${high}.`;
    });
    say(this.parts.summary, `The last ${duration(this.span)}. ${told.join(" ")} Arrow keys move through the values.`);
  }

  /** A row a minute, the newest first. */
  #tabulate() {
    if (!this.parts.details.open) return;
    const minutes = new Map(this.points.map((point) => [Math.floor(point.at / 60_000), point]));
    const rows = [...minutes.values()].reverse().map((point) =>
      h(
        "tr",
        {},
        h("th", { scope: "row" }, clock(point.at * 1000)),
        this.series.map((one) => h("td", { class: "num" }, this.format(one.of(point)))),
      ),
    );
    fill(this.parts.table, rows);
  }
}
