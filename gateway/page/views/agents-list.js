/** All agents in one table, live, and what they can do; both ordered by how well they fit some words, when there are any. */

import { get, query as queried } from "../api.js";
import { fill, h, paced, say } from "../dom.js";
import { count, number, words } from "../format.js";
import { empty, failure } from "../ui.js";
import { looking } from "./experiments-looking.js";
import { SORTS, ordered, skillsOf, totalsOf, withPool } from "./agents-said.js";
import { rows as table } from "./agents-rows.js";
import { skills } from "./agents-skills.js";

const AGAIN_MS = 15_000; // definitions and hosts change seldom; the load of pools comes by itself
const FIRST_MS = 2000; // while there is none, somebody waits for the first
const REORDER_MS = 5000;
const TYPING_MS = 300;

export async function everyone(context, query) {
  const state = { agents: [], skills: [], fits: null, kinds: null, at: 0, order: [], query };
  const sum = h("p", { class: "quiet sum", role: "status" });
  const body = h("div");
  const again = () => reorder();
  const fresh = h("button", { type: "button", class: "fresh", hidden: true, onclick: again }, "New order ↑");
  const understood = h("p", { class: "understood", role: "status", hidden: true });
  const list = table(() => draw());
  const ground = skills();
  const bar = barOf(context, query);
  const draw = paced(paint);
  await read();
  await look(query);

  async function read(holds = () => true) {
    const [{ agents }, { skills: defined }] = await Promise.all([get("/api/agents"), get("/api/skills")]);
    if (!holds()) return;
    Object.assign(state, { agents, skills: defined });
  }

  function paint() {
    say(sum, told(state.agents));
    bar.show(state.query);
    const [kind, element] = content();
    if (body.dataset.kind !== kind) fill(body, element);
    body.dataset.kind = kind;
  }

  function content() {
    fresh.hidden = understood.hidden = true;
    if (state.failed)
      return [
        `failed ${state.failed.message}`,
        failure("Nobody could be looked for.", state.failed, () => look(state.query)),
      ];
    if (state.query.show !== "skills" && !state.agents.length) return ["nobody", nobody(context.me)];
    tellMeant();
    if (state.query.show === "skills") return ["skills", ground.show(skillsInOrder())];
    if (state.fits && !state.fits.length) return ["no fit", empty("No agent has anything in common with these words.")];
    list.show(inOrder(), state.fits);
    return ["rows", list.element];
  }

  function tellMeant() {
    understood.hidden = !state.understood;
    if (state.understood) say(understood, meant(state.understood));
  }

  /** With words to look for, those that are defined, the best first: what only agents name has no meaning to compare. */
  function skillsInOrder() {
    const all = skillsOf(state.agents, state.skills);
    if (!state.kinds) return all;
    const known = new Map(all.map((skill) => [skill.name, skill]));
    return state.kinds.filter((one) => known.has(one.skill)).map((one) => ({ ...known.get(one.skill), found: one }));
  }

  /** What is shown keeps its order while somebody reads; a better one waits behind a button. */
  function inOrder() {
    const known = new Map(state.agents.map((agent) => [agent.agent_id, agent]));
    if (state.fits) return state.fits.map(({ agent_id }) => known.get(agent_id)).filter(Boolean);
    const best = ordered(state.agents, state.query.sort).map((agent) => agent.agent_id);
    const same = best.length === state.order.length && best.every((id, i) => id === state.order[i]);
    if (!same && (!list.isRead() || best.length !== state.order.length)) {
      if (!state.order.length || Date.now() - state.at > REORDER_MS || best.length !== state.order.length) {
        state.order = best;
        state.at = Date.now();
      }
    } else fresh.hidden = same;
    return state.order.map((id) => known.get(id)).filter(Boolean);
  }

  function reorder() {
    state.order = [];
    draw();
  }

  async function look(wanted) {
    const resorted = wanted.sort !== state.query.sort;
    state.query = wanted;
    if (resorted) state.order = [];
    const sought = wanted.find?.trim() ?? "";
    state.failed = null;
    try {
      const what = wanted.show === "skills" ? "skills" : "agents";
      const found = sought ? await get(`/api/${what}${queried({ find: sought })}`) : null;
      if (state.query !== wanted) return;
      state.fits = found?.agents ?? null;
      state.kinds = found?.skills ?? null;
      state.understood = found?.understood ?? null;
    } catch (error) {
      if (state.query === wanted) state.failed = error;
    }
    draw();
  }

  function hear({ event, data }) {
    const pools = event === "snapshot" ? data.pools : event === "pool" ? [data] : [];
    if (!pools.length) return;
    const by = new Map(pools.map((pool) => [pool.agent_id, pool]));
    state.agents = state.agents.map((agent) =>
      by.has(agent.agent_id) ? withPool(agent, by.get(agent.agent_id)) : agent,
    );
    draw();
  }

  const stop = context.live.subscribe({ fleet: true }, hear);
  const pause = () => (state.agents.length ? AGAIN_MS : FIRST_MS);
  const end = looking(async (holds) => {
    await read(holds);
    if (holds()) draw();
    return pause();
  }, pause());
  context.keys({ j: () => list.step(1), k: () => list.step(-1) });
  const element = h(
    "div",
    { class: "stack" },
    bar.element,
    h("div", { class: "row spread" }, sum, fresh),
    understood,
    body,
  );
  paint();
  return { element, change: look, leave: () => (stop(), end(), bar.leave()) };
}

/** The heading with the words to look for, the order, and the other view of the same: skills. */
function barOf(context, first) {
  let typing = 0;
  const input = h("input", {
    type: "search",
    name: "find",
    value: first.find ?? "",
    autocomplete: "off",
    maxlength: 500,
    oninput: () => {
      clearTimeout(typing);
      typing = setTimeout(() => context.setQuery({ find: input.value.trim() }), TYPING_MS);
    },
  });
  const sort = h(
    "select",
    { "aria-label": "Order", onchange: () => context.setQuery({ sort: sort.value === "name" ? null : sort.value }) },
    Object.entries(SORTS).map(([value, name]) => h("option", { value }, `By ${name}`)),
  );
  const tabs = ["agents", "skills"].map((name) =>
    h(
      "a",
      { href: name === "agents" ? "/agents" : "/agents?show=skills", data: { tab: name } },
      name === "agents" ? "Agents" : "Skills",
    ),
  );
  const add = h("a", { class: "button primary", hidden: context.me.role !== "admin" });
  const form = h("form", { class: "find", role: "search", onsubmit: (event) => event.preventDefault() }, input);
  const element = h(
    "div",
    { class: "row spread bar-of" },
    h(
      "div",
      { class: "row" },
      h("h1", { class: "hidden" }, "Agents"),
      h("nav", { class: "tabs", aria: { label: "Agents or skills" } }, tabs),
    ),
    h("div", { class: "row grow" }, form, sort, add),
  );
  function show(query) {
    const tab = query.show === "skills" ? "skills" : "agents";
    for (const link of tabs) {
      if (link.dataset.tab === tab) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    input.placeholder = `Find the ${tab === "skills" ? "skill" : "agent"} for …`;
    input.setAttribute("aria-label", `Find the ${tab === "skills" ? "skill" : "agent"} for some work, in words`);
    if (document.activeElement !== input) input.value = query.find ?? "";
    sort.value = query.sort in SORTS ? query.sort : "name";
    sort.disabled = Boolean(query.find);
    sort.hidden = tab === "skills";
    add.href = tab === "skills" ? "/agents?skill=" : "/agents?new";
    say(add, tab === "skills" ? "New skill" : "New agent");
  }
  return { element, show, leave: () => clearTimeout(typing) };
}

function told(agents) {
  const { live, instances, running, slots, waiting } = totalsOf(agents);
  const wait = waiting ? `${count(waiting, "task")} ${waiting === 1 ? "waits" : "wait"}` : "nothing waits";
  const parts = [count(agents.length, "agent"), `${number(live)} of ${count(instances, "instance")} live`];
  return [...parts, `${number(running)} of ${count(slots, "slot")} at work`, wait].join(" · ");
}

/** What the router would do with the words, in a sentence. */
function meant({ skill, agent_id: id, reason }) {
  const kind = skill === "general" ? "no kind of work that it knows" : words(skill);
  return `The router takes this for ${kind}. ${id ? `${id} would get it` : "Nobody would get it"}: ${reason}`;
}

function nobody(me) {
  const next =
    me.role === "admin"
      ? h("p", {}, "Define one here, or put a Markdown file into the folder of agents_dir.")
      : h("p", {}, "An admin can define one.");
  return empty("There is no agent yet, so no task can be worked on.", next);
}
