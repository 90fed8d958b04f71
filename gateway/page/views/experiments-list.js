/** All experiments: state, how long, how many, what is known of the effect, and the verdict. */

import { get } from "../api.js";
import { fill, h, keep, say } from "../dom.js";
import { duration, number, time } from "../format.js";
import { empty } from "../ui.js";
import { interval } from "./experiments-chart.js";
import {
  BUCKETS,
  between,
  comparisons,
  daysOf,
  foremost,
  lastsMs,
  ranMs,
  relativeOf,
  stateOf,
  unitsOf,
  valued,
  verdictOf,
} from "./experiments-said.js";
import { looking } from "./experiments-looking.js";

const AGAIN_MS = 10_000;
const REACH = 0.4; // the scale of the effects in the list: what goes beyond is cut
const FILTERS = { all: "All", running: "Running", draft: "Drafts", completed: "Over" };
const SIGNS = { good: "✓", bad: "✕", warn: "!", quiet: "–", busy: "●", wait: "○" };
const COLUMNS = ["Experiment", "State", "Varies", "Ran", "Units", "Clearest effect", "Verdict"];

export async function all(context, first) {
  let query = first;
  let known = await load();
  const body = h("tbody");
  const tabs = Object.entries(FILTERS).map(([name, label]) =>
    h("a", { href: name === "all" ? "/experiments" : `/experiments?state=${name}`, data: { tab: name } }, label),
  );
  const table = h(
    "table",
    { class: "cards trials", aria: { label: "Experiments" } },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        COLUMNS.map((name) => h("th", { scope: "col", class: name === "Units" ? "num" : "" }, name)),
      ),
    ),
    body,
  );
  const box = h("div");
  const element = h(
    "div",
    { class: "stack" },
    h(
      "div",
      { class: "row spread" },
      h(
        "div",
        { class: "row" },
        h("h1", { class: "hidden" }, "Experiments"),
        h("nav", { class: "tabs", aria: { label: "Which experiments" } }, tabs),
      ),
      h("a", { class: "button primary", href: "/experiments?new" }, "New experiment"),
    ),
    box,
  );

  function draw() {
    const wanted = query.state in FILTERS ? query.state : "all";
    for (const link of tabs) {
      const many = known.filter((one) => within(one, link.dataset.tab)).length;
      say(link, `${FILTERS[link.dataset.tab]} ${many}`);
      if (link.dataset.tab === wanted) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const shown = known.filter((one) => within(one, wanted));
    if (!shown.length) return fill(box, known.length ? empty("None of the experiments is in this state.") : nothing());
    keep(
      body,
      shown,
      (one) => one.experiment,
      make,
      (row, one) => row.show(one),
    );
    if (box.firstChild !== table) fill(box, table);
  }

  const end = looking(async (holds) => {
    const now = await load();
    if (!holds()) return null;
    known = now;
    draw();
    return known.some((one) => one.status === "running") ? AGAIN_MS : 3 * AGAIN_MS;
  }, AGAIN_MS);
  context.keys({ j: () => step(body, 1), k: () => step(body, -1) });
  draw();
  return { element, change: (now) => ((query = now), draw()), leave: end };
}

const load = async () => (await get("/api/experiments")).experiments;

const within = ({ status }, wanted) =>
  wanted === "all" || status === wanted || (wanted === "running" && status === "paused");

/** The next row, or the one before; its link has the focus, so Enter opens it. */
function step(body, by) {
  const links = [...body.querySelectorAll("a.name")];
  const at = links.indexOf(document.activeElement);
  links[at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by))]?.focus();
}

function nothing() {
  return empty(
    "No experiment yet. One compares two values of a setting of the line, on real tasks, and says which is better.",
    h("a", { class: "button primary", href: "/experiments?new" }, "New experiment"),
  );
}

function make({ experiment }) {
  const name = h("a", { class: "name", href: `/experiments/${encodeURIComponent(experiment)}` }, experiment);
  const parts = {
    State: h("span"),
    Varies: h("span", { class: "varies" }),
    Ran: h("span", { class: "metered" }),
    Units: h("span"),
    "Clearest effect": h("span", { class: "effect-of" }),
    Verdict: h("span"),
  };
  const about = h("span", { class: "about quiet" });
  const bar = h("i");
  const ran = h("span");
  parts.Ran.append(h("span", { class: "meter", aria: { hidden: "true" } }, bar), ran);
  const row = h(
    "tr",
    {},
    h("th", { scope: "row" }, name, about),
    Object.entries(parts).map(([label, part]) =>
      h("td", { class: label === "Units" ? "num" : null, data: { label } }, part),
    ),
  );
  let was = "";
  row.show = (one) => {
    const now = Date.now() * 1000;
    bar.style.width = `${Math.min(100, (100 * ranMs(one, now)) / lastsMs(one))}%`;
    say(ran, one.started_at ? `${duration(ranMs(one, now))} of ${daysOf(one.days)}` : `${daysOf(one.days)} planned`);
    const said = JSON.stringify([one.version, one.verdict?.event_id]);
    if (said === was) return;
    was = said;
    say(about, one.question);
    fill(parts.State, mark(stateOf(one)));
    fill(parts.Varies, variesOf(one));
    const units = Object.values(unitsOf(null, one.verdict)).reduce((sum, n) => sum + n, 0);
    say(parts.Units, one.started_at ? number(units) : "–");
    fill(parts["Clearest effect"], effectsOf(one));
    fill(
      parts.Verdict,
      one.started_at ? mark(verdictOf(one.verdict)) : "–",
      one.adopted && h("span", { class: "quiet about" }, `${one.adopted} is adopted`),
    );
    parts.Verdict.title = one.verdict ? `As of ${time(one.verdict.to_at)}` : "";
  };
  return row;
}

export function mark({ tone, word }) {
  return h("span", { class: `badge ${tone}` }, h("span", { aria: { hidden: true } }, SIGNS[tone] ?? "○"), ` ${word}`);
}

function variesOf(one) {
  const control = one.arms.find((arm) => arm.name === one.control);
  const others = one.arms.filter((arm) => arm !== control).map((arm) => valued(arm.value));
  const part = one.buckets < BUCKETS ? `, ${number((100 * one.buckets) / BUCKETS)} % of ${one.unit}s` : "";
  return [
    h("code", {}, one.parameter),
    h("span", { class: "about quiet" }, `${valued(control?.value ?? "")} against ${others.join(", ")}${part}`),
  ];
}

/** Where the effect lies, on one scale for all that are listed. */
function effectsOf(one) {
  const rows = foremost(comparisons(one, null, one.verdict), one.verdict?.winner);
  if (!rows.length) return h("span", { class: "quiet" }, "–");
  const lines = rows.map((row) => {
    const span = between(row.metric, row.low, row.high);
    const said = `${row.metric.name}, ${row.arm}: ${relativeOf(row.relative.effect)}, ${span}, ${row.word}`;
    const drawn = interval({ ...row.relative, tone: row.tone }, REACH, said);
    return h(
      "span",
      { class: "effect-row", title: said },
      drawn,
      h("span", {}, `${rows.length > 1 ? `${row.arm} ` : ""}${relativeOf(row.relative.effect)}`),
    );
  });
  return [h("span", { class: "quiet" }, `${rows[0].metric.name}${rows[0].metric.lower ? " ↓" : ""}`), lines];
}
