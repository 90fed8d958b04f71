/** Agents: who there is and how loaded, who fits a piece of work, what each can do; one of them, and its definition. */

import { fill, h } from "../dom.js";
import { failure, sheet } from "../ui.js";
import { everyone } from "./agents-list.js";
import { one } from "./agents-one.js";

export default async function view(context) {
  sheet("agents");
  const root = h("div", { class: "agents" });
  let shown = null; // { about, leave, change }
  let turn = 0;

  async function draw({ params, query }) {
    const about = params.id ? `one ${params.id}` : query.new !== undefined ? "new" : "everyone";
    if (shown?.about === about) return shown.change?.(query);
    const mine = ++turn;
    shown?.leave?.();
    shown = null;
    context.keys({});
    try {
      const made = await (about === "everyone" ? everyone(context, query) : one(context, params.id ?? null));
      if (mine !== turn) return made.leave?.();
      shown = { about, ...made };
      fill(root, made.element);
    } catch (error) {
      if (mine === turn)
        fill(
          root,
          failure("The agents cannot be shown.", error, () => draw({ params, query })),
        );
    }
  }

  context.onchange = draw;
  context.onleave = () => (turn++, shown?.leave?.());
  await draw(context);
  return root;
}
