/** A view that shows one of several things, by its address: a list, one of it, a new one. */

import { fill, h } from "../dom.js";
import { failure, missing, sheet } from "../ui.js";

/**
 * `aboutOf({ params, query })` says what an address means, as { kind, id, title }; `make[kind](context, query, id)`
 * makes it, as { element, and if wanted leave, change }. The same thing under another query is only told of it (`change`).
 * `lists[kind]`: what one of the kind is called, and where all of them are, for an address that names none.
 */
export async function switching(context, { name, what, aboutOf, make, lists }) {
  sheet(name);
  const root = h("div", { class: name });
  let shown = null; // { kind, id, leave, change }
  let turn = 0;

  async function draw({ params, query }) {
    const { kind, id = null, title } = aboutOf({ params, query });
    if (shown && shown.kind === kind && shown.id === id) return shown.change?.(query);
    const mine = ++turn;
    shown?.leave?.();
    shown = null;
    context.keys({});
    context.title(title);
    try {
      const made = await make[kind](context, query, id);
      if (mine !== turn) return made.leave?.();
      shown = { ...made, kind, id };
      fill(root, made.element);
    } catch (error) {
      if (mine === turn) fill(root, instead(error, { params, query }, kind, id));
    }
  }

  function instead(error, address, kind, id) {
    const [one, list] = lists[kind] ?? [];
    if (error.status === 404 && one && id !== null) return missing(one, id, list);
    return failure(`${what} cannot be shown.`, error, () => draw(address));
  }

  context.onchange = draw;
  context.onleave = () => (turn++, shown?.leave?.());
  await draw(context);
  return root;
}
