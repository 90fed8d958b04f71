/** One run: how far it is, its course as it goes, and its report once it has ended. */

import { get, post } from "../api.js";
import { fill, h, say } from "../dom.js";
import { cost, duration, fullTime, number, percent, time } from "../format.js";
import { button, panel, tile } from "../ui.js";
import { mark } from "./experiments-list.js";
import { looking } from "./experiments-looking.js";
import { drawing, faultLegend } from "./lab-draw.js";
import {
  OVER,
  again,
  argumentsOf,
  faultInWords,
  held,
  leftMs,
  passed,
  pointsOf,
  reachOf,
  shareOf,
  simulated,
  stateOfRun,
  stepsOf,
  windowsOf,
} from "./lab-said.js";

const AGAIN_MS = 1000;
const ANEW = " Its lab process died once, so it was started anew.";
const SCALINGS = 12;
const QUANTILES = { p50: "Half", p90: "9 of 10", p99: "99 of 100", max: "The longest" };

export async function one(context, _query, id) {
  const address = `/api/lab/runs/${encodeURIComponent(id)}`;
  const admin = context.me.role === "admin";
  let run = await get(address);
  context.title(`${run.asked.scenario} in the lab`);
  context.keys({ Escape: () => context.go("/lab") });
  const top = h("div");
  const progress = progressOf();
  const course = courseOf();
  const found = h("div", { class: "stack" });
  const nobody = h("div", { class: "failure", role: "alert", hidden: true });
  const element = h("div", { class: "stack" }, top, nobody, progress.element, found, course.element);
  let drawn = "";

  function draw() {
    const { state, reason, starts } = run;
    if (drawn !== `${state} ${starts}`) {
      drawn = `${state} ${starts}`;
      fill(top, head(run, admin, stop));
      fill(found, run.report && reportOf(run.report), !run.report && OVER.includes(state) && over(state, reason));
    }
    progress.show(run);
    course.show(run);
  }

  async function stop() {
    run = await post(`${address}/stop`);
    draw();
  }

  const end = looking(async (holds) => {
    if (OVER.includes(run.state)) return 60 * AGAIN_MS;
    const now = await get(address);
    const { advice } = await get("/api/lab/runs?limit=1");
    if (!holds()) return null;
    run = now;
    say(nobody, OVER.includes(run.state) ? "" : advice);
    nobody.hidden = !nobody.textContent;
    draw();
    return AGAIN_MS;
  }, AGAIN_MS);
  draw();
  return { element, leave: end };
}

function head(run, admin, stop) {
  const { asked, plan, asked_at: at, asked_by: by, starts } = run;
  const anew = asked.text === null ? again(asked) : `${again(asked)}&from=${encodeURIComponent(run.run_id)}`;
  return h(
    "div",
    { class: "row spread head-of" },
    h(
      "div",
      {},
      h("a", { href: "/lab", class: "back" }, "← Lab"),
      h("div", { class: "row" }, h("h1", {}, asked.scenario), mark(stateOfRun(run))),
      plan && h("p", { class: "about" }, plan.about),
      h("p", { class: "quiet" }, argumentsOf(asked, plan?.minutes).join(" · ")),
      h("p", { class: "quiet", title: fullTime(at) }, `Asked for ${time(at)} by ${by}.`, starts > 1 && ANEW),
    ),
    h(
      "div",
      { class: "actions" },
      admin && !OVER.includes(run.state) && button("Stop", stop, { class: "danger" }),
      h("a", { class: "button", href: anew }, "Again, with changes"),
      button("Markdown", () => saved(run, "md", "text/markdown")),
      button("JSON", () => saved(run, "json", "application/json")),
    ),
  );
}

async function saved(run, ending, type) {
  const address = `/api/lab/runs/${encodeURIComponent(run.run_id)}`;
  const asJson = async () => JSON.stringify(await get(address), null, 2);
  const text = await (ending === "md" ? get(`${address}/markdown`, { as: "text" }) : asJson());
  const href = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href, download: `lab-${run.asked.scenario}-${run.run_id}.${ending}` }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}

function progressOf() {
  const bar = h("i");
  const aria = { label: "How far it is", valuemin: 0, valuemax: 100 };
  const meter = h("div", { class: "meter", role: "progressbar", aria }, bar);
  const words = h("p", { class: "quiet", role: "status" });
  const element = h("div", { class: "going" }, meter, words);
  function show(run) {
    element.hidden = OVER.includes(run.state);
    if (element.hidden) return;
    const share = shareOf(run, run.plan?.minutes);
    const left = leftMs(share, run.started_at, Date.now() * 1000);
    bar.style.width = `${100 * share}%`;
    meter.setAttribute("aria-valuenow", Math.floor(100 * share));
    const minutes = `${simulated(run.simulated_minutes)} of ${simulated(run.plan?.minutes ?? 0)}`;
    const settles = share >= 1 ? ", the last tasks end" : left === null ? "" : `, about ${duration(left)} left`;
    const going = `${percent(share)}: ${minutes}, ${number(run.handed_in)} tasks${settles}`;
    say(words, run.state === "waiting" ? "It waits for the runs before it." : going);
  }
  return { element, show };
}

function over(state, reason) {
  const failed = state === "failed";
  const how = failed ? { class: "failure", role: "alert" } : { class: "panel" };
  return h("div", how, h("strong", {}, failed ? "It failed." : "It was stopped."), h("p", {}, reason));
}

function courseOf() {
  const load = drawing({ title: "Load", unit: "tasks a minute", of: ({ value }) => value, steps: true });
  const charts = {
    completed: drawing({ title: "Completed", unit: "tasks a minute", of: ({ completed }) => completed, empty: EARLY }),
    waiting: drawing({ title: "Waiting", unit: "tasks", of: ({ waiting }) => waiting, empty: EARLY }),
    instances: drawing({ title: "Instances", unit: "instances", of: ({ instances }) => instances, empty: EARLY }),
  };
  const legend = h("div");
  const faults = h("ul", { class: "points quiet" });
  const all = [load, ...Object.values(charts)].map((one) => h("div", { class: "panel" }, one.element));
  const grid = h("div", { class: "grid2" }, all);
  const heading = h("h2", {}, "Course");
  const element = h("section", { class: "stack", aria: { label: "Course" } }, heading, legend, grid, faults);
  let drawn = "";
  function show(run) {
    const { plan, asked, series, simulated_minutes: done, state } = run;
    element.hidden = !plan;
    if (!plan || drawn === `${state} ${done}`) return;
    if (!drawn) {
      fill(legend, plan.faults.length > 0 && faultLegend(plan));
      fill(faults, plan.faults.map((fault) => h("li", {}, faultInWords(fault))));
      load.show({ points: stepsOf(plan, asked.agents), total: plan.minutes, windows: windowsOf(plan) });
    }
    drawn = `${state} ${done}`;
    const points = pointsOf(series);
    const total = reachOf(run);
    for (const one of Object.values(charts)) one.show({ points, total, windows: windowsOf(plan, total) });
  }
  return { element, show };
}

const EARLY = "The first point comes after a simulated minute.";

function reportOf(report) {
  const missed = report.targets.length - held(report);
  const targets = `${held(report)} of ${report.targets.length}`;
  const { first, least, most, last } = report.instances;
  const tiles = [
    ["Targets", targets, missed ? `${missed} missed` : "all hold", missed ? "bad" : ""],
    ["Completed a minute", number(report.throughput_per_minute), "for 200 instances"],
    ["Wait, 99 of 100", seconds(report.wait_s.p99), `half: ${seconds(report.wait_s.p50)}`],
    ["Slots in use", percent(report.utilisation), ""],
    ["Instances", `${number(first)} → ${number(last)}`, `${number(least)} to ${number(most)}`],
    ["Cost", cost(report.cost_usd_micros), `${number(report.tokens / 1e6)} million tokens`],
  ].map(([name, figure, note, tone]) => {
    const made = tile(name);
    made.show(figure, note, tone);
    return made.element;
  });
  const skipped =
    report.passed_over_minutes > 0 &&
    h(
      "p",
      { class: "quiet" },
      `${simulated(report.passed_over_minutes)} were passed over, for one minute was like another: of them tasks, `,
      "waits, use of the slots and cost are an estimate, and the rest does not tell of them.",
    );
  return [
    h("div", { class: "tiles" }, tiles),
    skipped,
    h("div", { class: "grid2" }, targetsOf(report), waitsOf(report)),
    h("div", { class: "grid2" }, factsOf(report), scalingsOf(report)),
  ];
}

const seconds = (value) => (value === null ? "–" : duration(value * 1000));

function tableOf(label, heads, rows) {
  const cells = heads.map((name, n) => h("th", { scope: "col", class: n ? "num" : "" }, name));
  const table = h("table", { aria: { label } }, h("thead", {}, h("tr", {}, cells)), h("tbody", {}, rows));
  return h("div", { class: "scrolls", tabindex: 0, role: "region", aria: { label } }, table);
}

function targetsOf(report) {
  const rows = report.targets.map(({ target, value, holds }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, target),
      h("td", { class: "num" }, value === null ? "not measured" : figure(value)),
      h("td", { class: "num" }, mark(passed(holds))),
    ),
  );
  return panel("Targets", tableOf("Targets", ["What has to hold", "Found", ""], rows));
}

const figure = (value) => (Math.abs(value) < 1 && value !== 0 ? String(Number(value.toPrecision(3))) : number(value));

function waitsOf(report) {
  const levels = Object.entries(report.wait_s_by_priority).map(([name, one]) => [`Priority ${name}`, one]);
  const waits = [["All", report.wait_s], ...levels];
  if (report.kills) waits.push([`Work of ${report.kills} dead hosts, until elsewhere`, report.recovery_s]);
  const cells = (one) => Object.keys(QUANTILES).map((name) => h("td", { class: "num" }, seconds(one[name])));
  const rows = waits.map(([name, one]) => h("tr", {}, h("th", { scope: "row" }, name), cells(one)));
  return panel("Wait to the start", tableOf("Waits", ["", ...Object.values(QUANTILES)], rows));
}

function factsOf(report) {
  const ended = Object.entries(report.outcomes).map(([status, n]) => `${number(n)} ${status.replaceAll("_", "-")}`);
  const spread = Object.entries(report.spread_by_agent).map(([name, share]) => `${name} ${percent(share)}`);
  const facts = {
    "Handed in": `${number(report.handed_in)}: ${ended.join(", ") || "none"}`,
    "Lost, doubled, left": [report.lost, report.doubled, report.left].map(number).join(", "),
    "Attempts after the first": number(report.attempts_again),
    "Failed, of the accepted": percent(report.errors, 2),
    Refused: percent(report.refused, 2),
    "Spread of load": spread.join(", ") || "–",
  };
  const pairs = Object.entries(facts).map(([name, fact]) => [h("dt", {}, name), h("dd", {}, fact)]);
  return panel("Tasks", h("dl", {}, pairs));
}

function scalingsOf({ scalings, scalings_count: many }) {
  const item = ({ minute, agent_id, before, after, reason }) =>
    h("li", {}, h("strong", {}, `${simulated(minute)}: ${agent_id} ${before} → ${after}`), ` ${reason}`);
  const list = (some) => h("ul", { class: "points" }, some.map(item));
  const [first, rest] = [scalings.slice(0, SCALINGS), scalings.slice(SCALINGS)];
  const left = many - scalings.length;
  return panel(
    `Changes of size: ${number(many)}`,
    many ? list(first) : h("p", { class: "quiet" }, "The autoscaler changed nothing, or was off."),
    rest.length > 0 && h("details", {}, h("summary", {}, `${number(rest.length)} more`), list(rest)),
    left > 0 && h("p", { class: "quiet" }, `${number(left)} later ones are not told.`),
  );
}
