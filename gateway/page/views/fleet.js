/** The fleet: hosts and zones, the sizes of agents, the autoscaler, schedules, orchestrators; seen live, and led. */

import { fill, h, keep, paced, say } from "../dom.js";
import { number, time } from "../format.js";
import { empty, failure, loading, sheet, tile } from "../ui.js";
import { totalsOf } from "./agents-said.js";
import { agents } from "./fleet-agents.js";
import { hosts } from "./fleet-hosts.js";
import { decisions, orchestrators, schedules } from "./fleet-others.js";
import { AGENT_SORTS, HOST_STATES, MODES, ago, orderOf } from "./fleet-said.js";
import { Sources } from "./fleet-sources.js";

const TABS = {
  hosts: "Hosts",
  agents: "Agents",
  scaling: "Scaling",
  schedules: "Schedules",
  orchestrators: "Orchestrators",
};
const MAKE = { hosts, agents, scaling: decisions, schedules, orchestrators };
const ALWAYS = ["hosts", "agents", "scaling"]; // the tiles are made of these
const TYPING_MS = 200;
const TICK_MS = 1000; // ages count on

export default async function view(context) {
  await sheet("fleet");
  const fleet = new FleetView(context);
  context.onleave = () => fleet.leave();
  context.onchange = (address) => fleet.open(address);
  context.keys({ j: () => fleet.part?.step(1), k: () => fleet.part?.step(-1) });
  fleet.open(context);
  return fleet.element;
}

class FleetView {
  constructor(context) {
    this.context = context;
    this.admin = context.me.role === "admin";
    const draw = paced(() => this.left || this.#paint());
    this.sources = new Sources(draw);
    this.parts = {};
    this.tiles = new Tiles();
    this.bar = new Bar(context);
    this.body = h("div", { class: "body" });
    const why = "Only an admin may drain, cordon and open hosts, scale agents, and lead schedules; you may look.";
    const look = this.admin ? null : h("p", { class: "quiet lead" }, `${why} Your role is ${context.me.role}.`);
    this.element = h("div", { class: "fleet-view stack" }, this.tiles.element, this.bar.element, look, this.body);
    for (const name of ALWAYS) this.sources.by[name].start();
    this.stop = context.live.subscribe({ fleet: true }, (message) => this.sources.hear(message));
    this.timer = setInterval(draw, TICK_MS);
  }

  /** All that is shown follows from the address. */
  open({ params, query }) {
    const name = params.part ?? "hosts";
    this.query = query;
    if (this.name !== name) this.#leavePart();
    this.name = name;
    this.part = Object.hasOwn(TABS, name) ? (this.parts[name] ??= MAKE[name](this.sources, this.admin)) : null;
    this.part?.source?.start();
    this.context.title(this.part ? `${TABS[name]} of the fleet` : "Fleet");
    this.#paint();
  }

  leave() {
    this.left = true;
    this.stop();
    this.bar.leave();
    this.sources.stop();
    clearInterval(this.timer);
  }

  #leavePart() {
    if (this.part && !ALWAYS.includes(this.name)) this.part.source?.stop();
  }

  #paint() {
    this.tiles.show(this.sources);
    const shown = this.part && this.#content();
    const { kind, element, counts } = shown ?? { kind: "nowhere", element: nowhere(this.name), counts: [] };
    if (this.shownKind !== `${this.name} ${kind}`) fill(this.body, element);
    this.shownKind = `${this.name} ${kind}`;
    this.bar.show({ name: this.name, query: this.query, counts: counts ?? [], source: this.part?.source, ...shown });
  }

  /** What stands below the bar: `kind` tells when that is another thing than before. */
  #content() {
    const { part } = this;
    const { source } = part;
    if (source && !source.told) {
      if (!source.failed) return { kind: "loading", element: loading() };
      const what = `${TABS[this.name]} cannot be shown.`;
      return { kind: `failed ${source.failed.message}`, element: failure(what, source.failed, () => source.again()) };
    }
    const shown = part.show(this.query.find, this.query.sort);
    if (!shown.all) return { ...shown, kind: "none", element: part.none() };
    if (shown.found) return { ...shown, kind: "rows" };
    const all = h("a", { href: location.pathname }, "Show all");
    const { find } = this.query;
    return { ...shown, kind: `nothing ${find}`, element: empty(`Nothing here fits “${find}”.`, all) };
  }
}

const nowhere = (name) => empty(`The fleet has no part ${name}.`, h("a", { href: "/fleet" }, "To the hosts"));

/** The sum of it all; each leads to what is behind it. */
class Tiles {
  constructor() {
    this.hosts = tile("Hosts open", "/fleet");
    this.instances = tile("Instances live", "/fleet/agents?sort=need");
    this.work = tile("Slots in use", "/fleet/agents?sort=load");
    this.queue = tile("Waiting", "/fleet/agents?sort=waiting");
    this.scaling = tile("Autoscaler", "/fleet/scaling");
    const all = [this.hosts, this.instances, this.work, this.queue, this.scaling];
    this.element = h("div", { class: "tiles" }, all.map((one) => one.element));
  }

  show(sources) {
    if (sources.by.hosts.told) this.#showHosts(sources.hosts);
    if (sources.by.agents.told) this.#showAgents(sources.agents);
    const { mode, decisions: [last] = [] } = sources.by.scaling.told ?? {};
    const move = last && `${last.agent_id || "the fleet"} ${last.before} → ${last.after}, ${ago(last.at)}`;
    if (mode) this.scaling.show(MODES[mode][0], move ?? "no change lately");
  }

  #showHosts(all) {
    const many = Object.fromEntries(HOST_STATES.map((state) => [state, 0]));
    for (const { state } of all) many[state] += 1;
    const others = HOST_STATES.filter((state) => state !== "open" && many[state]);
    const note = others.map((state) => `${number(many[state])} ${state}`).join(", ");
    const tone = many.silent || (all.length && !many.open) ? "bad" : many.cordoned ? "warn" : "";
    const none = all.length ? "all work" : "none is heard of";
    this.hosts.show(`${number(many.open)} of ${number(all.length)}`, note || none, tone);
  }

  #showAgents(all) {
    const { live, instances, running, slots, waiting } = totalsOf(all);
    const ill = all.reduce((sum, agent) => sum + agent.ill.length, 0);
    const missing = all.reduce((sum, agent) => sum + Math.max(0, agent.instances - agent.instances_live), 0);
    const note = [missing && `${number(missing)} missing`, ill && `${number(ill)} ill`].filter(Boolean).join(", ");
    const tone = instances && !live ? "bad" : note ? "warn" : "";
    this.instances.show(`${number(live)} of ${number(instances)}`, note || "none missing, none ill", tone);
    this.work.show(number(running), `of ${number(slots)}`);
    const held = all.filter((agent) => agent.waiting).length;
    this.queue.show(number(waiting), waiting ? `at ${number(held)} of ${number(all.length)} agents` : "nothing waits");
  }
}

/** The parts, the filter with how many there are of what, the order, and how old it is. */
class Bar {
  constructor(context) {
    this.context = context;
    this.tabs = Object.entries(TABS).map(([name, label]) =>
      h("a", { href: name === "hosts" ? "/fleet" : `/fleet/${name}`, data: { tab: name } }, label),
    );
    this.input = h("input", {
      type: "search",
      name: "filter",
      placeholder: "Filter",
      autocomplete: "off",
      maxlength: 200,
      "aria-label": "Filter by name, state or words",
      oninput: () => this.#typed(),
    });
    const choose = () => context.setQuery({ sort: this.sort.value === "name" ? null : this.sort.value });
    const options = Object.entries(AGENT_SORTS).map(([value, name]) => h("option", { value }, `By ${name}`));
    this.sort = h("select", { "aria-label": "Order", onchange: choose }, options);
    this.chips = h("div", { class: "row chips" });
    this.age = h("span", { class: "quiet age" });
    const heading = h("h1", { class: "hidden" }, "Fleet");
    const nav = h("nav", { class: "tabs", aria: { label: "Parts of the fleet" } }, this.tabs);
    const form = h("form", { role: "search", onsubmit: (event) => event.preventDefault() }, this.input);
    const finding = h("div", { class: "row" }, form, this.sort, this.chips);
    this.element = h("div", { class: "stack" }, h("div", { class: "row spread" }, heading, nav, this.age), finding);
    this.finding = finding;
  }

  #typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.context.setQuery({ find: this.input.value.trim() }), TYPING_MS);
  }

  leave() {
    clearTimeout(this.typing);
  }

  show({ name, query, counts, source, all }) {
    for (const link of this.tabs) {
      if (link.dataset.tab === name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.finding.hidden = !all;
    if (document.activeElement !== this.input) this.input.value = query.find ?? "";
    this.sort.hidden = name !== "agents";
    this.sort.value = orderOf(query.sort);
    this.#showChips(counts.filter(([, n]) => n), query.find);
    const since = source?.at ? time(source.at) : "";
    const late = source?.failed && source.told;
    say(this.age, late ? `! Not updated since ${since}: ${source.failed.message}` : since && `as of ${since}`);
    this.age.classList.toggle("warned", Boolean(late));
  }

  /** How many are of which kind; each is a filter, and the one that holds takes itself away. */
  #showChips(counts, find) {
    const make = ([word]) => h("a", { class: "chip", data: { word } });
    keep(this.chips, counts, ([word]) => word, make, (link, [word, n]) => {
      const holds = find === word;
      say(link, `${number(n)} ${word}`);
      const href = location.pathname + (holds ? "" : `?find=${word}`);
      if (link.getAttribute("href") !== href) link.setAttribute("href", href);
      if (holds) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  }
}
