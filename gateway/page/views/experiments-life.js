/** What can be done with an experiment, each with a question that names the effect. */

import { post } from "../api.js";
import { asked } from "../asking.js";
import { h } from "../dom.js";
import { number } from "../format.js";
import { toast } from "../ui.js";
import { BUCKETS, daysOf, valueIn, valued } from "./experiments-said.js";

const verbs = {
  start: {
    label: "Start",
    primary: true,
    asks: (one) =>
      `Start ${one.experiment}? From now on ${number((100 * one.buckets) / BUCKETS)} % of the ${one.unit}s of layer ` +
      `${one.layer} work with one of ${one.arms.length} values of ${one.parameter}, for ${daysOf(one.days)}.`,
    done: "It runs.",
  },
  pause: {
    label: "Pause",
    asks: (one) =>
      `Pause ${one.experiment}? Tasks get what the line has from now on, and do not count; units and data are kept.`,
    done: "It is paused.",
  },
  resume: {
    label: "Resume",
    primary: true,
    asks: (one) => `Go on with ${one.experiment}? Every ${one.unit} has the arm it had.`,
    done: "It runs again.",
  },
  extend: {
    label: "Extend",
    asks: (one) =>
      `How much longer is ${one.experiment} to run?` +
      (one.status === "completed" ? " It runs again, with the units it had." : ""),
    field: () => ({ name: "days", label: "Days more", type: "number", value: 7, min: 0.1, max: 365, step: "any" }),
    done: "It runs longer.",
  },
  stop: {
    label: "Stop",
    danger: true,
    asks: (one) =>
      one.status === "draft"
        ? `Put ${one.experiment} aside? It was never started; it is kept as completed.`
        : `Stop ${one.experiment} for good? All tasks work with ${one.parameter} = ${now(one)} again, as those in no ` +
          "experiment do.",
    done: "It is over.",
  },
  adopt: {
    label: "Adopt",
    asks: (one) =>
      `Which value of ${one.parameter} is the line to work with from now on, for every task?` +
      (one.status === "completed" ? "" : " The experiment ends with that."),
    field: (one, winner) => ({
      name: "arm",
      label: "Arm",
      options: one.arms.map((arm) => [
        arm.name,
        `${arm.name}: ${one.parameter} = ${valued(arm.value)}${arm.name === winner ? " (the winner)" : ""}`,
      ]),
      value: winner ?? "",
    }),
    done: "The line works with it, for tasks handed in from now on.",
  },
  back: {
    label: "Give back",
    path: "adopt",
    body: { none: true },
    asks: (one) =>
      `Give back ${one.adopted}? The line works with the configured value of ${one.parameter} again, no longer with ` +
      `${valued(valueIn(one, one.adopted))}.`,
    done: "The configured value holds again.",
  },
};

const now = (one) => valued(valueIn(one, one.control));

/** What its state allows. */
export function allowed(one) {
  if (one.status === "draft") return ["start", "stop"];
  if (one.status === "running") return ["pause", "extend", "adopt", "stop"];
  if (one.status === "paused") return ["resume", "extend", "adopt", "stop"];
  if (one.adopted) return ["back"];
  if (!one.started_at) return [];
  return one.mode === "fixed" ? ["adopt"] : ["extend", "adopt"];
}

/** Buttons for all of it. `onchange(experiment)` is called with the new record. */
export function buttons(one, winner, onchange) {
  const all = allowed(one).map((name) => {
    const verb = verbs[name];
    const isNext = verb.primary || (name === "adopt" && winner && winner !== one.control);
    const act = () => doing(one, name, winner, onchange, (busy) => all.forEach((each) => (each.disabled = busy)));
    return h(
      "button",
      { type: "button", class: verb.danger ? "danger" : isNext ? "primary" : "", onclick: act },
      name === "adopt" && winner ? `Adopt ${winner}` : verb.label,
    );
  });
  return all;
}

/** `busy` is told while the change is on its way, for what is done next has to begin from it. */
async function doing(one, name, winner, onchange, busy) {
  const verb = verbs[name];
  const given = await asked(verb.asks(one), verb.label, { field: verb.field?.(one, winner), danger: verb.danger });
  if (!given) return;
  busy(true);
  try {
    onchange(
      await post(`/api/experiments/${encodeURIComponent(one.experiment)}/${verb.path ?? name}`, {
        ...verb.body,
        ...given,
      }),
    );
    toast(`${one.experiment}: ${verb.done}`);
  } catch (error) {
    toast(error.message, "bad");
  } finally {
    busy(false);
  }
}
