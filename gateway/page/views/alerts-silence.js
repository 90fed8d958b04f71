/** Quiet for a while, of an alert or of all alerts of a rule: asking for it, and what lasts. */

import { post } from "../api.js";
import { asked } from "../asking.js";
import { toast } from "../ui.js";

export const WHY_MOST = 300; // characters
const FOR = [
  ["1800", "30 minutes"],
  ["7200", "2 hours"],
  ["86400", "1 day"],
];
const NO_LONGER = ["0", "no longer: end the silence"];

/** Asks how long, and why; whether it is so then. `silent`: it is now. */
export async function silence(target, what, silent) {
  const options = silent ? [...FOR, NO_LONGER] : FOR;
  const field = { name: "for_s", label: "For", options, value: "7200" };
  const question = `Notify nobody of ${what} for a while? What fires is seen here all the same.`;
  const given = await asked(question, "Silence", { field, whyMost: WHY_MOST });
  if (given) await write(target, Number(given.for_s), given.reason);
  return Boolean(given);
}

/** Ends one without a question, for nothing is lost by that. */
export const unsilence = (target) => write(target, 0);

async function write(target, forS, reason) {
  await post(`/api/alerts/${encodeURIComponent(target)}/silence`, { for_s: forS, ...(reason && { comment: reason }) });
  toast(forS ? `Nobody is notified of ${target} for a while.` : `The silence of ${target} is over.`);
}
