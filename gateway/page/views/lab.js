/** The lab: its scenarios and runs, one run, and reports side by side. */

import { side } from "./lab-compare.js";
import { all } from "./lab-list.js";
import { one } from "./lab-run.js";
import { switching } from "./switching.js";

function aboutOf({ params, query }) {
  if (params.id) return { kind: "one", id: params.id, title: "A run of the lab" };
  if (query.compare) return { kind: "side", id: query.compare, title: "Runs side by side" };
  return { kind: "all", title: "Lab" };
}

const make = { all, one, side };

const lists = { one: ["run", "/lab"] };

export default (context) => switching(context, { name: "lab", what: "The lab", aboutOf, make, lists });
