/** The parts of an open task below its timeline: why this agent, attempts, items, feedback, raw events. */

import { post } from "../api.js";
import { h } from "../dom.js";
import { cost, count, duration, fullTime, number, time, words } from "../format.js";
import { badge, button, sentence, toast } from "../ui.js";
import { output } from "./task-output.js";
import { byModel, figureOf, figuresOf, madeOf, score } from "./task-said.js";

/** The choice of an agent in words, and all that were considered. */
export function decisionPart(decision) {
  if (!decision) return null;
  if (decision.refusal) return section("Why it was not routed", h("p", { class: "problem" }, decision.refusal));
  const candidates = decision.candidates ?? [];
  const said = decision.agent_id
    ? [
        h("strong", {}, decision.agent_id),
        " was chosen for ",
        h("em", {}, words(decision.skill) || "no skill in particular"),
        figuresOf(decision),
      ]
    : ["No agent takes it as a whole."];
  const saysMore = decision.reason && !(candidates.length === 1 && decision.reason.includes(candidates[0].reason));
  return section(
    decision.agent_id ? "Why this agent" : "How it runs",
    h("p", {}, said),
    saysMore && h("p", { class: "quiet" }, decision.reason),
    wayOf(decision),
    candidates.length > 0 && candidateTable(decision),
    settingsOf(decision),
  );
}

const WAY = { analyse: "Analysed", skill: "Skill", model: "Model" };

/** What was found on the way to the agent, each with its reason. */
function wayOf({ steps = [] }) {
  const told = steps.filter((one) => WAY[one.step]);
  const row = (one) => [
    h("dt", {}, WAY[one.step]),
    h("dd", {}, one.step === "skill" ? words(one.result) : one.result, h("span", { class: "quiet" }, sentence(one.reason))),
  ];
  return told.length > 0 && h("dl", { class: "way" }, told.map(row));
}

function candidateTable(decision) {
  const { candidates, agent_id: chosen } = decision;
  const figure = byModel(decision) ? "Value" : "Score";
  const of = (one) => figureOf(decision, one);
  const row = (one) =>
    h(
      "tr",
      { class: one.agent_id === chosen ? "chosen" : "" },
      h("td", {}, one.agent_id === chosen ? "✓ " : "", one.agent_id),
      h("td", { class: "num" }, score(of(one))),
      h("td", { class: "score" }, meter(of(one), `${one.agent_id} ${score(of(one))}`)),
      h("td", { class: "quiet" }, madeOf(decision, one)),
    );
  return h(
    "table",
    { class: "candidates" },
    h("caption", { class: "hidden" }, "All agents that were considered"),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", {}, "Agent"),
        h("th", { class: "num" }, figure),
        h("th", {}, h("span", { class: "hidden" }, `${figure} as a bar`)),
        h("th", {}, "Made of"),
      ),
    ),
    h("tbody", {}, candidates.map(row)),
  );
}

export function meter(share, name) {
  const width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return h("span", { class: "meter", role: "img", aria: { label: name } }, h("i", { style: { width } }));
}

function settingsOf(decision) {
  const arms = (decision.exposures ?? []).map((one) => `${one.experiment ?? one.name}: ${one.arm}`);
  return arms.length > 0 && h("p", { class: "quiet" }, `In experiments: ${arms.join(", ")}`);
}

/** One attempt: who, how long, what it cost, what came of it, what the judge said. */
export function attemptPart(one, { isLast, finalOutput }) {
  const { result, judged } = one;
  const took = one.from && one.to ? duration((one.to - one.from) / 1000) : null;
  const facts = [
    one.instance,
    took && `ran ${took}`,
    result?.model,
    result && (result.tokens_in || result.tokens_out)
      ? `${number(result.tokens_in)} tokens in, ${number(result.tokens_out)} out`
      : null,
    result?.cost_usd_micros ? cost(result.cost_usd_micros) : null,
  ].filter(Boolean);
  const same = isLast && result?.output && result.output === finalOutput;
  return h(
    "div",
    { class: "attempt" },
    h(
      "div",
      { class: "row" },
      h("h3", {}, `Attempt ${one.attempt}`),
      badge(result?.kind ?? "running"),
      h("span", { class: "quiet" }, facts.join(" · ")),
    ),
    one.feedback && h("p", { class: "quiet" }, `It was told: ${one.feedback}`),
    result?.error && h("p", { class: "problem" }, result.error, result.kind === "failed" ? again(result) : ""),
    judged && judgement(judged),
    one.steps.length > 0 &&
      h(
        "ul",
        { class: "steps" },
        one.steps.map((made) => step(made, result)),
      ),
    result?.output && !same && output(result.output),
    same && h("p", { class: "quiet" }, "Its output is the answer above."),
  );
}

const again = (result) => (result.retryable ? " (may be tried again)" : " (no retry helps)");

/** Of the last step the output is that of the attempt, and is not shown twice. */
const step = (one, result) =>
  h(
    "li",
    {},
    `${one.name} `,
    h(
      "span",
      { class: "quiet" },
      [one.tokens_out && `${number(one.tokens_out)} tokens out`, one.cost_usd_micros && cost(one.cost_usd_micros)]
        .filter(Boolean)
        .join(", "),
    ),
    one.output && one.output !== result?.output && output(one.output, { lines: 3 }),
  );

function judgement(judged) {
  const verdict =
    judged.verdict === "redo" ? "sent back to be done again" : judged.success ? "accepted" : "taken as it is";
  return h(
    "p",
    {},
    h("span", { class: judged.verdict === "redo" ? "badge warn" : "badge" }, `Judged ${score(judged.quality)}`),
    ` by ${judged.evaluator}: ${verdict}.`,
    judged.reasons?.length ? h("span", { class: "quiet" }, ` ${judged.reasons.join("; ")}`) : null,
  );
}

/** Links to a task, its query kept. */
export const linkTo = (task_id, shown) =>
  h("a", { href: `/tasks/${encodeURIComponent(task_id)}${location.search}` }, shown ?? task_id);

export function itemsPart(story, rows) {
  if (!story.children.length && !story.items.length) return null;
  const known = new Map(rows.map((row) => [row.task_id, row]));
  const states = new Map(story.children.map((child) => [child.task_id, child.state]));
  const done = story.children.filter(
    (child) => (known.get(child.task_id)?.state ?? child.state) === "completed",
  ).length;
  const items = story.items.map((text, i) => {
    const id = `${story.task.task_id}.${i}`;
    const state = known.get(id)?.state ?? states.get(id);
    return h(
      "li",
      {},
      state ? badge(state) : h("span", { class: "badge quiet" }, "not handed in"),
      " ",
      state ? linkTo(id, text) : text,
    );
  });
  return section(
    `Items: ${done} of ${count(Math.max(story.items.length, story.children.length), "is", "are")} completed`,
    h("ol", { class: "items" }, items.slice(0, 500)),
  );
}

// --- feedback

const KINDS = { positive: "Good", neutral: "So-so", negative: "Bad" };

export function feedbackPart(story, mayJudge) {
  const given = story.timeline.filter((entry) => entry.event === "FeedbackGiven");
  if (!mayJudge && !given.length) return null;
  const rows = given.map(({ at, fields }) =>
    h(
      "li",
      {},
      h("strong", {}, KINDS[fields.kind] ?? fields.kind),
      fields.score === null || fields.score === undefined ? "" : ` ${score(fields.score)}`,
      h("span", { class: "quiet" }, ` by ${fields.by ?? "somebody"}, ${time(at)}`),
      fields.comment && h("p", {}, fields.comment),
    ),
  );
  return section(
    "Feedback",
    rows.length > 0 && h("ul", { class: "given" }, rows),
    mayJudge && feedbackForm(story.task.task_id),
  );
}

function feedbackForm(task_id) {
  const comment = h("input", {
    aria: { label: "Comment on the answer" },
    placeholder: "Say why (if you like)",
    maxlength: 1000,
  });
  const send = (kind) => async () => {
    await post(`/api/tasks/${encodeURIComponent(task_id)}/feedback`, {
      kind,
      ...(comment.value.trim() && { comment: comment.value.trim() }),
    });
    comment.value = "";
    toast("Thank you; your feedback is kept with the task.");
  };
  return h(
    "div",
    { class: "feedback" },
    Object.entries(KINDS).map(([kind, name]) => button(name, send(kind), { data: { kind } })),
    comment,
  );
}

// --- raw events

export function makeEvent(entry) {
  const place = `${entry.topic}/${entry.partition}/${entry.offset}`;
  const raw = h("pre", { tabindex: 0, aria: { label: `${entry.event} as JSON` } });
  const element = h(
    "details",
    {},
    h(
      "summary",
      {},
      h("time", { title: fullTime(entry.at) }, time(entry.at)),
      h("span", { class: "event-title" }, entry.title),
      h("span", { class: "quiet mono" }, `${entry.event} ${place}`),
    ),
    raw,
  );
  // The JSON of what nobody opens is not made.
  element.addEventListener(
    "toggle",
    () => element.open && (raw.textContent = JSON.stringify(element.entry.fields, null, 2)),
  );
  return element;
}

export const placeOf = (entry) => `${entry.topic}/${entry.partition}/${entry.offset}`;

export function drawEvent(element, entry) {
  element.entry = entry;
  const title = element.querySelector(".event-title");
  if (title.textContent !== entry.title) title.textContent = entry.title;
}

export const section = (title, ...content) => h("section", { class: "task-part" }, h("h2", {}, title), ...content);
