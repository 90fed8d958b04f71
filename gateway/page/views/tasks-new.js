/** Handing in a task. Its rules are the API's: what that refuses is said beside the field that it names. */

import { post } from "../api.js";
import { fill, h } from "../dom.js";
import { toast } from "../ui.js";

const FIELDS = ["text", "priority", "agent_id", "session_id", "deadline_at", "items"];

/** Asks for a task; `made(task_id)` is called once Kafka has it. */
export function newTask(agents = [], made) {
  const key = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`; // pressed twice, it is one task
  const problems = {};
  const field = (name, label, input, hint) => {
    problems[name] = h("span", { class: "problem", id: `problem-${name}` });
    input.setAttribute("aria-describedby", `problem-${name}`);
    return h(
      "label",
      { class: `field ${name}` },
      h("span", {}, label, hint && h("span", { class: "hint" }, ` ${hint}`)),
      input,
      problems[name],
    );
  };
  const options = [...Array(10).keys()].map((n) =>
    h(
      "option",
      { value: n + 1, selected: n === 4 },
      `${n + 1}${{ 1: " first", 5: " as usual", 10: " last" }[n + 1] ?? ""}`,
    ),
  );
  const whole = h("p", { class: "problem", role: "alert" });
  const submit = h("button", { type: "submit", class: "primary" }, "Hand in");
  const form = h(
    "form",
    { class: "new-task", novalidate: true, onsubmit: send },
    h("h2", {}, "New task"),
    field(
      "text",
      "What is to be done",
      h("textarea", {
        name: "text",
        rows: 4,
        autofocus: true,
        placeholder: "Review the login module for security holes",
      }),
    ),
    h(
      "div",
      { class: "two" },
      field("priority", "Priority", h("select", { name: "priority" }, options)),
      field(
        "agent_id",
        "Agent",
        h(
          "select",
          { name: "agent_id" },
          h("option", { value: "" }, "the router chooses"),
          agents.map((agent) => h("option", { value: agent.agent_id }, agent.agent_id)),
        ),
      ),
      field(
        "session_id",
        "Session",
        h("input", { name: "session_id", autocomplete: "off", placeholder: "one of its own" }),
      ),
      field(
        "deadline_at",
        "Deadline",
        h("input", { name: "deadline_at", autocomplete: "off", placeholder: "5m, 2h, or a time" }),
        "not started after it",
      ),
    ),
    field("items", "Items", h("textarea", { name: "items", rows: 3 }), "one a line; each runs as a task of its own"),
    whole,
    h("div", { class: "actions" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), submit),
  );
  const dialog = h("dialog", { class: "new", aria: { label: "New task" }, onclose: () => dialog.remove() }, form);
  form.addEventListener(
    "keydown",
    (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && form.requestSubmit(),
  );
  document.body.append(dialog);
  dialog.showModal();

  async function send(event) {
    event.preventDefault();
    for (const one of [whole, ...Object.values(problems)]) fill(one);
    for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
    submit.disabled = true;
    try {
      const { task_id } = await post("/api/tasks", taskOf(new FormData(form)), { key });
      dialog.close();
      toast("Handed in.");
      made(task_id);
    } catch (error) {
      tell(error.message);
    } finally {
      submit.disabled = false;
    }
  }

  function tell(refusal) {
    const name = fieldOf(refusal);
    fill(name ? problems[name] : whole, refusal);
    const input = name && form.elements[name];
    input?.setAttribute("aria-invalid", "true");
    (input ?? submit).focus();
  }
}

/** A task as the API takes it: what is not given is left out. */
export function taskOf(form) {
  const given = Object.fromEntries(
    FIELDS.map((name) => [name, String(form.get(name) ?? "").trim()]).filter(([, value]) => value),
  );
  if (given.priority) given.priority = Number(given.priority);
  if (given.items)
    given.items = given.items
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
  return given;
}

/** The field that a refusal names first; null when it is about the whole. */
export function fieldOf(refusal) {
  if (/^the item\b|^the task has \d+ items/i.test(refusal)) return "items";
  if (/^the task has no text/i.test(refusal)) return "text";
  return FIELDS.find((name) => new RegExp(`^(the )?${name}\\b`, "i").test(refusal)) ?? null;
}
