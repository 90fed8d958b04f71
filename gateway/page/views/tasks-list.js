/**
 * The tasks of a list as they are: pages of the API, and what the live stream tells of them since. It draws nothing.
 *
 * While it is `held`, because somebody reads, nothing that is shown moves: new tasks wait, and those that are none of
 * the list any more stay, marked as left. Rows are changed in place and keep their order, newest first.
 */

import { get, query } from "../api.js";
import { asked, blank, fold, hasEnded, matches } from "./tasks-filter.js";

const FIRST = 100;
const PAGE = 500;
const HEARD_MAX = 5000; // tasks of which the live stream told while they were none of the list
const WAITING_MAX = 5000; // beyond it, as in a tab that is hidden for hours, the list is loaded anew instead
const LONG = 20_000; // live rows beyond it are let go when the reader is at the top
const LOOK_AGAIN_MS = 1500;
const RUSH_MS = 3000;
const RUSH = 6; // new tasks in that time: beyond it rows would move all the time, and wait instead

const TOLD = ["state", "agent_id", "skill", "started_at", "finished_at", "attempts", "quality", "error", "progress"];

const nowUs = () => Date.now() * 1000;
const before = (a, b) =>
  a.submitted_at > b.submitted_at || (a.submitted_at === b.submitted_at && a.task_id > b.task_id);

export class TaskList {
  /** `onchange`: something is to be drawn. Who draws calls `settle` first, unless the list is held. */
  constructor(filter, onchange) {
    Object.assign(this, { filter, onchange, rows: [], waiting: [], paged: 0, next: null, held: false });
    this.state = "loading"; // ready, failed
    this.error = null;
    this.source = null;
    this.known = new Map(); // by id: rows that are shown or wait
    this.heard = new Map(); // by id: what was told of others
    this.came = []; // when the newest came in, no more of them than tell a rush [ms]
    this.ending = new AbortController();
  }

  close() {
    this.ending.abort();
    clearTimeout(this.again);
  }

  async load({ quietly = false } = {}) {
    if (!quietly) this.state = "loading";
    this.onchange();
    try {
      const page = await this.#page(null, FIRST);
      this.rows = [];
      this.waiting = [];
      this.known.clear();
      this.paged = 0;
      this.#take(page);
      this.state = "ready";
      this.#lookAgain(); // once: what happened between the list and the stream's snapshot may be in neither
    } catch (error) {
      if (error.name === "AbortError") return;
      this.state = "failed";
      this.error = error;
    }
    this.onchange();
  }

  /** The next page, when there is one; asked for once at a time. */
  more() {
    if (!this.next || this.state !== "ready") return;
    this.asking ??= this.#more().finally(() => (this.asking = undefined));
  }

  async #more() {
    try {
      this.#take(await this.#page(this.next, PAGE));
      this.moreError = null;
    } catch (error) {
      if (error.name === "AbortError") return;
      this.moreError = error;
      this.next = null;
    }
    this.onchange();
  }

  #page(cursor, limit) {
    return get(`/api/tasks${query({ ...asked(this.filter, nowUs()), limit, cursor })}`, { signal: this.ending.signal });
  }

  #take(page) {
    for (const row of page.tasks) {
      if (this.known.has(row.task_id)) continue;
      const told = this.heard.get(row.task_id);
      if (told && !hasEnded(row)) overlay(row, told);
      this.heard.delete(row.task_id);
      this.known.set(row.task_id, row);
      this.rows.push(row);
    }
    this.paged += page.tasks.length;
    this.next = page.next;
    this.source = page.source;
  }

  // --- live

  hear(message) {
    if (message.event === "snapshot") return this.#shown(message.data.tasks ?? []);
    if (message.event === "gap") return;
    const id = message.data?.task_id;
    if (!id) return;
    const row = this.known.get(id);
    if (row) {
      if (hasEnded(row) || !fold(row, message)) return;
      row.left = !matches(this.filter, row, nowUs());
      this.onchange();
    } else this.#hearNew(id, message);
  }

  /** A task that is none of the list may become one by what is told of it. */
  #hearNew(id, message) {
    const row = this.heard.get(id) ?? blank(message);
    fold(row, message);
    this.heard.set(id, row);
    if (this.heard.size > HEARD_MAX) this.heard.delete(this.heard.keys().next().value);
    if (this.state !== "ready") return;
    const whole = row.text !== null && row.submitted_at !== null;
    if (whole && matches(this.filter, row, nowUs()) && this.#inReach(row)) {
      this.heard.delete(id);
      if (this.waiting.length >= WAITING_MAX) this.isBehind = true;
      else {
        this.known.set(id, row);
        this.waiting.push(row);
        this.came.push(performance.now());
        if (this.came.length > RUSH) this.came.shift();
      }
      this.onchange();
    } else if (!whole && hasEnded(row) && this.#isOurs(row) && this.#inReach(row)) this.#lookAgain();
  }

  /** What the end of a task tells is enough to see that it is none of ours; else the API is asked. */
  #isOurs(row) {
    return matches({ ...this.filter, text: "", skill: "", priority: "", session: "" }, row, nowUs());
  }

  /** Older tasks than those loaded come with their page. */
  #inReach(row) {
    return !this.next || !this.rows.length || before(row, this.rows.at(-1));
  }

  /** How the newest tasks are, as the stream knows it: what happened before is not told by it any more. */
  #shown(tasks) {
    for (const told of tasks) {
      const row = this.known.get(told.task_id);
      if (!row) this.heard.set(told.task_id, { ...blank({ data: told }), ...asListed(told) });
      else if (!hasEnded(row)) {
        overlay(row, asListed(told));
        row.left = !matches(this.filter, row, nowUs());
      }
    }
    this.onchange();
    if (this.wasShown) this.#lookAgain(); // anew: something may have been missed
    this.wasShown = true;
  }

  #lookAgain() {
    this.again ??= setTimeout(async () => {
      this.again = undefined;
      if (document.hidden)
        return document.addEventListener("visibilitychange", () => this.#lookAgain(), { once: true });
      const page = await this.#page(null, FIRST).catch(() => null);
      if (!page || this.state !== "ready") return;
      for (const row of page.tasks) {
        const known = this.known.get(row.task_id);
        // The stream may be ahead of the list.
        if (known && hasEnded(known)) continue;
        if (known) Object.assign(known, row, { left: false });
        else {
          this.known.set(row.task_id, row);
          this.waiting.push(row);
        }
      }
      this.onchange();
    }, LOOK_AGAIN_MS);
  }

  /** Whether more come than one can follow: they wait, as when somebody reads. */
  get rushes() {
    return this.came.length === RUSH && performance.now() - this.came[0] < RUSH_MS;
  }

  /** Nobody reads: what waits comes in, what is none of the list any more goes. How many came in. */
  settle() {
    if (this.isBehind) {
      this.isBehind = false;
      this.load({ quietly: true });
      return 0;
    }
    const came = this.waiting.length;
    const stay = this.rows.some((row) => row.left) ? this.rows.filter((row) => !row.left) : this.rows;
    if (stay !== this.rows) for (const row of this.rows) if (row.left) this.#leave(row);
    for (const row of this.waiting) if (row.left) this.#leave(row);
    const fresh = this.waiting.filter((row) => this.known.has(row.task_id));
    this.rows = merged(stay, fresh);
    this.waiting = [];
    if (came && this.rows.length > LONG && this.rows.length > 2 * this.paged) this.load({ quietly: true });
    return came;
  }

  #leave(row) {
    this.known.delete(row.task_id);
    this.heard.set(row.task_id, row);
    row.left = false;
  }
}

/** A task of a snapshot: its text is cut, and what happened between two attempts has other names. */
function asListed(told) {
  const state = { assigned: "running", judged: "running", "waiting to retry": "delayed" }[told.state] ?? told.state;
  return { ...told, state, attempts: told.attempt, text: null };
}

/** What the live stream told is newer than the page, but the page has all fields. */
function overlay(row, told) {
  for (const name of TOLD) if (told[name] !== null && told[name] !== undefined) row[name] = told[name];
  row.cost_usd_micros = Math.max(row.cost_usd_micros, told.cost_usd_micros);
}

/** Both newest first; what comes in is mostly newer than all. */
function merged(rows, fresh) {
  if (!fresh.length) return rows;
  fresh.sort((a, b) => (before(a, b) ? -1 : 1));
  if (!rows.length || before(fresh.at(-1), rows[0])) return [...fresh, ...rows];
  return [...fresh, ...rows].sort((a, b) => (before(a, b) ? -1 : 1));
}
