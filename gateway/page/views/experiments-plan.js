/** What an experiment will be able to tell, while it is written: the least effect in its time, what one takes. */

import { post } from "../api.js";
import { fill, h, say } from "../dom.js";
import { count, duration, number, percent, time } from "../format.js";
import { daysOf, effectOf, metricOf, spoken, valueOf } from "./experiments-said.js";

const DAY_MS = 86_400_000;
const DAY_US = 1000 * DAY_MS;
const UNITS_ENOUGH = 300; // with fewer, a metric's spread is known no better than to a tenth
const STILL_MS = 400; // after the last key
const FIRST = "routing_success:binary"; // what is planned for when no metric is named

/** Gives { element, show(plan), leave() }; `plan` is the body of a new experiment as far as it is known. */
export function forecast() {
  let typing = 0;
  let asking = null;
  let plan = {};
  let metric = metricOf(FIRST);
  const wanted = h("input", {
    type: "number",
    min: 0,
    step: "any",
    name: "effect",
    id: "of-effect",
    "aria-describedby": "effect-note",
  });
  const label = h("label", { for: "of-effect" });
  const pace = h("input", {
    ...{ type: "number", min: 0, step: "any", name: "units_a_day", id: "of-pace", placeholder: "as lately" },
  });
  const paceLabel = h("label", { for: "of-pace" });
  let missing = [];
  const note = h("span", { class: "quiet note", id: "effect-note" });
  const answer = h("div", { class: "answers", role: "status" });
  const reckoned = h("ul", { class: "means" });
  const details = h("details", { hidden: true }, h("summary", {}, "How that was reckoned"), reckoned);
  const from = h("p", { class: "quiet note" });
  const busy = h("span", { class: "quiet", role: "status" });
  for (const input of [wanted, pace]) input.addEventListener("input", (event) => (event.stopPropagation(), soon()));
  const element = h(
    "section",
    { class: "panel forecast", aria: { label: "What it will be able to tell" } },
    h("div", { class: "head" }, h("h2", {}, "What it will be able to tell"), busy),
    h(
      "div",
      { class: "stack" },
      h("div", { class: "field" }, label, wanted, note),
      h("div", { class: "field" }, paceLabel, pace),
      answer,
      details,
      from,
    ),
  );

  /** `without`: arms that have no value yet. */
  function show(now, without = []) {
    plan = now;
    missing = without;
    say(paceLabel, `${now.unit[0].toUpperCase()}${now.unit.slice(1)}s a day, of those that take part`);
    metric = metricOf(now.metrics?.[0] ?? FIRST);
    say(label, `Change worth finding [${unitOf(metric)}]`);
    say(note, `Of ${metric.name}, the first metric; ${metric.lower ? "less" : "more"} is better`);
    soon();
  }

  function soon() {
    clearTimeout(typing);
    typing = setTimeout(ask, STILL_MS);
  }

  async function ask() {
    asking?.abort();
    if (missing.length) {
      fill(answer, h("p", { class: "quiet" }, `No forecast yet: arm ${missing.join(", ")} has no value.`));
      details.hidden = true;
      return say(from, "");
    }
    asking = new AbortController();
    say(busy, "reckoning…");
    const size = Number(wanted.value) * (metric.kind === "binary" ? 0.01 : 1);
    const { arms, split, unit, mode, days, traffic, metrics } = plan;
    const body = {
      arms,
      split,
      unit,
      mode,
      days,
      traffic,
      ...(metrics && { metrics }),
      ...(size > 0 && { effect: metric.lower ? -size : size }),
      ...(Number(pace.value) > 0 && { units_a_day: Number(pace.value) }),
    };
    try {
      tell(await post("/api/experiments/plan", body, { signal: asking.signal }));
      say(busy, "");
    } catch (error) {
      if (error.name === "AbortError") return;
      say(busy, "");
      fill(answer, h("p", { class: "problem" }, spoken(error.message)));
      details.hidden = true;
    }
  }

  function tell({ seen, least, needed, why_none: why }) {
    const guess = seen && (needed || least) ? guessed(seen, plan.unit, Number(pace.value) > 0) : "";
    fill(
      answer,
      guess && h("p", { class: "warned loud" }, `! ${guess}`),
      needed && takes(needed),
      least &&
        h(
          "div",
          {},
          h("p", { class: "quiet" }, `Found in ${daysOf(plan.days)} ${chance(least.power)}`),
          h("p", { class: "big" }, effectOf(metric, least.effect, Math.abs(least.effect))),
          h("p", {}, `or more, with ${number(least.units)} ${plan.unit}s.`),
        ),
      why && h("p", { class: "warned" }, `! ${spoken(why)}`),
    );
    const outlook = needed ?? least;
    details.hidden = !outlook;
    fill(
      reckoned,
      (outlook?.sentences ?? []).map((one) => h("li", {}, spoken(one))),
    );
    say(from, seen ? provenance(seen) : "");
  }

  function takes({ units, days, effect, power, arms }) {
    const long = days !== null && days > plan.days;
    const each = Object.entries(arms)
      .map(([arm, n]) => `${arm} ${number(n)}`)
      .join(", ");
    return h(
      "div",
      {},
      h("p", { class: "quiet" }, `To find ${effectOf(metric, effect, Math.abs(effect))} ${chance(power)} it takes`),
      h(
        "p",
        { class: "big" },
        days === null
          ? `${number(units)} ${plan.unit}s`
          : days < 1
            ? duration(days * DAY_MS)
            : daysOf(Math.ceil(days * 10) / 10),
      ),
      h("p", {}, `${number(units)} ${plan.unit}s: ${each}.`),
      long &&
        h(
          "p",
          { class: "warned" },
          `! Longer than the ${daysOf(plan.days)} planned: let it run longer, or look for a larger change.`,
        ),
    );
  }

  function provenance({ tasks, from_at: since, units_a_day: pace, baseline, deviation }) {
    const traffic = pace === null ? "how many come in a day is not known" : `${number(pace)} ${plan.unit}s a day`;
    const spread = metric.kind === "binary" ? "" : `, give or take ${valueOf(metric, deviation)}`;
    const source = `${number(tasks)} tasks handed in since ${time(since)}`;
    return `Estimated from ${source}: ${traffic}, ${metric.name} ${valueOf(metric, baseline)}${spread}.`;
  }

  return { element, show, leave: () => (clearTimeout(typing), asking?.abort()) };
}

/** Why a forecast from what was `seen` is a guess, in words; "": it is none. `given`: units a day that were typed. */
export function guessed({ from_at: from, to_at: to, units, units_a_day: pace }, unit, given) {
  const short = to - from < DAY_US && pace !== null && !given;
  if (!short && units >= UNITS_ENOUGH) return "";
  const basis = [short && duration((to - from) / 1000), units < UNITS_ENOUGH && count(units, unit)].filter(Boolean);
  const type = short ? `: type how many ${unit}s come in a day.` : ": what the metric is may be quite another.";
  return `This is a guess from no more than ${basis.join(" and ")}${type}`;
}

/** `80 % of the time`; nothing is sure. */
export const chance = (power) =>
  power > 0.99 ? ">99 % of the time" : power < 0.01 ? "<1 % of the time" : `${percent(power, 0)} of the time`;

function unitOf({ kind, name }) {
  if (kind === "binary") return "points";
  return name.endsWith("_ms") ? "ms" : name.startsWith("cost_usd") ? "$" : "its own unit";
}
