/** A new experiment: what is varied, who takes part, what is measured; refusals beside the field they are about. */

import { get, post } from "../api.js";
import { h, say } from "../dom.js";
import { sure, toast } from "../ui.js";
import { armsOf, inWords } from "./experiments-arms.js";
import { forecast } from "./experiments-plan.js";
import { NAME, fieldOf, spoken, valued } from "./experiments-said.js";

const UNITS = {
  session: "a session: all its tasks work alike",
  task: "a task: most units, where tasks do not touch each other",
  tenant: "a tenant: few units, nobody sees two ways",
};
const MODES = {
  sequential: "at any time: look as often as you like",
  fixed: "once, at the planned end: fewest units",
  bandit: "as it goes: the better arm gets more (unit: task)",
};
const FIELDS = [
  "name",
  "question",
  "parameter",
  "arms",
  "unit",
  "mode",
  "days",
  "traffic",
  "metrics",
  "guardrails",
  "covariates",
  "cluster",
];

export async function anew(context) {
  const choices = await parameters();
  const wrong = Object.fromEntries(
    FIELDS.map((name) => [name, h("span", { class: "problem", id: `wrong-${name}`, role: "status" })]),
  );
  const general = h("p", { class: "problem", role: "alert" });

  const told = (name) => ({ name, id: `of-${name}`, "aria-describedby": `note-${name} wrong-${name}` });
  const input = (name, more = {}) => h("input", { ...told(name), autocomplete: "off", ...more });
  const select = (name, options) =>
    h(
      "select",
      told(name),
      Object.entries(options).map(([value, label]) => h("option", { value }, label)),
    );
  const field = (label, control, name, note = "") =>
    h(
      "div",
      { class: "field" },
      h("label", { for: `of-${name}` }, label),
      control,
      h("span", { class: "quiet note", id: `note-${name}` }, note),
      wrong[name],
    );

  const name = input("name", { required: true, maxlength: 63, placeholder: "quick-balancing", oninput: () => check() });
  const question = h("textarea", {
    ...told("question"),
    rows: 2,
    maxlength: 2000,
    placeholder: "Do tasks complete sooner when …?",
  });
  const parameter = select("parameter", Object.fromEntries(choices.map((one) => [one.name, one.name])));
  const about = h("span", { class: "quiet note" });
  const arms = armsOf(() => soon());
  const unit = select("unit", { session: UNITS.session, task: UNITS.task, tenant: UNITS.tenant });
  const mode = select("mode", MODES);
  const days = input("days", { type: "number", value: 14, min: 0.1, max: 365, step: "any", required: true });
  const traffic = input("traffic", { type: "number", value: 100, min: 0.1, max: 100, step: "any", required: true });
  const metrics = input("metrics", {
    placeholder: "routing_success:binary, redone:binary:lower, completion_ms:mean:lower",
  });
  const guardrails = input("guardrails", { placeholder: "completed:binary" });
  const adopts = h("input", { type: "checkbox", name: "adopt_winner" });
  const power = forecast();
  const make = h("button", { type: "submit", class: "primary" }, "Make the draft");

  function varies() {
    const one = choices.find(({ name: known }) => known === parameter.value);
    const takes = inWords(one.accepts);
    say(about, `${one.doc} Now: ${valued(one.value)}${takes && `; it takes ${takes}`}.`);
    arms.now(one.value, one.accepts);
    soon();
  }

  const plan = () => ({
    parameter: parameter.value,
    arms: arms.values(),
    split: arms.split(),
    unit: unit.value,
    mode: mode.value,
    days: Number(days.value),
    traffic: Number(traffic.value) / 100,
    ...(specs(metrics.value).length && { metrics: specs(metrics.value) }),
    guardrails: specs(guardrails.value),
    adopt_winner: adopts.checked,
  });

  function soon() {
    check();
    power.show(plan(), arms.missing());
  }

  function check() {
    for (const one of Object.values(wrong)) say(one, "");
    say(general, "");
    if (name.value && !NAME.test(name.value)) say(wrong.name, "a-z, 0-9, _ and -, beginning with a letter or figure");
    say(wrong.arms, arms.problem());
    if (mode.value === "bandit" && unit.value !== "task")
      say(wrong.mode, "A bandit moves its shares, and a unit must keep its arm: take tasks as units.");
  }

  async function send(event) {
    event.preventDefault();
    check();
    if (Object.values(wrong).some((one) => one.textContent)) return;
    make.disabled = true;
    try {
      const made = await post("/api/experiments", { name: name.value, question: question.value, ...plan() });
      toast(`${made.experiment} is a draft. It changes nothing until you start it.`);
      context.go(`/experiments/${encodeURIComponent(made.experiment)}`);
    } catch (error) {
      refuse(error.message);
    } finally {
      make.disabled = false;
    }
  }

  function refuse(message) {
    const at = fieldOf(message);
    say(at ? wrong[at] : general, spoken(message));
    const arm = /^Arm ([a-z0-9_-]+):/.exec(message)?.[1];
    const control = at === "arms" ? arms.valueInput(arm) : at && form.elements[at];
    (control || make).focus();
  }

  const form = h(
    "form",
    {
      class: "stack",
      onsubmit: send,
      oninput: (event) => event.target !== name && event.target !== question && soon(),
    },
    h(
      "section",
      { class: "panel stack" },
      field("Name", name, "name"),
      field("Question", question, "question", "What it is to find out, in words"),
    ),
    h(
      "section",
      { class: "panel stack" },
      h("h2", {}, "What differs"),
      field("Setting of the line", parameter, "parameter", about),
      arms.element,
      wrong.arms,
    ),
    h(
      "section",
      { class: "panel stack" },
      h("h2", {}, "Who takes part, and for how long"),
      h(
        "div",
        { class: "grid2" },
        field("Unit", unit, "unit"),
        field("Verdict", mode, "mode"),
        field("Days", days, "days"),
        field("Traffic [%]", traffic, "traffic", "Share of the units that take part"),
      ),
    ),
    h(
      "section",
      { class: "panel stack" },
      h("h2", {}, "What is measured"),
      field(
        "Metrics",
        metrics,
        "metrics",
        "NAME[:binary|mean|NUM/DEN:ratio|quantile@0.95][:lower], with commas between; left out: whether the first " +
          "answer was right, whether it was done again, and how long it took",
      ),
      field("Guardrails", guardrails, "guardrails", "What must not get worse: an arm that is worse on it is stopped"),
      h("label", { class: "inline" }, adopts, "Adopt a winner without asking"),
    ),
    general,
    h("div", { class: "actions" }, make, h("a", { class: "button", href: "/experiments" }, "Back")),
  );
  parameter.addEventListener("change", varies);
  varies();
  context.keys({ Escape: () => leaveIt(context, name, question) });
  const head = [h("a", { href: "/experiments", class: "back" }, "← Experiments"), h("h1", {}, "New experiment")];
  return {
    element: h("div", { class: "stack" }, head, h("div", { class: "making" }, form, power.element)),
    leave: power.leave,
  };
}

async function leaveIt(context, ...inputs) {
  if (inputs.some((one) => one.value) && !(await sure("Leave the form? What you wrote is lost.", "Leave"))) return;
  context.go("/experiments");
}

const specs = (text) => text.split(/[,\s]+/).filter(Boolean);

/** What can be varied, with the value that tasks in no experiment have. */
async function parameters() {
  const [document, { settings }, { experiments }] = await Promise.all([
    get("/api/openapi.json"),
    get("/api/config"),
    get("/api/experiments"),
  ]);
  const names = document.components.schemas.NewExperiment.properties.parameter.enum;
  const adopted = new Map(
    experiments
      .filter((one) => one.adopted)
      .map((one) => [one.parameter, one.arms.find((arm) => arm.name === one.adopted)?.value]),
  );
  const known = new Map(settings.map((one) => [one.name, one]));
  return names.map((name) => ({
    name,
    doc: known.get(name)?.doc ?? "",
    value: adopted.get(name) ?? known.get(name)?.value ?? "",
    accepts: known.get(name)?.accepts ?? { kind: "text", choices: [] },
  }));
}
