/** The charts of the live view: what each shows, and why one is empty. */

import { Cursor, chart } from "../chart.js";
import { h } from "../dom.js";
import { cost, duration, number, percent } from "../format.js";
import { SPAN_MS } from "./live-model.js";
import { STEP_OF } from "./live-range.js";

const none = (value) => value === null || value === undefined;
const known = (name, times = 1) => (point) => (none(point[name]) ? null : times * point[name]);
const solid = { tone: "accent", line: "solid" };
const dashed = { tone: "quiet", line: "dashed" };
const dotted = { tone: "danger", line: "dotted" };
/** Why a chart is empty, when none of these was anything but nothing. */
const nothing = (why, ...names) => (points) =>
  points.every((point) => names.every((name) => !point[name])) ? why : null;
const NONE_ENDED = "No task has ended in this time.";
const NO_TASKS = 'No tasks in this time. Hand one in: headway submit "Review the login module"';

export const WAIT_LIMIT_MS = 8000;
export const ERROR_LIMIT = 0.05;
const FEW = 20; // tasks in a minute: with fewer, one failure is a share beyond the limit

const whole = (value) => (value === null ? "–" : number(Math.round(value * 10) / 10));
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const share = (value) => percent(value, 1);
const full = (value) => (value === null ? "–" : `${Math.round(value)} %`);
const traffic = (kb) => (kb === null ? "–" : kb < 1000 ? `${Math.round(kb)} kB/s` : `${number(kb / 1000)} MB/s`);

const SPECS = [
  {
    name: "throughput",
    title: "Tasks per minute",
    format: whole,
    axis: (value) => compact.format(value),
    least: 10,
    series: [
      { label: "completed", of: done, ...solid, area: true },
      { label: "handed in", of: known("submitted_per_s", 60), ...dashed },
      { label: "failed", of: known("failed_per_s", 60), ...dotted },
    ],
    empty: nothing(NO_TASKS, "submitted_per_s", "ended_per_s"),
  },
  {
    name: "waits",
    title: "Time to start",
    format: duration,
    unit: "ms",
    least: 200,
    limit: { value: WAIT_LIMIT_MS, label: "alert at 8 s" },
    series: [
      { label: "P50", of: known("wait_p50_ms"), ...solid, area: true },
      { label: "P90", of: known("wait_p90_ms"), ...dashed },
      { label: "P99", of: known("wait_p99_ms"), tone: "strong", line: "dotted" },
    ],
    empty: nothing(NONE_ENDED, "wait_p99_ms"),
  },
  {
    name: "queue",
    title: "Queue and running",
    format: whole,
    axis: (value) => compact.format(value),
    least: 10,
    series: [
      { label: "waiting", of: known("waiting"), ...solid, area: true },
      { label: "running", of: known("running"), ...dashed },
    ],
  },
  {
    name: "errors",
    title: "Errors",
    format: share,
    least: 0.06,
    limit: { value: ERROR_LIMIT, label: "alert at 5 %" },
    series: [{ label: "failed", of: known("error_rate"), tone: "danger", line: "solid", area: true }],
    weighs: ({ ended_per_s }) => 60 * (ended_per_s ?? 0) >= FEW,
    empty: nothing(NONE_ENDED, "ended_per_s"),
  },
  {
    name: "cost",
    title: "Cost per minute",
    format: cost,
    least: 1000,
    series: [{ label: "spent", of: known("cost_usd_micros_per_min"), ...solid, area: true }],
    empty: nothing("Nothing was spent. Simulated agents cost nothing.", "cost_usd_micros_per_min"),
  },
  {
    name: "machine",
    title: "Machine",
    format: full,
    least: 100,
    series: [
      { label: "processor", of: known("cpu_percent"), ...solid, area: true },
      { label: "memory", of: known("memory_percent"), ...dashed },
    ],
  },
  {
    name: "network",
    title: "Network",
    format: traffic,
    least: 100,
    series: [
      { label: "in", of: known("network_in_kb_per_s", 1.024), ...solid, area: true },
      { label: "out", of: known("network_out_kb_per_s", 1.024), ...dashed },
    ],
  },
];

function done({ ended_per_s, failed_per_s }) {
  return none(ended_per_s) ? null : Math.max(0, 60 * (ended_per_s - (failed_per_s ?? 0)));
}

const BESIDE = ["machine", "network"];

export const isChart = (name) => SPECS.some((spec) => spec.name === name);

/** All charts: of the tasks, and `beside` them of the machine. One may be opened at full width. */
export class Charts {
  /** `above`: what stands over them. */
  constructor(above) {
    const cursor = new Cursor();
    this.all = SPECS.map((spec) => chart({ ...spec, cursor, span: SPAN_MS, href: `/?chart=${spec.name}` }));
    this.stage = h("div", { class: "stage" });
    this.board = h("div", { class: "charts" });
    this.beside = h("div", { class: "charts beside" });
    this.element = h("div", { class: "charts-area" }, above, this.stage, this.board);
    this.opened = undefined;
    this.open(null);
  }

  /** Shows one at full width, above the others; null: none. */
  open(name) {
    if (name === this.opened) return false;
    this.opened = name;
    const one = this.all.find((chart) => chart.name === name);
    const close = one && h("a", { class: "close", href: "/" }, "Back to all charts");
    this.stage.replaceChildren(...(one ? [close, one.element] : []));
    const rest = this.all.filter((chart) => chart !== one);
    this.board.replaceChildren(...rest.filter((chart) => !BESIDE.includes(chart.name)).map((chart) => chart.element));
    this.beside.replaceChildren(...rest.filter((chart) => BESIDE.includes(chart.name)).map((chart) => chart.element));
    return true;
  }

  /** How much time all of them show [ms]. */
  range(span) {
    for (const one of this.all) one.range(span, STEP_OF(span));
  }

  show(points) {
    for (const one of this.all) one.show(points);
  }

  slide(now) {
    for (const one of this.all) one.slide(now);
  }
}
