/** What is to be run: the load and the faults drawn, the size of the fleet and the rest, and how long it may take. */

import { get, post } from "../api.js";
import { fill, h, say } from "../dom.js";
import { words } from "../format.js";
import { button, panel, toast } from "../ui.js";
import { drawing, faultLegend } from "./lab-draw.js";
import { estimate, faultInWords, simulated, stepsOf, windowsOf } from "./lab-said.js";

const BALANCERS = ["round_robin", "weighted_round_robin", "least_connections", "adaptive", "load_score"];
const LEAST = 20;
const MOST = 10_000;
const TYPING_MS = 300;
const QUICK = "stretches of which one minute is like another are passed over, and told as an estimate.";

/** Gives { element, show(query, { scenarios, pace, advice }) }; what is chosen stands in the address. */
export function form(context, started) {
  const admin = context.me.role === "admin";
  let query = {};
  let told = null;
  let own = null; // { text, plan, problems }
  let typing = 0;
  const load = drawing({ title: "Load", unit: "tasks a minute", of: ({ value }) => value, steps: true, height: 170 });
  const about = h("p", { class: "about" });
  const legend = h("div");
  const faults = h("ul", { class: "points" });
  const targets = h("ul", { class: "points targets" });
  const takes = h("p", { class: "quiet takes", role: "status" });
  const wrong = h("p", { class: "problem", role: "alert" });
  const hears = (name) => ({ name, autocomplete: "off", onchange: () => choose(name), oninput: retell });
  const field = (name, more) => h("input", { ...hears(name), ...more });
  const agents = field("agents", { type: "number", min: LEAST, max: MOST, required: true });
  const seed = field("seed", { type: "number", min: 0, max: 2 ** 31 - 1, required: true });
  const minutes = field("minutes", { type: "number", min: 0.1, step: "any", placeholder: "all" });
  const balancer = h(
    "select",
    { name: "balancer", onchange: () => choose("balancer") },
    h("option", { value: "" }, "as shipped"),
    BALANCERS.map((name) => h("option", { value: name }, words(name))),
  );
  const scaling = h("input", { type: "checkbox", name: "scaling", onchange: () => choose("scaling") });
  const quick = h("input", { type: "checkbox", name: "quick", onchange: () => choose("quick") });
  const text = h("textarea", { class: "mono", rows: 14, spellcheck: "false", maxlength: 20_000, oninput: written });
  const begin = button("Start", start, { class: "primary" });
  const writing = h(
    "div",
    { class: "writing" },
    h("label", {}, "Your scenario, as YAML", text),
    h("p", { class: "quiet" }, "It begins as one of ours; what is wrong with it is told below, with its line."),
  );
  const fields = h(
    "form",
    { class: "fields", onsubmit: (event) => event.preventDefault() },
    h("label", {}, "Instances", agents),
    h("label", {}, "Seed", seed),
    h("label", {}, "First minutes", minutes),
    h("label", {}, "Balancer", balancer),
    h("label", { class: "inline" }, scaling, "Autoscaler"),
    h("label", { class: "inline", title: QUICK }, quick, "Quick"),
    admin ? begin : h("p", { class: "quiet" }, `Starting takes the role admin; yours is ${context.me.role}.`),
  );
  const drawn = [load.element, legend, faults, targets];
  const element = panel("Before the start", about, writing, wrong, drawn, fields, takes);
  element.classList.add("before");

  function show(now, known) {
    const other = now.scenario !== query.scenario;
    query = now;
    told = known;
    for (const [input, usual] of [[agents, 200], [seed, 0], [minutes, ""], [balancer, ""]]) {
      if (document.activeElement !== input) input.value = query[input.name] ?? usual;
    }
    scaling.checked = query.scaling !== "off";
    quick.checked = query.quick === "on";
    writing.hidden = query.scenario !== "own";
    if (query.scenario === "own" && own === null) begun();
    if (other) say(wrong, "");
    retell();
  }

  /** One's own begins as a run had it, else as one of ours. */
  async function begun() {
    own = { text: "", plan: null, problems: [] };
    const from = query.from && (await get(`/api/lab/runs/${encodeURIComponent(query.from)}`).catch(() => null));
    text.value = from?.asked.text ?? told.scenarios.find(({ scenario }) => scenario === "chaos")?.text ?? "";
    await check();
  }

  function written() {
    clearTimeout(typing);
    typing = setTimeout(() => check().catch((error) => say(wrong, error.message)), TYPING_MS);
  }

  async function check() {
    const checked = text.value;
    if (!admin) return;
    const found = await post("/api/lab/check", { yaml: checked });
    if (checked !== text.value) return;
    own = { text: checked, ...found };
    retell();
  }

  const planOf = () =>
    query.scenario === "own" ? own?.plan : told?.scenarios.find(({ scenario }) => scenario === query.scenario)?.plan;

  function choose(name) {
    const input = { agents, seed, minutes, balancer }[name];
    if (input && !input.checkValidity()) return void input.reportValidity();
    const usual = { agents: "200", seed: "0", minutes: "", balancer: "" };
    if (name === "scaling") context.setQuery({ scaling: scaling.checked ? null : "off" });
    else if (name === "quick") context.setQuery({ quick: quick.checked ? "on" : null });
    else context.setQuery({ [name]: input.value === usual[name] ? null : input.value });
  }

  function retell() {
    const plan = planOf();
    const problem = query.scenario === "own" && own?.problems[0];
    say(wrong, problem ? `${problem.line ? `Line ${problem.line}: ` : ""}${problem.said}` : "");
    for (const part of [...drawn, takes]) part.hidden = !plan;
    begin.disabled = !plan || Boolean(told?.advice);
    say(about, plan ? plan.about : query.scenario === "own" ? "" : `There is no scenario ${query.scenario}.`);
    if (!plan) return;
    const many = Number(agents.value) || 200;
    const first = Number(minutes.value) || 0;
    const total = Math.min(plan.minutes, first || Infinity);
    load.show({ points: stepsOf(plan, many, first), total, windows: windowsOf(plan, first) });
    fill(legend, plan.faults.length > 0 && faultLegend(plan));
    const broken = plan.faults.length ? plan.faults.map((fault) => h("li", {}, sentence(faultInWords(fault)))) : [];
    if (plan.failures) broken.push(h("li", {}, `${(100 * plan.failures).toFixed(1)} % of the attempts fail.`));
    fill(faults, broken);
    fill(targets, h("li", {}, `Held to: ${plan.targets.join(", ")}.`));
    const took = estimate(plan, many, first, told.pace);
    say(takes, `${simulated(total)} of virtual time, ${took}${quick.checked ? ` Less with Quick: ${QUICK}` : ""}`);
  }

  async function start() {
    if (!fields.reportValidity()) return;
    const asked = { agents: Number(agents.value), seed: Number(seed.value), scaling: scaling.checked };
    if (minutes.value) asked.minutes = Number(minutes.value);
    if (balancer.value) asked.balancer = balancer.value;
    if (quick.checked) asked.quick = true;
    Object.assign(asked, query.scenario === "own" ? { yaml: text.value } : { scenario: query.scenario });
    const run = await post("/api/lab/runs", asked, { key: crypto.randomUUID?.() ?? String(Math.random()) });
    toast(run.state === "waiting" ? "It waits for the run before it." : "It runs.");
    started(run);
  }

  return { element, show };
}

const sentence = (text) => `${text[0].toUpperCase()}${text.slice(1)}.`;
