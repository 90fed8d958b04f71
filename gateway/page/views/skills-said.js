/** What is known of skills, in words. Pure: no element, no request. */

import { count, number } from "../format.js";
import { changesOf, listed } from "./agents-said.js";

/** What a definition means, sentence by sentence. */
export function meaningOf({ skill, words, capabilities, preferred, fallback, ...weights }) {
  const { cost_weight: cost, performance_weight: performance } = weights;
  const said = [
    words.length
      ? `${count(words.length, "word")} in a task's text point to it, beside its name: ${listed(words, 8)}.`
      : "Only its name, and what a text means, point to it.",
    capabilities.length
      ? `Agents do it that can do ${listed(capabilities)}, or that name ${skill}.`
      : `Agents do it that name ${skill} as a capability.`,
  ];
  if (preferred.length) said.push(`Of its models the best suited is ${preferred[0]}${then(preferred.slice(1))}.`);
  else said.push("It prefers no model.");
  if (preferred.length > 1) {
    const how = leaning(performance, cost);
    said.push(`Between them quality counts ${number(performance)} and cost ${number(cost)}: ${how}.`);
  }
  if (fallback.length) said.push(`When none of these can be used: ${listed(fallback)}, the first of them that can.`);
  else if (!preferred.length) said.push("So the line's default model answers.");
  said.push("A task or an agent's file that names a model goes before it.");
  return said;
}

const then = (rest) => (rest.length ? `, then ${listed(rest)}` : "");

function leaning(performance, cost) {
  if (performance > cost) return "the better model, unless another is nearly free beside it";
  if (performance === cost) return "a model half as good may cost half as much";
  return "the cheaper model, unless it is much worse";
}

const FIELDS = [
  "description",
  "category",
  "words",
  "capabilities",
  "preferred",
  "fallback",
  "cost_weight",
  "performance_weight",
];

export const skillChanges = (before, after) => changesOf(withoutPrompt(before), withoutPrompt(after), FIELDS);

const withoutPrompt = (definition) => definition && { ...definition, prompt: "" };

export const NAME = /^[a-z0-9][a-z0-9_]{0,62}$/;

export const TEMPLATE = `---
description: Says in one sentence what work of this kind is.
category: general
words: []                 # words of a task that point to it, beside its name
capabilities: []          # what an agent needs for it; left out: a capability of its name
preferred: [claude-sonnet-5-5, claude-haiku-5-5]    # best suited first
fallback: [claude-haiku-4-5]                        # when none of them can be used
cost_weight: 0.3
performance_weight: 0.7
---
`;
