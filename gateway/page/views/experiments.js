/** Experiments on the line: all of them, one of them, and a new one. */

import { fill, h } from "../dom.js";
import { failure, sheet } from "../ui.js";
import { anew } from "./experiments-form.js";
import { all } from "./experiments-list.js";
import { one } from "./experiments-one.js";

export default async function view(context) {
  sheet("experiments");
  const root = h("div", { class: "experiments" });
  let shown = null; // { about, element, leave, change }
  let turn = 0;

  async function draw({ params, query }) {
    const about = params.name ? `one ${params.name}` : query.new !== undefined ? "new" : "all";
    if (shown?.about === about) return shown.change?.(query);
    const mine = ++turn;
    shown?.leave?.();
    shown = null;
    context.keys({});
    context.title(params.name ?? (about === "new" ? "New experiment" : "Experiments"));
    try {
      const make = { all, new: anew }[about] ?? ((...given) => one(...given, params.name));
      const made = await make(context, query);
      if (mine !== turn) return made.leave?.();
      shown = { about, ...made };
      fill(root, made.element);
    } catch (error) {
      if (mine === turn)
        fill(
          root,
          failure("The experiments cannot be shown.", error, () => draw({ params, query })),
        );
    }
  }

  context.onchange = draw;
  context.onleave = () => (turn++, shown?.leave?.());
  await draw(context);
  return root;
}
