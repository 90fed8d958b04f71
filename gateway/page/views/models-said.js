/** What is said of models, in words and figures. Pure: no element, no request. */

export const RULES = "rules";

/** Its state: a tone and a word. */
export function stateOf({ name, status, in_use: used }) {
  if (used) return { tone: "good", word: "in use" };
  if (name === RULES) return { tone: "quiet", word: "rules" };
  if (status === "promoted") return { tone: "quiet", word: "was in use" };
  return { candidate: { tone: "wait", word: "candidate" }, rejected: { tone: "bad", word: "rejected" } }[status];
}

/** Which model a rollback would go back to. */
export function before(models) {
  const ever = models.filter((one) => one.status === "promoted" && one.promoted_at !== null);
  ever.sort((a, b) => b.promoted_at - a.promoted_at);
  if (!ever.length || (ever.length === 1 && ever[0].name === RULES)) return null;
  return ever[1]?.name ?? RULES;
}

const fixed = (places) => (value) => value.toFixed(places);
const signed = (value) => `${value < 0 ? "−" : "+"}${Math.abs(100 * value).toFixed(1)} points`;
const share = (value) => `${(100 * value).toFixed(1)} %`;

/** What is measured: a name, how it is written, and what it means. */
export const MEASURES = {
  held_out: ["Held out", (value) => value.toLocaleString("en"), "Decisions that it had not seen and was held to."],
  success_held_out: ["Their success", share, "Mean label of these."],
  gain: ["Gain", signed, "Success its choices would have had beyond those that were made."],
  gain_certainty: ["Certainty", share, "How certain it is that the gain is above nothing."],
  auc: ["AUC", fixed(3), "How often a success was given more than a failure; 0.5 is chance."],
  log_loss: ["Log loss", fixed(4), "Of its predictions; less is better."],
  log_loss_rates: ["Log loss of rates", fixed(4), "Of the agents' success rates alone."],
  champion_log_loss: ["Log loss of the one in use", fixed(4), "On the same decisions."],
  ece: ["ECE", fixed(3), "How far what it says is from what happens, on average."],
  abstains: ["Abstains", share, "Tasks it leaves to the rules, being unlike what it has learned from."],
};

export const measured = (model, name) => (name in model.metrics ? MEASURES[name][1](model.metrics[name]) : "–");

/** The interval of the gain, or nothing. */
export function gainSpan({ metrics }) {
  if (!("gain_low" in metrics)) return "";
  return `between ${signed(metrics.gain_low)} and ${signed(metrics.gain_high)}`;
}

/** What promoting it means, as a question. */
export function effectOf({ name, status, reason }) {
  if (name === RULES)
    return "Go back to the rules alone? No model is asked any more, and none is put to use until somebody does it.";
  const forced = status === "rejected" ? ` The gate rejected it: ${reason}` : "";
  return `Put ${name} to use? Routers take it within seconds, for tasks decided from then on.${forced}`;
}
