/** Agents and skills: who there is and how loaded, who fits a piece of work, what each can do; their definitions. */

import { everyone } from "./agents-list.js";
import { one } from "./agents-one.js";
import { skill } from "./agents-skill.js";
import { switching } from "./switching.js";

function aboutOf({ params, query }) {
  if (params.id) return { kind: "one", id: params.id, title: params.id };
  if (query.skill !== undefined) return { kind: "skill", id: query.skill || null, title: query.skill || "New skill" };
  return query.new !== undefined ? { kind: "one", title: "New agent" } : { kind: "everyone", title: "Agents" };
}

const make = {
  everyone,
  one: (context, _query, id) => one(context, id),
  skill: (context, _query, id) => skill(context, id),
};

const lists = { one: ["agent", "/agents"], skill: ["skill", "/agents?show=skills"] };

export default (context) => switching(context, { name: "agents", what: "The agents", aboutOf, make, lists });
