/** A scrolling box that stays at its end while the reader is there, and says that there is more when they are not. */

import { h } from "../dom.js";
import { icon } from "./chat-icons.js";

const NEAR_PX = 48;

export class Bottom {
  constructor(inner) {
    this.inner = inner;
    this.isStuck = true;
    const region = { class: "scroller", tabindex: 0, role: "region", "aria-label": "Messages" };
    this.box = h("div", { ...region, onscroll: () => this.#scrolled() }, inner);
    const below = { type: "button", class: "below", hidden: true, onclick: () => this.stick() };
    this.button = h("button", below, icon("below"), "new");
    this.element = h("div", { class: "bottom" }, this.box, this.button);
    this.observer = new ResizeObserver(() => this.#follow());
    this.observer.observe(inner);
    this.observer.observe(this.box);
  }

  close() {
    this.observer.disconnect();
  }

  /** Goes to the end and stays there. */
  stick() {
    this.isStuck = true;
    this.button.hidden = true;
    this.#follow();
  }

  /** There is something new at the end. */
  grew() {
    if (this.isStuck) this.#follow();
  }

  /** Does what puts something in before what is read, which stays where it is. */
  keepPlace(change) {
    const below = this.box.scrollHeight - this.box.scrollTop;
    change();
    this.box.scrollTop = this.box.scrollHeight - below;
  }

  get #left() {
    return this.box.scrollHeight - this.box.scrollTop - this.box.clientHeight;
  }

  #follow() {
    if (this.isStuck) this.box.scrollTop = this.box.scrollHeight;
    else if (this.#left > NEAR_PX && this.inner.offsetHeight > (this.height ?? Infinity)) this.button.hidden = false;
    this.height = this.inner.offsetHeight;
  }

  #scrolled() {
    const { scrollTop } = this.box;
    // Going up lets go, also while it grows; being at the end takes hold again.
    if (this.#left <= NEAR_PX) {
      this.isStuck = true;
      this.button.hidden = true;
    } else if (scrollTop < this.top) {
      this.isStuck = false;
    }
    this.top = scrollTop;
  }
}
