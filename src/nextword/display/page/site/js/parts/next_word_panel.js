// What the model expects: the next word, or the rest of the word being typed.

import { typedPart } from "../model/accept_word.js";
import { element } from "./dom.js";
import { drawBars, highest } from "./probability_bars.js";

const NEXT = "The next word";
const MAX_CONTEXT = 60; // characters

export class NextWordPanel {
  constructor() {
    this.title = element("h2", NEXT);
    this.context = element("p.context.answer", { role: "status" }, "Waiting for the first suggestion …");
    this.mine = element("ol", { "aria-label": "Next words by the model" });
    this.sees = element("span.quiet");
    const whole = element("div.answer", element("h3", "This model", " ", this.sees), this.mine);
    const head = element("div.next-head", this.title, element("p.hint.waiting", "Reading …"));
    this.node = element("section.card", head, this.context, whole);
  }

  stop() {
    this.node.classList.remove("is-waiting");
    this.context.textContent = "";
  }

  /** @param found suggestions: completions of the word that the text ends with, if any, else next words */
  show(found, text) {
    this.stop();
    const unfinished = /$(?<=([\p{L}\p{M}\p{N}_]*))/u.exec(text)?.[1] ?? "";
    const length = found.length ? typedPart(text, found[0].text) : unfinished.length;
    const typed = text.slice(text.length - length);
    this.title.textContent = typed ? "The word you are typing" : NEXT;
    this.sees.textContent = typed ? `among words that begin with “${typed}”` : "reads all of it";
    this.showContext(text.slice(0, text.length - length).trim(), typed);
    drawBars(this.mine, found, { scale: highest(found) });
  }

  showContext(before, typed) {
    const cut = before.indexOf(" ", before.length - MAX_CONTEXT) + 1;
    const tail = before.length > MAX_CONTEXT ? `… ${before.slice(cut)}` : before;
    const isBegun = before + typed !== "";
    this.context.textContent = isBegun ? `${tail} ` : "At the beginning of a text";
    this.context.classList.toggle("is-text", isBegun);
    if (isBegun) this.context.append(element("span.blank", { "aria-hidden": "true" }, typed || "\u2003"));
  }
}
