/** Experiments on the line: all of them, one of them, and a new one. */

import { anew } from "./experiments-form.js";
import { all } from "./experiments-list.js";
import { one } from "./experiments-one.js";
import { switching } from "./switching.js";

function aboutOf({ params, query }) {
  if (params.name) return { kind: "one", id: params.name, title: params.name };
  return query.new !== undefined ? { kind: "anew", title: "New experiment" } : { kind: "all", title: "Experiments" };
}

const make = { all, anew, one };

const lists = { one: ["experiment", "/experiments"] };

export default (context) => switching(context, { name: "experiments", what: "The experiments", aboutOf, make, lists });
