/** Takes a conversation along: as Markdown to read, or as JSON for programs. */

import { get } from "../api.js";
import { h } from "../dom.js";
import { toast } from "../ui.js";
import { icon } from "./chat-icons.js";

export function exportMenu(idOf) {
  const menu = h(
    "details",
    { class: "export" },
    h("summary", { class: "icon-button", title: "Take it along", "aria-label": "Take it along" }, icon("save")),
    h(
      "div",
      { class: "menu" },
      choice("Markdown", "markdown", "md", "text/markdown"),
      choice("JSON", "json", "json", "application/json"),
    ),
  );
  menu.addEventListener("focusout", (event) => menu.contains(event.relatedTarget) || (menu.open = false));
  menu.addEventListener("keydown", (event) => event.key === "Escape" && (menu.open = false));
  return menu;

  function choice(label, format, ending, type) {
    const take = async () => {
      menu.open = false;
      const id = idOf();
      try {
        const told = await get(`/api/conversations/${encodeURIComponent(id)}/export?format=${format}`);
        save(`${id}.${ending}`, told.markdown ?? JSON.stringify(told, null, 2), type);
        if (!told.whole) toast("It is very long: the newest part was saved.", "warn");
      } catch (error) {
        toast(`It could not be saved: ${error.message}`, "bad");
      }
    };
    return h("button", { type: "button", class: "plain", onclick: take }, label);
  }
}

function save(name, text, type) {
  const href = URL.createObjectURL(new Blob([text], { type }));
  h("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
