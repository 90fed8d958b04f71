/** What this browser keeps of a conversation: what is typed and not sent, and what is sent and not accepted. */

const DRAFTS = "headway.chat.draft.";
const UNSENT = "headway.chat.unsent.";
export const NEW = "new"; // a conversation that has no message yet

export const draftOf = (id) => read(DRAFTS + id)?.text ?? "";
export const keepDraft = (id, text) => write(DRAFTS + id, text ? { text } : null);

export const unsentOf = (id) => read(UNSENT + id) ?? [];
export const keepUnsent = (id, messages) => write(UNSENT + id, messages.length ? messages : null);

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;
  }
}

function write(name, value) {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, JSON.stringify(value));
  } catch {
    console.warn("chat: this browser keeps nothing more; what is typed is kept in this tab only.");
  }
}
