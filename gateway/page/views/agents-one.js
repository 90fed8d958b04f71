/** One agent: how it is now, its definition to read or to change, and its newest tasks. Without an id: a new one. */

import { get, put, remove } from "../api.js";
import { fill, h, paced, say } from "../dom.js";
import { cost, duration, number, percent } from "../format.js";
import { empty, sure, tile, toast } from "../ui.js";
import { editor } from "./agents-editor.js";
import { sayHealth } from "./agents-rows.js";
import { NAME, TEMPLATE, changesOf, healthOf, meaningOf, successOf, withPool } from "./agents-said.js";
import { newest } from "./agents-tasks.js";

const at = (id) => `/api/agents/${encodeURIComponent(id)}`;

export async function one(context, id) {
  context.keys({ Escape: () => context.go("/agents") });
  const admin = context.me.role === "admin";
  if (id === null) return admin ? anew(context) : { element: empty("Only an admin can define an agent.", back()) };
  const [{ definition, now }, file] = await Promise.all([
    get(at(id)),
    admin ? get(`${at(id)}/markdown`, { as: "text" }) : null,
  ]);
  const head = header(context, definition, admin);
  const board = boardOf(context, id, now);
  const tasks = newest(context, id, board.spent);
  const defined = admin ? workshop(context, { id, definition, file, gone: head.gone }) : reading(definition);
  head.show(now);
  board.onchange = head.show;
  const element = h("div", { class: "stack" }, head.element, board.element, defined.element, tasks.element);
  return { element, leave: () => (board.leave(), tasks.leave(), defined.leave?.()) };
}

const back = () => h("a", { href: "/agents", class: "back" }, "← Agents");

function header(context, definition, admin) {
  const health = h("span", { class: "badge" });
  const id = definition.agent_id;
  async function take() {
    const effect = "No task is routed to it any more; those that wait in its queue stay there until you cancel them.";
    const question = `Remove ${id}? ${effect}`;
    if (!(await sure(question, `Remove ${id}`, { danger: true }))) return;
    try {
      const { definition: again, waiting } = await remove(at(id));
      const left = waiting ? ` ${number(waiting)} tasks wait in its queue: cancel them, or hand them in anew.` : "";
      toast(again ? `What is shipped as ${id} works again.${left}` : `${id} is removed.${left}`);
      context.go("/agents");
    } catch (error) {
      toast(error.message, "bad");
    }
  }
  const element = h(
    "div",
    { class: "row spread" },
    h(
      "div",
      {},
      back(),
      h("div", { class: "row" }, h("h1", {}, id), health),
      h("p", { class: "quiet" }, definition.description),
    ),
    h(
      "div",
      { class: "row" },
      h("a", { class: "button", href: `/tasks?agent=${encodeURIComponent(id)}` }, "Its tasks"),
      admin && h("button", { type: "button", class: "danger", onclick: take }, "Remove"),
    ),
  );
  return { element, show: (now) => now && sayHealth(health, healthOf(now)) };
}

/** Its load, live. */
function boardOf(context, id, first) {
  let now = first;
  const tiles = {
    work: tile("At work"),
    wait: tile("Waiting"),
    success: tile("Success lately"),
    response: tile("Mean response"),
    spent: tile("Cost a task"),
  };
  const board = { onchange: () => {} };
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
    tiles.response.show(now.completed ? duration(now.mean_response_ms) : "–", now.model ? `asks ${now.model}` : "");
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
      { class: "tiles" },
      Object.values(tiles).map((one) => one.element),
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

/** The editor and, beside it, what the text means and what saving changes. */
function workshop(context, { id, definition, file }) {
  let known = definition;
  const side = sideOf();
  const save = h("button", { type: "button", class: "primary", disabled: true, onclick: keep }, "Save");
  const discard = h("button", { type: "button", hidden: true, onclick: () => made.discard() }, "Discard changes");
  const made = editor({ agentId: () => id, saved: file, keptAs: id, oncheck });

  function oncheck({ definition: meant, problems, dirty }) {
    save.disabled = !dirty || !meant;
    discard.hidden = !dirty;
    side.show(meant, problems, dirty ? changesOf(known, meant ?? known) : []);
  }

  async function keep() {
    if (
      !(await sure(`Save ${id}? Tasks routed from now on use this; those that run go on as they began.`, `Save ${id}`))
    )
      return;
    const text = made.text();
    save.disabled = true;
    try {
      known = await put(at(id), { markdown: text, updated_at: known.updated_at });
      made.saved(text);
      toast(`${id} is saved. Tasks routed from now on use it.`);
    } catch (error) {
      save.disabled = false;
      toast(error.message, "bad");
    }
  }

  if (made.restored) toast("What you had not saved is here again.", "warn");
  return { element: frame("Definition", made, side, [discard, save]), leave: made.leave };
}

function anew(context) {
  const side = sideOf();
  const wrong = h("span", { class: "problem", id: "name-problem", role: "status" });
  const name = h("input", {
    name: "agent_id",
    required: true,
    maxlength: 63,
    autocomplete: "off",
    "aria-describedby": "name-problem",
    placeholder: "contract-checker",
    oninput: named,
  });
  const save = h("button", { type: "button", class: "primary", disabled: true, onclick: keep }, "Define agent");
  const made = editor({
    agentId: () => (NAME.test(name.value) ? name.value : null),
    saved: TEMPLATE,
    keptAs: "",
    oncheck,
  });
  let meant = null;

  function named() {
    const fits = NAME.test(name.value);
    say(wrong, name.value && !fits ? "1–63 of a–z, 0–9, - and _, beginning with a letter or figure" : "");
    name.setAttribute("aria-invalid", String(Boolean(name.value) && !fits));
    save.disabled = !meant || !fits;
  }

  function oncheck({ definition, problems }) {
    meant = definition;
    side.show(definition, problems, []);
    named();
  }

  async function keep() {
    const id = name.value;
    if (
      !(await sure(
        `Define ${id}? It works within seconds, and tasks routed from then on may come to it.`,
        `Define ${id}`,
      ))
    )
      return;
    try {
      await put(at(id), { markdown: made.text(), updated_at: 0 });
      made.discard();
      toast(`${id} is defined.`);
      context.go(`/agents/${encodeURIComponent(id)}`);
    } catch (error) {
      toast(
        error.status === 409
          ? `There is an agent ${id} already: take another name, or change that one.`
          : error.message,
        "bad",
      );
    }
  }

  const head = h(
    "div",
    { class: "stack" },
    back(),
    h("h1", {}, "New agent"),
    h("label", { class: "naming" }, "Its name", name),
    wrong,
  );
  return { element: h("div", { class: "stack" }, head, frame("Definition", made, side, [save])), leave: made.leave };
}

function frame(title, made, side, buttons) {
  return h(
    "div",
    { class: "workshop" },
    h(
      "section",
      { class: "panel" },
      h("div", { class: "head" }, h("h2", {}, title), h("div", { class: "row" }, made.unsaved, buttons)),
      made.element,
    ),
    side.element,
  );
}

/** What the text means, sentence by sentence, and what saving would change. */
function sideOf() {
  const means = h("ul", { class: "means" });
  const about = h("p", { class: "about" });
  const changes = h("div", { hidden: true });
  const element = h(
    "section",
    { class: "panel side", aria: { label: "What it means" } },
    h("h2", {}, "What it means"),
    about,
    means,
    changes,
  );
  return {
    element,
    show(definition, problems, changed) {
      element.classList.toggle("old", !definition);
      if (definition) {
        say(about, definition.description);
        fill(
          means,
          [...meaningOf(definition), `Its prompt has ${number(definition.prompt.length)} characters.`].map((said) =>
            h("li", {}, said),
          ),
        );
      } else if (!means.childElementCount) say(about, "It cannot be told yet: see the problem marked in the text.");
      changes.hidden = !changed.length;
      fill(
        changes,
        h("h2", {}, "What saving changes"),
        h(
          "dl",
          {},
          changed.map(({ field, from, to }) => [
            h("dt", {}, field),
            h("dd", {}, from && h("del", {}, from), from ? " → " : "", h("ins", {}, to || "nothing")),
          ]),
        ),
      );
    },
  };
}
