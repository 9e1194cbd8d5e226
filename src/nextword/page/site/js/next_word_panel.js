// The next word as the model sees it, beside a bigram model that sees one word.

import { element } from "./dom.js";
import { drawBars } from "./probability_bars.js";

export class NextWordPanel {
  constructor(description) {
    this.context = element("p", { class: "context" });
    this.mine = element("ol", { "aria-label": "Next words by the model" });
    this.theirs = element("ol", { "aria-label": "Next words by the bigram model" });
    this.seen = element("span", { class: "quiet" });
    const isText = description.bigramSource === "text";
    this.bigramName = isText ? "Bigram model" : "Same model, one word";
    this.node = element(
      "section",
      { class: "card" },
      element("h2", {}, "The next word"),
      this.context,
      element("div", { class: "versus" }, this.column("This model", "reads all of it", this.mine), this.bigramColumn(isText)),
    );
  }

  column(name, sees, list) {
    return element("div", {}, element("h3", {}, name, " ", element("span", { class: "quiet" }, sees)), list);
  }

  bigramColumn(isText) {
    const note = isText
      ? "Counted in the training text."
      : "This model has no counts of its training text, so it plays the bigram model: it reads the last word alone.";
    return element("div", {}, element("h3", {}, this.bigramName, " ", this.seen), this.theirs, isText ? null : element("p", { class: "hint" }, note));
  }

  /** @param typed the typed part of the next word: words that begin with it stand out */
  show({ next, bigrams, context, typed }) {
    const shown = context.trim();
    const tail = shown.length > 60 ? `… ${shown.slice(shown.indexOf(" ", shown.length - 60) + 1)}` : shown;
    this.context.textContent = shown ? `${tail} ` : "At the beginning of a text";
    this.context.classList.toggle("is-text", shown !== "");
    if (shown) this.context.append(element("span", { class: "blank", "aria-hidden": "true" }, typed || "\u2003"));
    const last = shown.split(/\s+/).pop();
    this.seen.textContent = last ? `sees “${last}”` : "sees nothing";
    const begins = typed.toLowerCase().replace(/^\P{L}+/u, "");
    const mark = ({ text }) => (begins ? (text.toLowerCase().startsWith(begins) ? "match" : "other") : null);
    const scale = Math.max(...[...next, ...bigrams].map((word) => word.probability), 1e-9);
    drawBars(this.mine, next, { mark, scale });
    drawBars(this.theirs, bigrams, { mark, scale });
  }
}
