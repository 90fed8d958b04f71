/** One agent: how it is now, its definition to read or to change, and its newest tasks. Without an id: a new one. */

import { get, remove } from "../api.js";
import { h, paced, say } from "../dom.js";
import { cost, count, duration, number, percent } from "../format.js";
import { empty, removal, sure, tile, toast } from "../ui.js";
import { sayHealth } from "./agents-rows.js";
import { NAME, TEMPLATE, changesOf, healthOf, meaningOf, successOf, weightOf, withPool } from "./agents-said.js";
import { newest } from "./agents-tasks.js";
import { anew, workshop } from "./agents-workshop.js";

const at = (id) => `/api/agents/${encodeURIComponent(id)}`;

/** What the workshop has to know of agents. */
const SORT = {
  what: "agent",
  key: "agent_id",
  text: "prompt",
  base: "/api/agents",
  name: {
    fits: NAME,
    wrong: "1–63 of a–z, 0–9, - and _, beginning with a letter or figure",
    like: "contract-checker",
  },
  template: TEMPLATE,
  meaningOf: (definition) => [
    ...meaningOf(definition),
    `Its prompt has ${number(definition.prompt.length)} characters.`,
  ],
  changesOf,
  effect: "It works within seconds, and tasks routed from then on may come to it.",
  address: (id) => `/agents/${encodeURIComponent(id)}`,
};

export async function one(context, id) {
  context.keys({ Escape: () => context.go("/agents") });
  const admin = context.me.role === "admin";
  if (id === null)
    return admin ? anew(context, SORT, back()) : { element: empty("Only an admin can define an agent.", back()) };
  const [{ definition, now, stays }, file] = await Promise.all([
    get(at(id)),
    admin ? get(`${at(id)}/markdown`, { as: "text" }) : null,
  ]);
  const head = header(context, definition, admin, stays);
  const board = boardOf(context, definition, now);
  const tasks = newest(context, id, board.spent);
  const defined = admin ? workshop(SORT, { id, definition, file }) : reading(definition);
  head.show(now);
  board.onchange = head.show;
  const element = h("div", { class: "stack" }, head.element, board.element, defined.element, tasks.element);
  return { element, leave: () => (board.leave(), tasks.leave(), defined.leave?.()) };
}

const back = () => h("a", { href: "/agents", class: "back" }, "← Agents");

function header(context, definition, admin, stays) {
  const health = h("span", { class: "badge" });
  const id = definition.agent_id;
  async function take() {
    const effect = "No task is routed to it any more; those that wait in its queue stay there until you cancel them.";
    const question = `Remove ${id}? ${effect}`;
    if (!(await sure(question, `Remove ${id}`, { danger: true }))) return;
    try {
      const { definition: again, waiting } = await remove(at(id));
      const wait = `${count(waiting, "task")} in its queue`;
      const left = waiting ? ` ${wait}: cancel what waits there, or hand it in anew.` : "";
      toast(again ? `What is shipped as ${id} works again.${left}` : `${id} is removed.${left}`);
      context.go("/agents");
    } catch (error) {
      toast(error.message, "bad");
    }
  }
  const { button, why } = removal(take, stays);
  const tasks = h("a", { class: "button", href: `/tasks?agent=${encodeURIComponent(id)}` }, "Its tasks");
  const title = h("div", { class: "row" }, h("h1", {}, id), health);
  const element = h(
    "div",
    {},
    back(),
    h("div", { class: "row spread" }, title, h("div", { class: "row" }, tasks, admin && button)),
    h("p", { class: "quiet" }, definition.description),
    admin && why,
  );
  return { element, show: (now) => now && sayHealth(health, healthOf(now)) };
}

/** Its load, live. */
function boardOf(context, { agent_id: id, model }, first) {
  let now = first;
  const tiles = {
    work: tile("At work"),
    wait: tile("Waiting"),
    success: tile("Success lately"),
    weight: tile("Weight"),
    response: tile("Mean response"),
    spent: tile("Cost a task"),
  };
  const reason = h("p", { class: "quiet" });
  const board = { onchange: () => {} };
  const asks = model ? `asks ${model}` : "asks the model of the skill";
  const draw = paced(() => {
    if (!now) return;
    const share = successOf(now);
    tiles.work.show(number(now.running), `of ${number(now.slots)} slots`);
    tiles.wait.show(number(now.waiting), `room for ${number(now.waiting_max)}`);
    tiles.success.show(
      percent(share),
      `${number(now.completed)} done, ${number(now.failed)} failed`,
      share !== null && share < 0.8 ? "warn" : "",
    );
    const weight = weightOf(now);
    tiles.weight.show(weight.figure, weight.note);
    say(reason, weight.reason && `Weight: ${weight.reason}`);
    reason.hidden = !weight.reason;
    tiles.response.show(now.completed ? duration(now.mean_response_ms) : "–", asks);
    board.onchange(now);
  });
  const stop = context.live.subscribe({ fleet: true }, ({ event, data }) => {
    const pools = event === "snapshot" ? data.pools : event === "pool" ? [data] : [];
    const mine = pools.find((pool) => pool.agent_id === id);
    if (!mine || !now) return;
    now = withPool(now, mine);
    draw();
  });
  draw();
  return Object.assign(board, {
    element: h(
      "div",
      { class: "stack" },
      h(
        "div",
        { class: "tiles" },
        Object.values(tiles).map((one) => one.element),
      ),
      reason,
    ),
    spent: (micros, tasks) =>
      tiles.spent.show(micros === null ? "–" : cost(micros), tasks ? `mean of its newest ${tasks}` : "no task yet"),
    leave: stop,
  });
}

/** For those who may only look. */
function reading(definition) {
  const meaning = h(
    "ul",
    { class: "means" },
    meaningOf(definition).map((said) => h("li", {}, said)),
  );
  const prompt = h("p", { class: "quiet" }, "Its prompt is told to admins only.");
  return { element: h("section", { class: "panel" }, h("h2", {}, "What it does"), meaning, prompt) };
}
