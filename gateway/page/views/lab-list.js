/** The scenarios as choices, what is to be run, and all runs; several that have ended can be laid side by side. */

import { get, query as queryOf } from "../api.js";
import { fill, h, keep, say } from "../dom.js";
import { ago, count, duration, number, percent } from "../format.js";
import { button, empty } from "../ui.js";
import { mark } from "./experiments-list.js";
import { looking } from "./experiments-looking.js";
import { form } from "./lab-form.js";
import { argumentsOf, leftMs, shareOf, simulated, stateOf } from "./lab-said.js";

const AGAIN_MS = 5000;
const RUNNING_MS = 1000;
const PAGE = 20;
const SIDE_MAX = 4;
const COLUMNS = ["", "Run", "Instances", "Simulated", "State", "Targets", "Asked for"];
const NUMBERS = new Set(["Instances", "Simulated"]);

export async function all(context, first) {
  let query = chosen(first);
  let told = await get("/api/lab/scenarios");
  let page = await get(`/api/lab/runs${queryOf({ limit: PAGE })}`);
  let older = []; // those that "Show more" brought
  let next = page.next;
  const picked = new Set();
  const nobody = h("div", { class: "failure nobody", role: "alert", hidden: true });
  const choices = h("nav", { class: "choices", aria: { label: "Scenarios" } });
  const asking = form(context, (run) => context.go(`/lab/${run.run_id}`));
  const body = h("tbody");
  const box = h("div");
  const more = button("Show more", grow);
  const compare = h("button", { type: "button", onclick: () => context.go(`/lab?compare=${[...picked].join(",")}`) });
  const head = COLUMNS.map((name) =>
    h("th", { scope: "col", class: NUMBERS.has(name) ? "num" : "" }, name || h("span", { class: "hidden" }, "Compare")),
  );
  const table = h("table", { class: "cards runs", aria: { label: "Runs" } }, h("thead", {}, h("tr", {}, head)), body);
  const lead = "Scenarios in virtual time, on the line's own decisions: nothing here touches the line.";
  const element = h(
    "div",
    { class: "stack" },
    h("div", {}, h("h1", {}, "Lab"), h("p", { class: "quiet lead" }, lead)),
    nobody,
    h("div", { class: "bench" }, choices, asking.element),
    h("div", { class: "row spread" }, h("h2", {}, "Runs"), compare),
    box,
  );

  function draw() {
    nobody.hidden = !told.advice;
    fill(nobody, told.advice && [h("strong", {}, "Nobody is in the lab."), h("p", {}, told.advice)]);
    const names = [...told.scenarios.map(({ scenario }) => scenario), "own"];
    keep(choices, names, (name) => name, choice, (link, name) => link.show(name === query.scenario));
    asking.show(query, told);
    const runs = [...page.runs, ...older];
    keep(body, runs, ({ run_id: id }) => id, row, (line, run) => line.show(run));
    say(compare, picked.size < 2 ? "Compare: choose two" : `Compare ${picked.size}`);
    compare.disabled = picked.size < 2;
    more.hidden = next === null;
    const wanted = runs.length ? table : null;
    if (box.firstChild !== wanted || !wanted) {
      fill(box, wanted ?? empty("No run yet. Choose a scenario above and start it."), wanted && more);
    }
    compare.hidden = runs.filter(({ state }) => state === "ended").length < 2;
  }

  function choice(name) {
    const one = told.scenarios.find(({ scenario }) => scenario === name);
    const href = `/lab?${new URLSearchParams({ scenario: name })}`;
    const about = one ? one.plan.about : "Write a scenario of your own.";
    const broken = one?.plan.faults.length;
    const facts = one && `${simulated(one.plan.minutes)}${broken ? `, ${count(broken, "fault")}` : ""}`;
    const top = [h("strong", {}, one ? name : "Your own"), facts && h("span", { class: "quiet" }, facts)];
    const link = h(
      "a",
      { class: "choice", href },
      h("span", { class: "row spread" }, top),
      h("span", { class: "quiet about" }, about),
    );
    link.show = (holds) => (holds ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current"));
    return link;
  }

  function row({ run_id: id }) {
    const box = h("input", { type: "checkbox", onchange: () => pick(id, box.checked) });
    const name = h("a", { class: "name", href: `/lab/${encodeURIComponent(id)}` });
    const more = h("span", { class: "about quiet" });
    const parts = Object.fromEntries(COLUMNS.slice(2).map((label) => [label, h("span")]));
    const bar = h("i");
    const meter = h("span", { class: "meter", aria: { hidden: "true" } }, bar);
    const state = h("span", { class: "state-of" }, parts.State, meter);
    const cell = (label) =>
      h("td", { class: NUMBERS.has(label) ? "num" : null, data: { label } }, label === "State" ? state : parts[label]);
    const first = [h("td", { class: "pick" }, box), h("th", { scope: "row" }, name, more)];
    const line = h("tr", {}, first, COLUMNS.slice(2).map(cell));
    line.show = (run) => {
      box.disabled = run.state !== "ended" || (picked.size >= SIDE_MAX && !picked.has(id));
      box.setAttribute("aria-label", `Compare ${run.scenario}, ${run.agents} instances, seed ${run.seed}`);
      say(name, run.scenario);
      say(more, argumentsOf(run).slice(1).join(", "));
      say(parts.Instances, number(run.agents));
      say(parts.Simulated, run.minutes === null ? "–" : simulated(run.minutes));
      const { tone, word } = stateOf(run);
      const words = run.state === "running" ? going(run) : word;
      if (state.said !== `${tone} ${words}`) fill(parts.State, mark({ tone, word: words }));
      state.said = `${tone} ${words}`;
      meter.hidden = run.state !== "running";
      bar.style.width = `${100 * shareOf(run, run.minutes)}%`;
      say(parts.Targets, run.targets === null ? "–" : `${run.targets_held} of ${run.targets}`);
      say(parts["Asked for"], `${ago(run.asked_at)} by ${run.asked_by}`);
    };
    return line;
  }

  function pick(id, holds) {
    picked[holds ? "add" : "delete"](id);
    draw();
  }

  async function grow() {
    const found = await get(`/api/lab/runs${queryOf({ limit: PAGE, cursor: next })}`);
    older = [...older, ...found.runs];
    next = found.next;
    draw();
  }

  const end = looking(async (holds) => {
    const [scenarios, runs] = [await get("/api/lab/scenarios"), await get(`/api/lab/runs${queryOf({ limit: PAGE })}`)];
    if (!holds()) return null;
    told = scenarios;
    page = runs;
    if (!older.length) next = runs.next;
    draw();
    return runs.runs.some(({ state }) => state === "running" || state === "waiting") ? RUNNING_MS : AGAIN_MS;
  }, RUNNING_MS);
  draw();
  return { element, change: (now) => ((query = chosen(now)), draw()), leave: end };
}

const chosen = (query) => ({ ...query, scenario: query.scenario || "burst" });

function going(run) {
  const share = shareOf(run, run.minutes);
  const left = leftMs(share, run.started_at, Date.now() * 1000);
  return `${percent(share)}${left === null ? "" : `, ${duration(left)} left`}`;
}
