/** Which skills there are, as defined and as agents name them: the model each is given, and who serves it. */

import { fill, h, keep, say } from "../dom.js";
import { number } from "../format.js";
import { meter } from "./agents-rows.js";

export function skills() {
  const body = h("tbody");
  const element = h(
    "div",
    { class: "panel" },
    h(
      "p",
      { class: "quiet" },
      "A skill is a kind of work: its words say which tasks are of it, its models and weights which model such a task ",
      "is given. What agents name as a capability is one too, known by its name and by their keywords.",
    ),
    h(
      "table",
      { class: "cards", aria: { label: "Skills" } },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["Skill", "Model now", "Served by", "Live instances", "At work", "Waiting", "Tasks"].map((name) =>
            h("th", { scope: "col" }, name),
          ),
        ),
      ),
      body,
    ),
  );
  return {
    element,
    show(found) {
      keep(
        body,
        found,
        (skill) => skill.name,
        make,
        (row, skill) => row.show(skill),
      );
      return element;
    },
  };
}

function make({ name }) {
  const title = h("a", { class: "name", href: `/agents?skill=${encodeURIComponent(name)}` }, name);
  const bare = h("span", { class: "name" }, name);
  const about = h("span", { class: "quiet about" });
  const why = h("span", { class: "why quiet" });
  const model = h("span");
  const by = h("span", { class: "row" });
  const live = h("span");
  const waiting = h("span");
  const work = meter("At work");
  const cells = {
    "Model now": model,
    "Served by": by,
    "Live instances": live,
    "At work": work.element,
    Waiting: waiting,
  };
  const row = h(
    "tr",
    {},
    h(
      "th",
      { scope: "row" },
      title,
      bare,
      about,
      why,
    ),
    Object.entries(cells).map(([label, cell]) => h("td", { data: { label } }, cell)),
    h("td", { data: { label: "Tasks" } }, h("a", { href: `/tasks?skill=${encodeURIComponent(name)}` }, "its tasks")),
  );
  let names = "";
  row.show = (skill) => {
    title.hidden = !skill.definition;
    bare.hidden = Boolean(skill.definition);
    say(about, skill.definition?.description ?? "named by agents, without a definition");
    row.classList.toggle("unfit", Boolean(skill.found?.weak));
    say(why, skill.found?.why ?? "");
    why.hidden = !skill.found;
    say(model, skill.definition?.model ?? "the line's default");
    model.title = skill.definition?.reason ?? "";
    const now = skill.agents.map((agent) => agent.agent_id).join();
    if (now !== names)
      fill(
        by,
        skill.agents.map((agent) =>
          h("a", { class: "chip", href: `/agents/${encodeURIComponent(agent.agent_id)}` }, agent.agent_id),
        ),
      );
    names = now;
    say(live, skill.live ? number(skill.live) : "none: its tasks wait");
    live.className = skill.live ? "" : "warned";
    work.show(skill.running / Math.max(1, skill.slots), `${number(skill.running)} of ${number(skill.slots)}`);
    say(waiting, number(skill.waiting));
  };
  return row;
}
