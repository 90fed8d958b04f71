/** What is known of agents, in words and in order. Pure: no element, no request. */

import { count, number } from "../format.js";

export const SORTS = { name: "name", load: "load", errors: "errors" };

/** How an agent is: a tone and a word, from what is defined and what lives. */
export function healthOf({ instances, instances_live: live }) {
  if (instances === 0) return { tone: "quiet", word: "switched off" };
  if (live === 0) return { tone: "bad", word: "none live" };
  if (live < instances) return { tone: "warn", word: `${live} of ${instances} live` };
  return { tone: "good", word: `${live} live` };
}

/** The share of attempts that succeeded lately; null before the first. */
export const successOf = (agent) => (agent.completed + agent.failed ? 1 - agent.error_rate : null);

/** How much the router prefers it: a figure, where that comes from in a few words, and the whole reason. */
export function weightOf({ weight }) {
  if (!weight) return { figure: "1.00", note: "as much as others", reason: "" };
  const by = weight.by === "weights" ? `${weight.before.toFixed(2)} before` : `set by ${weight.by}`;
  const note = weight.applied ? by : `${by}; a dry run, not counted`;
  return { figure: weight.weight.toFixed(2), note, reason: weight.reason };
}

/** How much of what it can take it has in hand and before it. */
export const loadOf = ({ running, slots, waiting }) => (running + waiting) / Math.max(1, slots);

const ORDERS = {
  name: () => 0,
  load: (a, b) => loadOf(b) - loadOf(a),
  errors: (a, b) => b.error_rate - a.error_rate,
};

/** By what was asked for, then by name. */
export function ordered(agents, sort) {
  const by = ORDERS[sort] ?? ORDERS.name;
  return [...agents].sort((a, b) => by(a, b) || a.agent_id.localeCompare(b.agent_id));
}

/** Rows with what a pool says newly put in. */
export function withPool(agent, pool) {
  const { waiting, waiting_max, running, slots, completed, failed, mean_response_ms, error_rate, load_score } = pool;
  const news = { waiting, waiting_max, running, slots, completed, failed, mean_response_ms, error_rate, load_score };
  return { ...agent, ...news, instances_live: pool.instances };
}

/** Who can what: skills as they are defined, and capabilities without a definition, with who serves each. */
export function skillsOf(agents, defined = []) {
  const found = new Map();
  const room = { live: 0, slots: 0, running: 0, waiting: 0 };
  for (const definition of defined) {
    const name = definition.skill;
    found.set(name, { name, agents: [], definition, ...room });
  }
  const of = new Map(defined.map((one) => [one.skill, new Set(one.agents)]));
  for (const agent of agents) {
    const does = new Set(agent.capabilities.map(skillName));
    for (const [name, able] of of) if (able.has(agent.agent_id)) does.add(name);
    for (const name of does) {
      const skill = found.get(name) ?? { name, agents: [], definition: null, ...room };
      skill.agents.push(agent);
      skill.live += agent.instances_live;
      for (const field of ["slots", "running", "waiting"]) skill[field] += agent[field];
      found.set(name, skill);
    }
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/** The one spelling of a skill, as the router has it. */
export const skillName = (text) => text.trim().toLowerCase().replaceAll(/[- ]/g, "_");

export const totalsOf = (agents) => {
  const sum = (field) => agents.reduce((total, agent) => total + agent[field], 0);
  const [live, running, slots, waiting] = ["instances_live", "running", "slots", "waiting"].map(sum);
  return { live, instances: sum("instances"), running, slots, waiting };
};

const ROLES = {
  primary: "It is preferred for urgent work, priorities 1 and 2.",
  standard: "It takes work of any priority alike.",
  automation: "It is preferred for work in the background, priorities 8 to 10.",
};
const RUNNERS = {
  auto: "A model answers when the line has a key for one; without, answers are simulated.",
  anthropic: "A model answers; without a key it cannot work.",
  simulated: "Its answers are simulated: no model is asked, nothing is spent.",
  external: "A program of yours does the work, and answers on the topics.",
};

/** What a definition means, sentence by sentence: what the preview beside the editor shows. */
export function meaningOf(definition) {
  const { capabilities, keywords, perspectives, instances, model, max_tokens: most, runner, fallback } = definition;
  const said = [];
  said.push(
    capabilities.length
      ? `Tasks of ${listed(capabilities)} can be routed to it.`
      : "It names no capability, so only tasks that ask for it by name come to it.",
  );
  if (keywords.length)
    said.push(`${count(keywords.length, "word")} in a task's text speak for it: ${listed(keywords, 8)}.`);
  if (perspectives.length) said.push(`It looks at a task for ${listed(perspectives)}.`);
  if (fallback) said.push("It also takes what no other agent matches.");
  said.push(ROLES[definition.role] ?? "");
  said.push(
    instances === 0
      ? "It has no instance: tasks for it wait until it has."
      : instances === 1
        ? "One instance of it runs."
        : `${number(instances)} instances of it run, shared out over the hosts.`,
  );
  said.push(RUNNERS[runner] ?? "");
  if (runner !== "external" && runner !== "simulated") {
    const length = most ? ` Its longest answer is ${number(most)} tokens.` : "";
    said.push(`${modelFound(model)}${length}`);
  }
  return said.filter(Boolean);
}

/** Who names a model goes first: the task, the agent's file, the skill, the line. */
const modelFound = (model) =>
  model
    ? `It asks ${model}, unless a task asks for another.`
    : "It asks the model that the task asks for, else that its skill chooses, else the line's default.";

const FIELDS = [
  "description",
  "role",
  "capabilities",
  "perspectives",
  "keywords",
  "fallback",
  "runner",
  "model",
  "max_tokens",
  "instances",
];

/** What would change from one definition to another: { field, from, to }; of the prompt only that it does. */
export function changesOf(before, after, fields = FIELDS) {
  if (!before) return [];
  const told = (value) => (Array.isArray(value) ? value.join(", ") : String(value ?? ""));
  const found = fields.filter((name) => told(before[name]) !== told(after[name])).map((name) => ({
    field: name,
    from: told(before[name]),
    to: told(after[name]),
  }));
  if (before.prompt !== after.prompt) {
    const delta = after.prompt.length - (before.prompt ?? "").length;
    found.push({
      field: "prompt",
      from: "",
      to: delta ? `${number(Math.abs(delta))} characters ${delta > 0 ? "more" : "less"}` : "other words",
    });
  }
  return found;
}

export function listed(names, most = 20) {
  const shown = names.slice(0, most);
  const more = names.length - shown.length;
  if (more) return `${shown.join(", ")} and ${more} more`;
  if (shown.length < 2) return shown.join("");
  return `${shown.slice(0, -1).join(", ")} and ${shown.at(-1)}`;
}

export const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

export const TEMPLATE = `---
description: Says in one sentence what it does.
role: standard            # primary, standard or automation
capabilities: [light]     # kinds of work; a name of your own is a kind of your own
perspectives: []          # what it looks at: security, clarity, …
keywords: []              # words of a task that speak for it
runner: auto              # auto, anthropic, simulated or external
instances: 1
---
You are …

Say who it is, what it does in which order, what it must not do, and the form of its answer.
`;
