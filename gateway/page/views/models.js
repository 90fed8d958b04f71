/** Models: what was learned, how each did on what it had not seen, which one routes now; and one with its lineage. */

import { all } from "./models-list.js";
import { one } from "./models-one.js";
import { switching } from "./switching.js";

const aboutOf = ({ params }) =>
  params.name ? { kind: "one", id: params.name, title: params.name } : { kind: "all", title: "Models" };

const make = { all, one };

const lists = { one: ["model", "/models"] };

export default (context) => switching(context, { name: "models", what: "The models", aboutOf, make, lists });
