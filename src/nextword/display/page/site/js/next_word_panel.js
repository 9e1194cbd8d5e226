// What the model expects: the next word, beside a bigram model that sees one word, or the rest of the word being typed.

import { typedPart } from "./accept_word.js";
import { element } from "./dom.js";
import { drawBars } from "./probability_bars.js";

export class NextWordPanel {
  constructor(description) {
    this.title = element("h2", {}, NEXT);
    this.context = element("p", { class: "context answer", role: "status" }, "Waiting for the first suggestion …");
    this.mine = element("ol", { "aria-label": "Next words by the model" });
    this.theirs = element("ol", { "aria-label": "Next words by the bigram model" });
    this.sees = element("span", { class: "quiet" });
    this.seen = element("span", { class: "quiet" });
    const isText = description.bigramSource === "text";
    this.bigrams = this.bigramColumn(isText);
    const lists = element("div", { class: "versus answer" }, this.column("This model", this.sees, this.mine), this.bigrams);
    this.node = element("section", { class: "card" }, element("div", { class: "next-head" }, this.title, element("p", { class: "hint waiting" }, "Reading …")), this.context, lists);
  }

  column(name, sees, list) {
    return element("div", {}, element("h3", {}, name, " ", sees), list);
  }

  bigramColumn(isText) {
    const note = "This model has no counts of its training text, so it plays the bigram model: it reads the last word alone.";
    const column = this.column(isText ? "Bigram model" : "Same model, one word", this.seen, this.theirs);
    if (!isText) column.append(element("p", { class: "hint" }, note));
    return column;
  }

  stop() {
    this.node.classList.remove("is-waiting");
    this.context.textContent = "";
  }

  /** @param found suggestions: completions of the word that the text ends with, if any, else next words */
  show({ found, bigrams, text }) {
    this.stop();
    const length = found.length ? typedPart(text, found[0].text) : text.length - text.search(/[\p{L}\p{M}\p{N}_]*$/u);
    const typed = text.slice(text.length - length);
    this.title.textContent = typed ? "The word you are typing" : NEXT;
    this.sees.textContent = typed ? `among words that begin with “${typed}”` : "reads all of it";
    this.showContext(text.slice(0, text.length - length).trim(), typed);
    this.bigrams.hidden = typed !== "";
    const scale = Math.max(...[...found, ...(typed ? [] : bigrams)].map((word) => word.probability), 1e-9);
    drawBars(this.mine, found, { scale });
    drawBars(this.theirs, bigrams, { scale });
  }

  showContext(before, typed) {
    const tail = before.length > 60 ? `… ${before.slice(before.indexOf(" ", before.length - 60) + 1)}` : before;
    const isBegun = before + typed !== "";
    this.context.textContent = isBegun ? `${tail} ` : "At the beginning of a text";
    this.context.classList.toggle("is-text", isBegun);
    if (isBegun) this.context.append(element("span", { class: "blank", "aria-hidden": "true" }, typed || "\u2003"));
    const last = /[\p{L}\p{M}\p{N}_'\u2019]+$|\S$/u.exec(before)?.[0];
    this.seen.textContent = last ? `sees “${last}”` : "sees nothing";
  }
}

const NEXT = "The next word";
