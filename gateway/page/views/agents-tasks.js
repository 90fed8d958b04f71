/** The newest tasks of an agent, kept fresh by what the live stream says of it. */

import { get, query } from "../api.js";
import { fill, h, keep, say } from "../dom.js";
import { cost, duration, fullTime, short, time } from "../format.js";
import { badge, empty, failure, panel } from "../ui.js";
import { spans } from "./tasks-columns.js";

const ASKED = 50; // as many as the mean cost is taken of
const SHOWN = 12;
const PAUSE_MS = 2000; // between two requests, however much happens

/** `onspent(micros or null, tasks)`: what a task cost on the mean. */
export function newest(context, id, onspent) {
  const body = h("tbody");
  const table = h(
    "table",
    { class: "cards", aria: { label: "Newest tasks" } },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["Handed in", "State", "Task", "Waited", "Took", "Cost"].map((name, i) =>
          h("th", { scope: "col", class: i > 2 ? "num" : "" }, name),
        ),
      ),
    ),
    body,
  );
  const box = h("div");
  const more = h("a", { href: `/tasks${query({ agent: id })}` }, "All of them");
  const element = panel("Newest tasks", box, more);
  let waiting = 0;
  let gone = false;

  async function load() {
    try {
      const { tasks } = await get(`/api/tasks${query({ agent: id, limit: ASKED })}`);
      if (gone) return;
      const ended = tasks.filter((task) => task.finished_at !== null);
      onspent(
        ended.length ? ended.reduce((sum, task) => sum + task.cost_usd_micros, 0) / ended.length : null,
        ended.length,
      );
      more.hidden = tasks.length <= SHOWN;
      if (!tasks.length) return fill(box, empty("No task has come to it yet."));
      keep(
        body,
        tasks.slice(0, SHOWN),
        (task) => task.task_id,
        make,
        (row, task) => row.show(task),
      );
      if (box.firstChild !== table) fill(box, table);
    } catch (error) {
      if (!gone && box.firstChild !== table) fill(box, failure("Its tasks cannot be shown.", error, load));
    }
  }

  function soon() {
    if (waiting || gone) return;
    waiting = setTimeout(() => {
      waiting = 0;
      if (document.hidden) document.addEventListener("visibilitychange", soon, { once: true });
      else load();
    }, PAUSE_MS);
  }

  const stop = context.live.subscribe({ agent_id: id }, ({ event }) => event !== "snapshot" && soon());
  load();
  return { element, leave: () => ((gone = true), stop(), clearTimeout(waiting)) };
}

function make({ task_id, submitted_at }) {
  const link = h("a", { href: `/tasks/${encodeURIComponent(task_id)}` });
  const state = h("span");
  const [waited, took, spent] = [h("span"), h("span"), h("span")];
  let was = null;
  const row = h(
    "tr",
    {},
    h("td", { data: { label: "Handed in" } }, h("time", { title: fullTime(submitted_at) }, time(submitted_at))),
    h("td", { data: { label: "State" } }, state),
    h("td", { class: "wide", data: { label: "Task" } }, link),
    h("td", { class: "num", data: { label: "Waited" } }, waited),
    h("td", { class: "num", data: { label: "Took" } }, took),
    h("td", { class: "num", data: { label: "Cost" } }, spent),
  );
  row.show = (task) => {
    if (was !== task.state) fill(state, badge(task.state));
    was = task.state;
    say(link, short(task.text.replaceAll(/\s+/g, " "), 140) || "(no text)");
    const span = spans(task, task.finished_at);
    say(waited, task.finished_at ? duration(span.waited) : "–");
    say(took, task.finished_at ? duration(span.took) : "–");
    say(spent, task.finished_at ? cost(task.cost_usd_micros) : "–");
  };
  return row;
}
