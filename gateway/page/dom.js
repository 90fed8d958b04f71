/** Making and changing elements. Whatever is shown is set as text, never as markup. */

/**
 * An element: `h("a", { href, class: "x", onclick: f, data: { id } }, "text", child, [more], null)`.
 * A property that begins with `on` is a listener; `data`, `style` and `aria` take objects; true and false set and leave
 * out an attribute. Styles go by `style: { width: "3px" }`: the page's policy refuses style attributes.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  set(element, properties);
  add(element, children);
  return element;
}

/** The same for drawings. */
export function svg(tag, properties = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  set(element, properties);
  add(element, children);
  return element;
}

export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name === "style") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else if (name === "aria") for (const [key, one] of Object.entries(value)) element.setAttribute(`aria-${key}`, one);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** Gives an element these children instead of those it has. */
export function fill(element, ...children) {
  element.replaceChildren();
  add(element, children);
  return element;
}

/** Sets a text, and touches the document only when it is another one. */
export function say(element, text) {
  const now = text ?? "";
  if (element.textContent !== String(now)) element.textContent = now;
}

/**
 * Keeps the children of an element in step with a list: what stays is updated in place, so that focus, selection and
 * the reader's eye stay too. `make(item)` gives an element, `update(element, item)` changes it.
 */
export function keep(element, items, keyOf, make, update) {
  const known = (element.kept ??= new Map());
  const wanted = new Set();
  let next = element.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    if (wanted.has(key)) continue;
    wanted.add(key);
    let child = known.get(key);
    if (!child) known.set(key, (child = make(item)));
    update(child, item);
    if (child === next) next = next.nextSibling;
    else element.insertBefore(child, next);
  }
  for (const [key, child] of known) {
    if (!wanted.has(key)) {
      child.remove();
      known.delete(key);
    }
  }
}

/** Calls `draw` in an animation frame, at most ten times a second however often it is asked; in a hidden tab never. */
export function paced(draw) {
  let asked = false;
  let last = 0;
  const run = () => {
    asked = false;
    last = performance.now();
    draw();
  };
  const soon = () => requestAnimationFrame(() => (document.hidden ? wait() : run()));
  const wait = () => document.addEventListener("visibilitychange", soon, { once: true });
  return () => {
    if (asked) return;
    asked = true;
    const left = 100 - (performance.now() - last);
    if (left > 0) setTimeout(soon, left);
    else soon();
  };
}

function add(element, children) {
  for (const child of children) {
    if (Array.isArray(child)) add(element, child);
    else if (child !== null && child !== undefined && child !== false) element.append(child);
  }
}
