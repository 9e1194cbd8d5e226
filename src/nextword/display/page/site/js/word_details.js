// The details of one word: its probability, its rank, and what the model expected instead.

import { element, fill } from "./dom.js";
import { counted, percent } from "./numbers.js";
import { drawBars, shownWord } from "./probability_bars.js";
import { surprisalInWords } from "./surprisal.js";

export class WordDetails {
  constructor() {
    this.node = element("section", { class: "card details", "aria-live": "polite", "aria-label": "Details of a word" });
    this.reset();
  }

  reset() {
    fill(
      this.node,
      element("h2", {}, "Word by word"),
      element("p", { class: "hint" }, "Point at a word, tap it, or go there with Tab and the arrow keys. Here you see what the model expected instead."),
    );
  }

  show(token, written) {
    const name = token.start === token.end ? "¶ end of the line" : shownWord(written);
    const list = element("ol", { "aria-label": "What the model expected" });
    drawBars(list, token.alternatives, { mark: ({ text }) => (!token.isUnknown && text.trim() === token.text.trim() ? "actual" : null) });
    fill(
      this.node,
      element("h2", { class: "details-word" }, name),
      element(
        "dl",
        { class: "facts" },
        fact("Probability", percent(Math.exp(token.logProb))),
        fact("Surprisal", surprisalInWords(token.logProb)),
        token.isUnknown ? fact("Word", "not in the vocabulary") : fact("Rank", `${counted(token.rank)}${token.rank === 1 ? ": its first choice" : ""}`),
      ),
      element("h3", {}, "The model expected"),
      token.alternatives.length ? list : element("p", { class: "hint" }, "Shown for shorter texts only."),
    );
  }
}

/** Return a term with its value for a `dl`. */
export function fact(name, value) {
  return element("div", {}, element("dt", {}, name), element("dd", {}, value));
}
