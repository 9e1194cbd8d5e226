// What the model expects: the next word, beside a bigram model that sees one word, or the rest of the word being typed.

import { typedPart } from "../model/accept_word.js";
import { element, hint } from "./dom.js";
import { drawBars, highest } from "./probability_bars.js";

const NEXT = "The next word";
const MAX_CONTEXT = 60; // characters
const NO_COUNTS =
  "This model has no counts of its training text, so it plays the bigram model: it reads the last word alone.";

export class NextWordPanel {
  /** @param {Description} description */
  constructor({ bigramSource }) {
    this.title = element("h2", NEXT);
    this.context = element("p.context.answer", { role: "status" }, "Waiting for the first suggestion …");
    this.mine = element("ol", { "aria-label": "Next words by the model" });
    this.theirs = element("ol", { "aria-label": "Next words by the bigram model" });
    this.sees = element("span.quiet");
    this.seen = element("span.quiet");
    const hasCounts = bigramSource === "text";
    const other = element("h3", hasCounts ? "Bigram model" : "Same model, one word", " ", this.seen);
    this.bigrams = element("div", other, this.theirs, hasCounts ? null : hint(NO_COUNTS));
    const whole = element("div", element("h3", "This model", " ", this.sees), this.mine);
    const head = element("div.next-head", this.title, element("p.hint.waiting", "Reading …"));
    this.node = element("section.card", head, this.context, element("div.versus.answer", whole, this.bigrams));
  }

  stop() {
    this.node.classList.remove("is-waiting");
    this.context.textContent = "";
  }

  /** @param found suggestions: completions of the word that the text ends with, if any, else next words */
  show({ found, bigrams, text }) {
    this.stop();
    const unfinished = /$(?<=([\p{L}\p{M}\p{N}_]*))/u.exec(text)?.[1] ?? "";
    const length = found.length ? typedPart(text, found[0].text) : unfinished.length;
    const typed = text.slice(text.length - length);
    this.title.textContent = typed ? "The word you are typing" : NEXT;
    this.sees.textContent = typed ? `among words that begin with “${typed}”` : "reads all of it";
    this.showContext(text.slice(0, text.length - length).trim(), typed);
    this.bigrams.hidden = typed !== "";
    const scale = highest([...found, ...(typed ? [] : bigrams)]);
    drawBars(this.mine, found, { scale });
    drawBars(this.theirs, bigrams, { scale });
  }

  showContext(before, typed) {
    const cut = before.indexOf(" ", before.length - MAX_CONTEXT) + 1;
    const tail = before.length > MAX_CONTEXT ? `… ${before.slice(cut)}` : before;
    const isBegun = before + typed !== "";
    this.context.textContent = isBegun ? `${tail} ` : "At the beginning of a text";
    this.context.classList.toggle("is-text", isBegun);
    if (isBegun) this.context.append(element("span.blank", { "aria-hidden": "true" }, typed || "\u2003"));
    const last = /$(?<=([\p{L}\p{M}\p{N}_'\u2019]+|\S))/u.exec(before)?.[1];
    this.seen.textContent = last ? `sees “${last}”` : "sees nothing";
  }
}
