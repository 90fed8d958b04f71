/** The columns of the list. */

import { fill, h } from "../dom.js";
import { cost, duration, fullTime, percent, tail, time, words } from "../format.js";
import { badge } from "../ui.js";
import { hasEnded } from "./tasks-filter.js";

const now = () => Date.now() * 1000;

/** How long it waited for its first start, and how long it was worked at; of an open task until now. In ms. */
export function spans(row, nowUs) {
  const end = row.finished_at ?? nowUs;
  const begun = row.started_at ?? (row.items ? row.submitted_at : null);
  return {
    waited: row.items ? null : Math.max(0, (begun ?? end) - row.submitted_at) / 1000,
    took: begun === null ? null : Math.max(0, end - begun) / 1000,
  };
}

/** While it runs in whole seconds: tenths that run all the time are of no use to anybody. */
const span = (row, ms) => duration(ms !== null && !hasEnded(row) && ms >= 1000 ? Math.floor(ms / 1000) * 1000 : ms);

/** A badge of what a row's state is, with how far it is. */
function drawState(cell, row) {
  const share = row.progress ? ` ${percent(row.progress, 0)}` : "";
  fill(cell, badge(row.state), h("span", { class: "quiet" }, share));
}

function drawText(cell, row) {
  const marks = [];
  if (row.parent_id) marks.push("item");
  if (row.items) marks.push(`${row.items} items`);
  if (row.redrive_of) marks.push("redo");
  if (row.attempts > 1) marks.push(`attempt ${row.attempts}`);
  const href = `/tasks/${encodeURIComponent(row.task_id)}${location.search}`;
  fill(
    cell,
    h("a", { href, tabindex: -1 }, textOf(row)),
    marks.map((mark) => h("span", { class: "chip" }, mark)),
  );
}

/** The whole point of an item is its last line: what comes before is the text of all of them. */
function textOf(row) {
  const text = row.text || row.task_id;
  const item = row.parent_id && /\n\nItem \d+ of \d+: /.exec(text);
  return item ? text.slice(item.index + 2) : text;
}

export const COLUMNS = [
  { key: "at", label: "Time", text: (row) => time(row.submitted_at), title: (row) => fullTime(row.submitted_at) },
  {
    key: "state",
    label: "State",
    sign: (row) => `${row.state} ${row.progress ?? ""}`,
    draw: drawState,
    title: (row) => row.error,
  },
  {
    key: "text",
    label: "Text",
    sign: (row) => `${row.text} ${row.items} ${row.attempts} ${row.task_id} ${location.search}`,
    draw: drawText,
    title: (row) => row.text,
  },
  { key: "agent", label: "Agent", text: (row) => row.agent_id ?? "–" },
  { key: "skill", label: "Skill", text: (row) => (row.skill ? words(row.skill) : "–") },
  { key: "priority", label: "Priority", num: true, text: (row) => String(row.priority ?? "–") },
  { key: "waited", label: "Waited", num: true, text: (row) => span(row, spans(row, now()).waited) },
  { key: "took", label: "Took", num: true, text: (row) => span(row, spans(row, now()).took) },
  { key: "cost", label: "Cost", num: true, text: (row) => cost(row.cost_usd_micros) },
  {
    key: "session",
    label: "Session",
    text: (row) =>
      row.session_id === row.task_id ? "own" : row.session_id.length > 24 ? tail(row.session_id) : row.session_id,
    title: (row) => row.session_id,
  },
];
