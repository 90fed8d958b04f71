/**
 * One task beside the list: its story from the API, asked for anew when the live stream tells that something happened,
 * and what it streams meanwhile. What is read, unfolded or focused stays where it is: parts are drawn anew only when
 * what they show is another.
 */

import { get } from "../api.js";
import { fill, h, keep, paced, say } from "../dom.js";
import { count, percent } from "../format.js";
import { badge, button, failure, loading, missing, sure, toast, toClipboard } from "../ui.js";
import {
  attemptPart,
  decisionPart,
  drawEvent,
  feedbackPart,
  itemsPart,
  makeEvent,
  placeOf,
  section,
} from "./task-parts.js";
import { factsOf, knows, relatedOf, titleOf } from "./task-facts.js";
import { output } from "./task-output.js";
import { attemptsOf, fieldsOf, phasesOf } from "./task-phases.js";
import { Timeline } from "./task-timeline.js";
import { act } from "./tasks-bulk.js";
import { hasEnded } from "./tasks-filter.js";

const ASK_MS = 300; // between two questions for the story
const LOOK_AGAIN = [150, 400, 1000, 2500]; // ms; the story may know of an event a moment later than the stream
const LOOK_AGAIN_MOST = 20;
const GROW_MS = 250;
const LIVE_CHARS_MAX = 200_000;

export function openTask(id, context, { close, mayAct }) {
  return new Task(id, context, close, mayAct);
}

class Task {
  constructor(id, context, close, mayAct) {
    Object.assign(this, { id, context, leave: close, mayAct, story: null, items: [], error: null });
    this.stream = { attempt: 0, text: "", whole: true, progress: null, message: "" };
    this.ending = new AbortController();
    this.draw = paced(() => this.#draw());
    this.#build();
    this.off = [context.live.subscribe({ task_id: id }, (message) => this.#hear(message))];
    this.grow = setInterval(() => !document.hidden && this.story && !hasEnded(this.story.task) && this.draw(), GROW_MS);
    this.#ask();
  }

  close() {
    for (const stop of this.off) stop();
    clearInterval(this.grow);
    clearTimeout(this.soon);
    this.ending.abort();
    this.closed = true;
  }

  // --- what is known

  #hear({ event, data, progress }) {
    if (event === "snapshot") {
      const known = data.tasks?.find((task) => task.task_id === this.id);
      if (known?.answer !== undefined && !known.finished_at)
        this.#streams(known.attempt, known.answer ?? "", known.progress, known.message, known.answer !== null);
      if (known?.finished_at) this.expected = "task_completed";
      if (this.story) this.#askSoon();
    } else if (event === "progress_update") {
      if (data.kind === "text") this.#streams(data.attempt, this.#textOf(data.attempt) + data.message, progress);
      else this.#streams(data.attempt, this.#textOf(data.attempt), progress, data.message);
    } else if (data.task_id === this.id) {
      this.expected = event;
      this.#askSoon();
    }
    this.draw();
  }

  #textOf(attempt) {
    return attempt === this.stream.attempt ? this.stream.text : "";
  }

  #streams(attempt, text, progress, message, whole = this.stream.whole) {
    const { stream } = this;
    if (attempt !== stream.attempt) Object.assign(stream, { progress: null, message: "" });
    Object.assign(stream, { attempt, whole, text: text.length > LIVE_CHARS_MAX ? text.slice(-LIVE_CHARS_MAX) : text });
    if (progress !== null && progress !== undefined) stream.progress = progress;
    if (message) stream.message = message;
  }

  #askSoon(after = ASK_MS) {
    this.soon ??= setTimeout(
      () => {
        this.soon = undefined;
        this.#ask();
      },
      this.askedAt && Date.now() - this.askedAt > after ? 0 : after,
    );
  }

  async #ask(tries = 0) {
    this.askedAt = Date.now();
    const { signal } = this.ending;
    try {
      const story = await get(`/api/tasks/${encodeURIComponent(this.id)}`, { signal });
      if (story.items.length) this.items = await this.#children(signal);
      this.story = story;
      this.error = null;
      this.#followItems();
      if (this.expected && !knows(story, this.expected) && tries < LOOK_AGAIN_MOST)
        setTimeout(() => !this.closed && this.#ask(tries + 1), LOOK_AGAIN[Math.min(tries, LOOK_AGAIN.length - 1)]);
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!this.story || error.status === 404) this.error = error;
      if (error.status === 503 || error.status === 0)
        setTimeout(() => !this.closed && this.#ask(), 1000 * (error.retryAfterS ?? 2));
    }
    this.draw();
  }

  async #children(signal) {
    const { tasks } = await get(`/api/tasks?${new URLSearchParams({ parent: this.id, limit: 500 })}`, { signal });
    const index = (row) => Number(row.task_id.slice(row.task_id.lastIndexOf(".") + 1));
    return tasks.sort((a, b) => index(a) - index(b));
  }

  /** Its items run in the same session: what happens there changes what is shown here. */
  #followItems() {
    const { task, items } = this.story;
    if (!items.length || hasEnded(task) || this.off.length > 1) return;
    const own = ({ data }) => data.task_id?.startsWith(`${this.id}.`) && this.#askSoon(1000);
    this.off.push(this.context.live.subscribe({ session_id: task.session_id }, own));
  }

  // --- what is shown

  #build() {
    this.timeline = new Timeline((entry) => this.#openEvent(entry));
    this.parts = {};
    this.instead = h("div", {}, loading("Loading the task…"));
    this.state = h("span", { class: "task-state" });
    this.actions = h("span", { class: "actions" });
    this.title = h("div", { class: "task-title" });
    this.facts = h("p", { class: "task-facts quiet" });
    this.related = h("p", { class: "task-facts quiet" });
    this.trouble = h("div", { class: "trouble", hidden: true });
    this.meter = h("i");
    this.streamText = h("pre", { class: "stream", tabindex: 0, aria: { label: "Answer so far" } });
    this.streamNote = h("p", { class: "quiet" });
    this.running = h(
      "section",
      { class: "task-part running", hidden: true },
      h("h2", {}, "Now"),
      this.streamNote,
      h("span", { class: "meter" }, this.meter),
      this.streamText,
    );
    this.events = h("div", { class: "events" });
    const box = (name) => (this.parts[name] = { element: h("div", { class: "part-box" }), sign: null }).element;
    this.whole = h(
      "div",
      { class: "task-whole", hidden: true },
      this.title,
      this.facts,
      this.related,
      this.trouble,
      section("Timeline", this.timeline.element),
      this.running,
      box("output"),
      box("decision"),
      box("attempts"),
      box("items"),
      box("feedback"),
      h("section", { class: "task-part" }, h("h2", {}, "Events"), this.events),
    );
    const shut = h(
      "button",
      {
        type: "button",
        class: "plain shut",
        aria: { label: "Close the task (Esc)" },
        title: "Esc",
        onclick: this.leave,
      },
      "×",
    );
    this.element = h(
      "article",
      { class: "task" },
      h("header", { class: "task-head" }, this.state, this.actions, shut),
      this.instead,
      this.whole,
    );
  }

  #openEvent(entry) {
    const element = this.events.kept?.get(placeOf(entry));
    if (!element) return;
    element.open = true;
    element.scrollIntoView({ block: "center" });
    element.querySelector("summary").focus({ preventScroll: true });
  }

  #draw() {
    const { story, error } = this;
    this.whole.hidden = !story;
    this.instead.hidden = Boolean(story);
    if (!story) return this.#drawInstead(error);
    const nowUs = Date.now() * 1000;
    this.#part("state", this.state, story.task.state, () => badge(story.task.state));
    this.#part("title", this.title, story.text, () => titleOf(story.text));
    this.#part("related", this.related, [story.task.parent_id, story.task.redrive_of], () => relatedOf(story.task));
    this.#part("actions", this.actions, hasEnded(story.task), () => this.#actions(story));
    this.#part("trouble", this.trouble, story.task.error, () => story.task.error && h("p", {}, story.task.error));
    this.trouble.hidden = !story.task.error;
    say(this.facts, factsOf(story, nowUs));
    this.timeline.show(phasesOf(story.timeline, nowUs), this.items, story.items);
    this.#drawRunning(story);
    this.#drawParts(story);
    keep(this.events, story.timeline, placeOf, makeEvent, drawEvent);
  }

  #drawInstead(error) {
    const sign = error?.message ?? "";
    if (this.insteadOf === sign || !error) return;
    this.insteadOf = sign;
    const later = h("p", {}, "If it is handed in, it appears here by itself.");
    const gone = missing("task", this.id, "/tasks", later);
    fill(this.instead, error.status === 404 ? gone : failure("The task cannot be shown.", error, () => this.#ask()));
  }

  #drawRunning(story) {
    const { stream } = this;
    const busy = !hasEnded(story.task) && story.task.state === "running" && stream.attempt > 0;
    this.running.hidden = !busy;
    if (!busy) return;
    const share = stream.progress === null ? "at work" : `${percent(stream.progress, 0)} done`;
    say(
      this.streamNote,
      [`Attempt ${stream.attempt}, ${share}`, stream.message !== share && stream.message].filter(Boolean).join(": "),
    );
    this.meter.style.width = `${100 * (stream.progress ?? 0)}%`;
    this.streamText.hidden = !stream.text;
    const atEnd = this.streamText.scrollTop + this.streamText.clientHeight > this.streamText.scrollHeight - 8;
    say(this.streamText, stream.whole ? stream.text : `…${stream.text}`);
    if (atEnd) this.streamText.scrollTop = this.streamText.scrollHeight;
  }

  #drawParts(story) {
    const { timeline } = story;
    const attempts = attemptsOf(timeline);
    const decision = fieldsOf(timeline, "RoutingDecision");
    const draw = (name, sign, make) => this.#part(name, this.parts[name].element, sign, make);
    draw("output", story.output, () => story.output && section("Answer", output(story.output)));
    draw("decision", decision, () => decisionPart(decision));
    draw(
      "attempts",
      attempts,
      () =>
        attempts.length > 0 &&
        section(
          count(attempts.length, "attempt"),
          attempts.map((one, i) => attemptPart(one, { isLast: i === attempts.length - 1, finalOutput: story.output })),
        ),
    );
    draw("items", [story.children, this.items.map((row) => row.state)], () => itemsPart(story, this.items));
    const said = timeline.filter((entry) => entry.event === "FeedbackGiven").length;
    const mayJudge = this.mayAct && story.task.state === "completed"; // feedback is on answers
    draw("feedback", [said, mayJudge], () => feedbackPart(story, mayJudge));
  }

  /** Draws a part anew when what it shows is another. */
  #part(name, element, shown, make) {
    const known = (this.parts[name] ??= { sign: null });
    const sign = JSON.stringify(shown) ?? "";
    if (known.sign === sign) return;
    known.sign = sign;
    fill(element, make());
  }

  // --- what can be done

  #actions(story) {
    const ended = hasEnded(story.task);
    const json = async () => {
      const done = await toClipboard(JSON.stringify(this.story, null, 2));
      toast(
        done ? "Copied." : "This browser does not let the page copy; select the text instead.",
        done ? "good" : "warn",
      );
    };
    return [
      this.mayAct && !ended && button("Cancel", () => this.#cancel(), { class: "danger" }),
      this.mayAct && ended && button("Redo", () => this.#redo()),
      button("Copy JSON", json),
    ];
  }

  async #cancel() {
    const question = "Cancel this task? What it did so far is lost.";
    if (!(await sure(question, "Cancel the task", { danger: true, no: "Keep it" }))) return;
    await act("cancel", this.id);
    toast("Cancelling.");
  }

  async #redo() {
    if (!(await sure("Hand this task in again, as a new task?", "Redo the task"))) return;
    const { task_id } = await act("redo", this.id);
    this.context.go(`/tasks/${encodeURIComponent(task_id)}${location.search}`);
  }
}
