/**
 * Markdown as elements, safely: everything is set as text, no HTML is taken over, no image is loaded, and links lead to
 * http, https and mailto only.
 *
 *     element.append(markdown(text));
 *     const answer = new Streamed(element);       // while it is being written
 *     answer.add(piece); answer.add(piece); answer.end();
 *
 * Lines are taken one after the other into the blocks that are open; a line that is not complete yet is shown as if it
 * were, and taken back when more of it comes. So only the block that is being written is drawn anew, and the work is
 * in proportion to the text, whatever it says: lines, paragraphs and depth have bounds.
 */

import { h, paced } from "./dom.js";
import { DRAW } from "./markdown-draw.js";
import { visible } from "./markdown-inline.js";
import { sheet } from "./ui.js";

const LINE_MAX = 8000; // characters; a longer line goes on in the next block
const PARAGRAPH_MAX = 8000;
const OPEN_MAX = 24; // quotes, lists and items within each other
const CELLS_MAX = 40;
const MARKS_ONLY = /^[ >]*(?:[#>*+_=|~`-]{1,3}|\d{1,9}[.)]?|[-*+] \[.?\]?|(?:`{3,}|~{3,})[^`]*)? *$/;

/** The text as one element. */
export function markdown(text) {
  const element = h("div");
  new Streamed(element).add(text).end();
  return element;
}

/** Markdown that is being written, into an element. It paints at most ten times a second, and not in a hidden tab. */
export class Streamed {
  constructor(element) {
    sheet("markdown");
    element.classList.add("md", "writing");
    this.element = element;
    this.soon = paced(() => this.paint());
    this.clear();
  }

  /** Begins anew. */
  clear() {
    this.element.replaceChildren();
    this.blocks = new Blocks(this.element);
    this.coming = [];
    this.rest = "";
    this.ended = this.done = false;
    return this;
  }

  add(piece) {
    this.coming.push(piece);
    this.soon();
    return this;
  }

  /** All has come: it is shown at once, and nothing is held back any more. */
  end() {
    this.ended = true;
    this.paint();
    this.element.classList.remove("writing");
    return this;
  }

  /** Shows what has come, now. */
  paint() {
    const { blocks } = this;
    if (this.done) return;
    const text = this.rest + visible(this.coming.join(""));
    this.coming = [];
    blocks.takeBack();
    let at = 0;
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", at)) {
      at = this.#cutLines(text, at, end);
      blocks.line(text.slice(at, end));
      at = end + 1;
    }
    at = this.#cutLines(text, at, text.length);
    this.rest = text.slice(at);
    if (!this.ended) blocks.unfinished(this.rest);
    else if (this.rest) blocks.line(this.rest);
    blocks.draw(this.ended);
    this.done = this.ended;
  }

  /** A line of any length in parts; gives where the last part begins. */
  #cutLines(text, from, to) {
    let at = from;
    while (to - at > LINE_MAX) {
      const space = text.lastIndexOf(" ", at + LINE_MAX);
      let end = space > at + LINE_MAX / 2 ? space + 1 : at + LINE_MAX;
      if (/[\ud800-\udbff]/.test(text[end - 1])) end--;
      this.blocks.line(text.slice(at, end), true);
      at = end;
    }
    return at;
  }
}

/** The blocks that are open, and what came of each line. */
class Blocks {
  constructor(element) {
    this.open = [{ type: "root", element }]; // lists, quotes and what they are in
    this.leaf = null; // the paragraph, code, table that goes on
    this.last = null; // where the writing is
    this.changed = new Set(); // to be drawn
    this.before = null; // how it was before the unfinished line
    this.loose = null; // the paragraph drawn as if what it has begun were whole
  }

  /** Takes a line. `isCut`: the same line goes on in the next one. */
  line(text, isCut = false) {
    const bare = text.endsWith("\r") ? text.slice(0, -1) : text;
    const line = this.leaf?.type === "code" && this.open.length === 1 ? bare : bare.replaceAll("\t", "    ");
    const { depth, rest } = this.#goesOn(line);
    const isWithin = depth === this.open.length;
    if (this.leaf?.type === "code" && isWithin) return this.#codeLine(rest, isCut);
    if (!rest.trim()) return this.#blank(depth);
    if (this.leaf?.type === "paragraph" && !isWithin && !begins(rest)) return this.#text(rest.trim());
    if (!isWithin) {
      this.open.length = depth;
      this.leaf = null;
    }
    this.#block(this.#containers(rest));
  }

  /** Shows the line that is still being written, so that it can be taken back. */
  unfinished(text) {
    this.before = { open: [...this.open], leaf: this.leaf, text: this.leaf?.text, fresh: [], isReplaced: false };
    if (this.leaf?.type === "code") return this.#unfinishedCode(text);
    if (text && (text.length > 100 || !MARKS_ONLY.test(text))) this.line(text);
  }

  takeBack() {
    const { before } = this;
    this.before = null;
    if (!before) return;
    for (const node of before.fresh) {
      node.element?.remove();
      this.changed.delete(node);
    }
    this.open = before.open;
    this.leaf = before.leaf;
    if (!this.leaf) return;
    const { element, parent } = this.leaf;
    if (element && before.isReplaced) parent.element.append(element);
    this.leaf.text = before.text;
    this.leaf.unfinished = "";
    this.changed.add(this.leaf);
  }

  draw(isWhole) {
    const { loose } = this;
    let newest = null;
    if (loose && (isWhole || loose !== this.leaf)) DRAW[loose.type].fill(loose, false);
    this.loose = null;
    for (const node of this.changed) {
      const isOpen = !isWhole && (node === this.leaf || Boolean(this.before?.fresh.includes(node)));
      if (!node.element) {
        node.element = DRAW[node.type].make(node, isOpen);
        (node.parent.inside ?? node.parent.element).append(node.element);
      }
      DRAW[node.type].fill?.(node, isOpen);
      if (isOpen && node.type === "paragraph") this.loose = node;
      newest = node.tip ?? node.element;
    }
    this.changed.clear();
    if (newest || isWhole) this.last?.classList.remove("tip");
    if (newest) this.last = newest;
    if (!isWhole) newest?.classList.add("tip");
  }

  /** How deep the line goes on in what is open, and what is left of it within. */
  #goesOn(line) {
    let rest = line;
    let depth = 1;
    for (; depth < this.open.length; depth++) {
      const { type, indent } = this.open[depth];
      if (type === "quote") {
        const mark = /^ *> ?/.exec(rest);
        if (!mark) break;
        rest = rest.slice(mark[0].length);
      } else if (type === "item") {
        const isBlank = !rest.trim();
        if (!isBlank && spaces(rest) < indent) break;
        rest = rest.slice(Math.min(indent, spaces(rest)));
      }
    }
    const list = depth < this.open.length && this.open[depth].type === "item" ? this.open[depth - 1] : null;
    if (list && !(!isRule(rest) && itemOf(rest)?.ordered === list.ordered)) depth--; // no item of its own: it has ended
    return { depth, rest };
  }

  #blank(depth) {
    const quote = this.open.findIndex((node, at) => at >= depth && node.type === "quote");
    if (quote >= 0) this.open.length = quote;
    this.leaf = null;
  }

  /** Quotes and items that begin with the line. */
  #containers(line) {
    let rest = line;
    for (;;) {
      const quote = /^ *> ?/.exec(rest);
      const item = !quote && !isRule(rest) ? itemOf(rest) : null;
      // Within a paragraph "1986. A good year." is no item.
      const isItem = item && (this.leaf?.type !== "paragraph" || (item.rest && item.start <= 1));
      if (this.open.length >= OPEN_MAX || !(quote || isItem)) break;
      this.leaf = null;
      if (quote) {
        this.#leaveList();
        this.#enter({ type: "quote" });
        rest = rest.slice(quote[0].length);
      } else {
        this.#enterItem(item);
        rest = item.rest;
      }
    }
    if (this.open.at(-1).type === "list") this.#leaveList();
    return rest;
  }

  #enterItem(item) {
    const list = this.open.at(-1);
    if (list.type !== "list" || list.ordered !== item.ordered) {
      this.#leaveList();
      this.#enter({ type: "list", ordered: item.ordered, start: item.start });
    }
    this.#enter({ type: "item", indent: item.indent, check: item.check });
  }

  #leaveList() {
    if (this.open.at(-1).type === "list") this.open.pop();
  }

  #enter(node) {
    this.open.push(this.#made(node));
  }

  #made(node) {
    node.parent = this.open.at(-1);
    this.changed.add(node);
    this.before?.fresh.push(node);
    return node;
  }

  /** What the line is within its containers. */
  #block(rest) {
    if (!rest.trim()) return;
    const fence = fenceOf(rest);
    const heading = /^ *(#{1,6})(?: |$)/.exec(rest);
    if (fence) this.leaf = this.#made({ type: "code", ...fence, lines: [], drawn: 0, text: "", unfinished: "" });
    else if (heading) this.#heading(heading[1].length, rest.slice(heading[0].length));
    else if (isRule(rest)) this.#rule();
    else if (this.leaf?.type === "table" && rest.includes("|")) this.#row(this.leaf, rest);
    else if (this.leaf?.type === "paragraph" && this.#isTable(rest)) this.#table(rest);
    else this.#text(rest.trim());
  }

  #heading(level, text) {
    const bare = text.trimEnd();
    const end = bare.length - /#*$/.exec(bare.slice(-20))[0].length;
    this.leaf = null;
    const isMark = end === 0 || bare[end - 1] === " ";
    this.#made({ type: "heading", level, text: (isMark ? bare.slice(0, end) : bare).trim() });
  }

  #rule() {
    this.leaf = null;
    this.#made({ type: "rule" });
  }

  #text(text) {
    if (this.leaf?.type !== "paragraph" || this.leaf.text.length > PARAGRAPH_MAX) {
      this.leaf = this.#made({ type: "paragraph", text });
    } else {
      this.leaf.text += `\n${text}`;
      this.changed.add(this.leaf);
    }
  }

  /** Whether the line makes a table of the line before. */
  #isTable(rest) {
    const head = this.leaf.text.slice(this.leaf.text.lastIndexOf("\n") + 1);
    if (!head.includes("|") || !/^[-:| ]+$/.test(rest) || !rest.includes("-")) return false;
    const marks = cells(rest);
    return marks.length === cells(head).length && marks.every((mark) => /^:?-+:?$/.test(mark));
  }

  #table(rest) {
    const paragraph = this.leaf;
    const end = paragraph.text.lastIndexOf("\n");
    const head = paragraph.text.slice(end + 1);
    if (end >= 0) {
      paragraph.text = paragraph.text.slice(0, end);
      this.changed.add(paragraph);
    } else {
      paragraph.element?.remove();
      this.changed.delete(paragraph);
      if (this.before) this.before.isReplaced = this.before.leaf === paragraph;
    }
    const align = cells(rest).map((mark) => (mark.endsWith(":") ? (mark.startsWith(":") ? "center" : "end") : ""));
    this.leaf = this.#made({ type: "table", align });
    this.#row(this.leaf, head, true);
  }

  #row(table, text, isHead = false) {
    const row = this.#made({ type: "row", cells: cells(text), isHead });
    row.parent = table;
  }

  #codeLine(rest, isCut) {
    const { leaf } = this;
    const end = fenceOf(rest);
    if (end && !end.info && end.mark[0] === leaf.mark[0] && end.mark.length >= leaf.mark.length) {
      this.leaf = null;
      return;
    }
    leaf.lines.push(rest.slice(Math.min(leaf.indent, spaces(rest))) + (isCut ? "" : "\n"));
    this.changed.add(leaf);
  }

  #unfinishedCode(text) {
    const { depth, rest } = this.#goesOn(text);
    if (depth < this.open.length || /^ *[`~]+$/.test(rest)) return;
    this.leaf.unfinished = rest.slice(Math.min(this.leaf.indent, spaces(rest)));
    this.changed.add(this.leaf);
  }
}

const spaces = (text) => /^ */.exec(text)[0].length;
const isRule = (text) => /^ *([-*_])(?: *\1){2,} *$/.test(text);
const begins = (text) => /^ *(?:>|#{1,6} )/.test(text) || isRule(text) || Boolean(fenceOf(text) ?? itemOf(text));

function fenceOf(text) {
  const found = /^( *)(`{3,}|~{3,})([^]*)$/.exec(text);
  if (!found || (found[2][0] === "`" && found[3].includes("`"))) return null;
  return { indent: found[1].length, mark: found[2], info: found[3].trim() };
}

/** An item of a list. What is two to the right of its mark is within it: people and models do not count exactly. */
function itemOf(text) {
  const found = /^( *)(?:[-+*]|(\d{1,9})[.)])( +|$)/.exec(text);
  if (!found) return null;
  const [whole, lead, number] = found;
  const check = /^\[([ xX])\] /.exec(text.slice(whole.length));
  const rest = text.slice(whole.length + (check ? 4 : 0));
  const ordered = number !== undefined;
  return { ordered, start: Number(number ?? 1), indent: lead.length + 2, check: check?.[1], rest };
}

/** The cells of a row; a bar after a backslash is none. */
function cells(text) {
  const bare = text.trim().replace(/^\|/, "").replace(/(?<!\\)\|$/, "");
  return bare.split(/(?<!\\)\|/, CELLS_MAX).map((cell) => cell.trim().replaceAll("\\|", "|"));
}
