/** Which skills there are today, by the capabilities that agents name, and who serves them. */

import { fill, h, keep, say } from "../dom.js";
import { number } from "../format.js";
import { meter } from "./agents-rows.js";

const OURS = new Set(["code_generation", "code_review", "test_run", "documentation", "research", "light"]);

export function skills() {
  const body = h("tbody");
  const element = h(
    "div",
    { class: "panel" },
    h(
      "p",
      { class: "quiet" },
      "A skill is what agents name as a capability. The router knows six kinds of work by their words; any other is a ",
      "kind of your own, known by its name and by its agents' keywords.",
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
          ["Skill", "Served by", "Live instances", "At work", "Waiting", "Tasks"].map((name) =>
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
  const by = h("span", { class: "row" });
  const live = h("span");
  const waiting = h("span");
  const work = meter("At work");
  const cells = { "Served by": by, "Live instances": live, "At work": work.element, Waiting: waiting };
  const row = h(
    "tr",
    {},
    h(
      "th",
      { scope: "row" },
      h("span", { class: "name" }, name),
      !OURS.has(name) && h("span", { class: "quiet about" }, "a kind of your own"),
    ),
    Object.entries(cells).map(([label, cell]) => h("td", { data: { label } }, cell)),
    h("td", { data: { label: "Tasks" } }, h("a", { href: `/tasks?skill=${encodeURIComponent(name)}` }, "its tasks")),
  );
  let names = "";
  row.show = (skill) => {
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
