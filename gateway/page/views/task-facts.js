/** What an open task says of itself above its timeline. */

import { h } from "../dom.js";
import { cost, count, duration, number, time, words } from "../format.js";
import { copyable } from "../ui.js";
import { fieldsOf } from "./task-phases.js";
import { linkTo } from "./task-parts.js";
import { spans } from "./tasks-columns.js";
import { hasEnded } from "./tasks-filter.js";

/** Whether a story has what the stream told last. */
export function knows({ task, timeline }, event) {
  if (event.startsWith("task_") && ["task_completed", "task_failed", "task_cancelled"].includes(event))
    return hasEnded(task);
  const name = {
    attempt_ended: "TaskResult",
    task_evaluated: "Evaluation",
    agent_assigned: "TaskAssigned",
    feedback_received: "FeedbackGiven",
  }[event];
  return !name || timeline.some((entry) => entry.event === name);
}

/** The first lines; all of a long text when it is asked for. */
export function titleOf(text) {
  const [first, ...rest] = text.split("\n");
  const long = rest.length > 0 || first.length > 300;
  if (!long) return h("h2", {}, text);
  return [
    h("h2", {}, first.length > 300 ? `${first.slice(0, 300)}…` : first),
    h("details", {}, h("summary", {}, "The whole text"), h("pre", {}, text)),
  ];
}

export function relatedOf(task) {
  return [
    task.parent_id && h("span", {}, "Item of ", linkTo(task.parent_id, `…${task.parent_id.slice(-8)}`)),
    task.redrive_of && h("span", {}, "Done again after ", linkTo(task.redrive_of, `…${task.redrive_of.slice(-8)}`)),
    h(
      "span",
      {},
      "Session ",
      h(
        "a",
        { href: `/tasks?${new URLSearchParams({ session: task.session_id })}` },
        task.session_id === task.task_id ? "of its own" : task.session_id,
      ),
    ),
    h("span", {}, `Tenant ${task.tenant_id}`),
    h("span", {}, "Id ", copyable(task.task_id, `…${task.task_id.slice(-8)}`)),
  ];
}

export function factsOf(story, nowUs) {
  const { task, timeline } = story;
  const outcome = fieldsOf(timeline, "TaskOutcome");
  const { waited, took } = spans(task, nowUs);
  return [
    `Handed in ${time(task.submitted_at)}`,
    `priority ${task.priority}`,
    task.agent_id,
    task.skill && words(task.skill),
    waited !== null && `waited ${duration(waited)}`,
    took !== null && `took ${duration(took)}`,
    task.attempts > 1 && count(task.attempts, "attempt"),
    task.quality !== null && `quality ${task.quality.toFixed(2)}`,
    outcome &&
      (outcome.tokens_in || outcome.tokens_out) &&
      `${number(outcome.tokens_in)} tokens in, ${number(outcome.tokens_out)} out`,
    task.cost_usd_micros && cost(task.cost_usd_micros),
  ]
    .filter(Boolean)
    .join(" · ");
}
